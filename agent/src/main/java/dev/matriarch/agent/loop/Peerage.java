package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Survey;
import dev.matriarch.agent.rpc.PeerAnswer;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Asks the other members where they stand. */
final class Peerage {
    private static final Duration PATIENCE = Duration.ofMillis(800);
    private final Peers peers;
    private List<String> known = List.of();
    private final Map<String, Member> lastRecords = new HashMap<>();

    Peerage(Peers peers) {
        this.peers = peers;
    }

    /** Who lives at the address in a record of this member's name. */
    Peers.NameHolder nameHolder(Member record) {
        return peers.nameHolder(record, PATIENCE);
    }

    /** Opens the way to members that are new, so that a leader race does not have to. Returns at once. */
    void getToKnow(ClusterView view, String me) {
        List<Member> others =
                view.members().stream().filter(m -> !m.name().equals(me)).toList();
        // Their addresses are wanted most when the store has gone, or their records in it.
        view.members().forEach(m -> lastRecords.put(m.name(), m));
        List<String> addresses =
                others.stream().map(Member::rpcAddress).sorted().toList();
        if (!addresses.equals(known)) {
            known = addresses;
            Thread.ofVirtual().name("meet-peers").start(() -> peers.positions(others, PATIENCE));
        }
    }

    /**
     * Failsafe mode: asks the members for their promise.
     *
     * @param me this member's record
     * @return name to the reason of each that did not promise it; empty if all did
     */
    Map<String, String> refusals(Set<String> names, Member me, Duration ttl, Duration atMost) {
        Map<String, String> refusals = new TreeMap<>();
        List<Member> members = new ArrayList<>();
        for (String name : names) {
            Member record = lastRecords.get(name);
            if (record == null) {
                refusals.put(name, "its address is not known");
            } else {
                members.add(record);
            }
        }
        refusals.putAll(peers.refusals(members, me, ttl, atMost.compareTo(PATIENCE) < 0 ? atMost : PATIENCE));
        return refusals;
    }

    Survey ask(Set<String> names, Optional<ClusterView> view) {
        List<Member> members = view.stream()
                .flatMap(v -> v.members().stream())
                .filter(m -> names.contains(m.name()))
                .toList();
        Map<String, PeerAnswer> answers = peers.positions(members, PATIENCE);
        List<Survey.Answer> all = new ArrayList<>();
        for (String name : names) {
            all.add(answers.getOrDefault(name, new PeerAnswer.Unreachable("not a member"))
                    .inRace(name));
        }
        return new Survey(all);
    }
}
