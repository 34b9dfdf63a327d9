package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Survey;
import dev.matriarch.agent.rpc.PeerAnswer;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Asks the other members where they stand. */
final class Peerage {
    private static final Duration PATIENCE = Duration.ofMillis(800);
    private final Peers peers;
    private List<String> known = List.of();

    Peerage(Peers peers) {
        this.peers = peers;
    }

    /** Opens the way to members that are new, so that a leader race does not have to. Returns at once. */
    void getToKnow(ClusterView view, String me) {
        List<Member> others =
                view.members().stream().filter(m -> !m.name().equals(me)).toList();
        List<String> addresses =
                others.stream().map(Member::rpcAddress).sorted().toList();
        if (!addresses.equals(known)) {
            known = addresses;
            Thread.ofVirtual().name("meet-peers").start(() -> peers.positions(others, PATIENCE));
        }
    }

    Survey ask(Set<String> names, Optional<ClusterView> view) {
        List<Member> members = view.stream()
                .flatMap(v -> v.members().stream())
                .filter(m -> names.contains(m.name()))
                .toList();
        Map<String, PeerAnswer> answers = peers.positions(members, PATIENCE);
        List<Survey.Answer> all = new ArrayList<>();
        for (String name : names) {
            all.add(
                    switch (answers.get(name)) {
                        case PeerAnswer.Answered(var p) ->
                            new Survey.Answer(
                                    name,
                                    true,
                                    p.running(),
                                    p.inRecovery(),
                                    p.lsn(),
                                    p.timeline(),
                                    p.nofailover() || p.watchdogFailed(),
                                    p.failoverPriority());
                        case PeerAnswer.Unreachable unreachable -> Survey.Answer.unreachable(name);
                        case null -> Survey.Answer.unreachable(name);
                    });
        }
        return new Survey(all);
    }
}
