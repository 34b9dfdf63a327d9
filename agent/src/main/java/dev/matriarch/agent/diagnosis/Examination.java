package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.ListPeersReply;
import dev.matriarch.proto.control.v1.MemberFacts;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * Everything a diagnosis depends on.
 *
 * @param asked the member whose agent asked the others
 * @param now by that agent's clock
 * @param view absent: that agent knows of no cluster
 * @param facts of the members that answered, by name
 * @param silent why the others did not, by name
 * @param peers of the built-in store; absent: it is another one, or they could not be asked
 */
public record Examination(
        String scope,
        String asked,
        Instant now,
        Optional<ClusterView> view,
        DynamicConfig config,
        SortedMap<String, MemberFacts> facts,
        SortedMap<String, String> silent,
        Optional<ListPeersReply> peers) {

    List<Member> members() {
        return view.map(ClusterView::members).orElse(List.of());
    }

    /** Empty: nobody leads, as far as is known. */
    String leader() {
        return view.flatMap(ClusterView::leader).map(Leader::name).orElse("");
    }

    /** What each member that answered says to it. */
    SortedMap<String, String> each(Function<MemberFacts, String> question) {
        SortedMap<String, String> answers = new TreeMap<>();
        facts.forEach((name, one) -> answers.put(name, question.apply(one)));
        return answers;
    }

    /** As {@link #each}, without those who do not know. */
    SortedMap<String, String> known(Function<MemberFacts, String> question) {
        SortedMap<String, String> answers = each(question);
        answers.values().removeIf(String::isEmpty);
        return answers;
    }

    /** What several members say in the same words is said once, of the cluster. */
    static void grouped(
            Map<String, List<String>> sentences, int members, java.util.function.BiConsumer<String, String> to) {
        Map<String, List<String>> bySentence = new java.util.LinkedHashMap<>();
        sentences.forEach((member, all) -> all.stream()
                .distinct()
                .forEach(s -> bySentence
                        .computeIfAbsent(s, x -> new java.util.ArrayList<>())
                        .add(member)));
        bySentence.forEach((sentence, of) -> {
            if (of.size() == members && members > 1) {
                to.accept("", sentence);
            } else {
                of.forEach(member -> to.accept(member, sentence));
            }
        });
    }
}
