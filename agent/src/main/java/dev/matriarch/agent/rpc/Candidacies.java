package dev.matriarch.agent.rpc;

import dev.matriarch.agent.ha.Candidacy;
import dev.matriarch.agent.ha.Survey;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.peer.v1.CandidacyReply;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Who would take the lock if the leader were gone: each member answers for itself. Any thread; each call ends in time. */
final class Candidacies {
    private static final Duration ASK_POSITIONS = Duration.ofMillis(800);
    private static final Duration ASK_CANDIDACIES = Duration.ofSeconds(2);

    private final LocalAgent agent;
    private final Operations operations;
    private final Peers peers;

    Candidacies(LocalAgent agent, Operations operations, Peers peers) {
        this.agent = agent;
        this.operations = operations;
        this.peers = peers;
    }

    /** This member's own, as in a leader race: the others are asked where they stand, the leader counts as gone. */
    CandidacyReply own() {
        String leader =
                operations.view().flatMap(ClusterView::leader).map(Leader::name).orElse("");
        List<Member> others =
                others().stream().filter(m -> !m.name().equals(leader)).toList();
        Map<String, PeerAnswer> answers = peers.positions(others, ASK_POSITIONS);
        Candidacy candidacy = agent.candidacy(new Survey(
                others.stream().map(m -> answers.get(m.name()).inRace(m.name())).toList()));
        return CandidacyReply.newBuilder()
                .setName(agent.name())
                .setPromotable(candidacy.promotable())
                .setWhy(candidacy.why())
                .setLsn(candidacy.position().value())
                .setTimeline(candidacy.timeline())
                .setFailoverPriority(agent.position().failoverPriority())
                .build();
    }

    /** The answers of those who gave one, by name. */
    Map<String, CandidacyReply> all() {
        Map<String, CandidacyReply> all = new TreeMap<>(peers.candidacies(others(), ASK_CANDIDACIES));
        all.put(agent.name(), own());
        return all;
    }

    /** What a switchover check asks of everybody, by name. */
    Map<String, PeerAnswer> positions() {
        Map<String, PeerAnswer> all = new TreeMap<>(peers.positions(others(), ASK_POSITIONS));
        all.put(agent.name(), new PeerAnswer.Answered(agent.position()));
        return all;
    }

    private List<Member> others() {
        Optional<ClusterView> view = operations.view();
        return view.stream()
                .flatMap(v -> v.members().stream())
                .filter(m -> !m.name().equals(agent.name()))
                .toList();
    }
}
