package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * With quorum commit a leader hands over only to a member that the {@code sync} key names, and a replica that has just
 * connected comes into that key with one of the leader's next heartbeats. Pure: no I/O, no clock.
 */
final class QuorumSet {
    private QuorumSet() {}

    /**
     * What the leader would say against a switchover now, going by the store alone.
     *
     * @param answers of the members among which the best one is chosen, if the request names none
     * @return empty: nothing, or the request is none that the set matters to
     */
    static Optional<String> objection(
            FailoverRequest request, ClusterView view, DynamicConfig config, Map<String, PeerAnswer> answers) {
        Optional<SyncState> set =
                view.sync().map(Versioned::value).filter(s -> !s.leader().isEmpty());
        if (config.synchronousMode() != DynamicConfig.SynchronousMode.QUORUM
                || !request.isSwitchover()
                || request.scheduledAt().isPresent()
                || set.isEmpty()) {
            return Optional.empty();
        }
        String leader = view.leader().map(Leader::name).orElse("");
        List<String> names = request.candidate()
                .map(List::of)
                .orElseGet(() -> view.members().stream()
                        .filter(m -> !m.name().equals(leader) && isGood(m, answers))
                        .map(Member::name)
                        .toList());
        return names.stream().anyMatch(set.get()::contains)
                ? Optional.empty()
                : Optional.of(names.stream()
                        .map(n -> "Member " + n + " is not synchronous")
                        .collect(Collectors.joining("; ")));
    }

    /** True if no heartbeat of the leader will take any of those in that the request is about: their tags say so. */
    static boolean waitingIsVain(FailoverRequest request, ClusterView view) {
        String leader = view.leader().map(Leader::name).orElse("");
        return view.members().stream()
                .filter(m -> !m.name().equals(leader))
                .filter(m -> request.candidate().map(m.name()::equals).orElse(true))
                .noneMatch(m -> m.syncPriority() > 0 && !m.flag("nostream") && !isBehindAnother(view, m, leader));
    }

    /** It gets its WAL from a standby, so that no commit of the leader can wait for it. In a circle of sources nobody does. */
    private static boolean isBehindAnother(ClusterView view, Member member, String leader) {
        Set<String> passed = new HashSet<>();
        boolean streams = false;
        Optional<String> source = member.replicateFrom();
        while (source.isPresent() && !source.get().equals(leader) && passed.add(source.get())) {
            if (source.get().equals(member.name())) {
                return false;
            }
            Optional<Member> one = view.member(source.get());
            streams |= one.filter(Member::isRunning)
                    .flatMap(Member::replicationState)
                    .filter("streaming"::equals)
                    .isPresent();
            source = one.flatMap(Member::replicateFrom);
        }
        return streams;
    }

    private static boolean isGood(Member member, Map<String, PeerAnswer> answers) {
        return !member.nofailover()
                && answers.getOrDefault(member.name(), new PeerAnswer.Unreachable("not asked"))
                        .isGoodCandidate();
    }
}
