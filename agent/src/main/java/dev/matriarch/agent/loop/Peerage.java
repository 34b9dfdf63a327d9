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

    Peerage(Peers peers) {
        this.peers = peers;
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
