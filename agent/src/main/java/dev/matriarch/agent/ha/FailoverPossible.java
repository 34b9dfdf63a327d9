package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Would another member take over if this leader gave up? Asked before a leader gives up anything: a cluster whose leader
 * is slow is better off than one without a leader.
 */
final class FailoverPossible {
    sealed interface Answer {
        /** The others must be asked first. */
        record Ask(Set<String> members) implements Answer {}

        /** @param members who could lead */
        record Yes(Set<String> members) implements Answer {}

        /** @param why one sentence for each member that cannot */
        record No(List<String> why) implements Answer {}
    }

    private FailoverPossible() {}

    /**
     * @param needed what a member must have to be taken; empty: within {@code maximum_lag_on_failover} of the position
     *     that the leader published last
     */
    static Answer of(Observation seen, ClusterView view, Optional<Lsn> needed) {
        Set<String> others = view.members().stream()
                .map(Member::name)
                .filter(n -> !n.equals(seen.me()))
                .collect(Collectors.toCollection(TreeSet::new));
        if (seen.survey().isEmpty() && !others.isEmpty()) {
            return new Answer.Ask(others);
        }
        Optional<FailoverRequest> request = view.pendingFailover()
                .map(Versioned::value)
                .filter(r -> r.scheduledAt().isEmpty());
        Optional<String> candidate = request.flatMap(FailoverRequest::candidate);
        boolean forced = request.map(r -> !r.isSwitchover()).orElse(false);
        Optional<SyncState> sync = view.sync()
                .map(Versioned::value)
                .filter(s ->
                        !seen.settings().synchronous().isOff() && !s.leader().isEmpty() && !forced);
        Set<String> healthy = new TreeSet<>();
        List<String> why = new ArrayList<>();
        for (String name : others) {
            if (sync.isPresent() && !sync.get().contains(name)) {
                why.add("Member " + name + " is not synchronous");
                continue;
            }
            Optional<String> problem = problem(name, seen.survey().orElseThrow().of(name), seen, view, needed);
            problem.ifPresentOrElse(why::add, () -> healthy.add(name));
        }
        boolean quorum = seen.settings().synchronous().mode() == Settings.Synchronous.Mode.QUORUM;
        if (quorum && sync.isPresent() && healthy.size() - 1 < sync.get().quorum()) {
            why.add(healthy.size() + " healthy members cannot give the "
                    + sync.get().quorum() + " votes that one of them needs");
            return new Answer.No(why);
        }
        if (candidate.isPresent()) {
            healthy.retainAll(Set.of(candidate.get()));
        }
        return healthy.isEmpty() ? new Answer.No(why) : new Answer.Yes(healthy);
    }

    private static Optional<String> problem(
            String name, Optional<Survey.Answer> answer, Observation seen, ClusterView view, Optional<Lsn> needed) {
        if (answer.isEmpty() || !answer.get().reachable()) {
            return Optional.of("Member " + name + " is not reachable");
        }
        Survey.Answer member = answer.get();
        if (member.nofailover()) {
            return Optional.of("Member " + name + " is not allowed to promote");
        }
        if (!member.eligible()) {
            return Optional.of("Member " + name + " is not a running standby");
        }
        if (needed.isPresent() && needed.get().isAfter(member.lsn())) {
            return Optional.of("Member " + name + " has not received " + needed.get());
        }
        boolean behind =
                view.status().optime().minus(member.lsn()) > seen.settings().maximumLagOnFailover();
        if (needed.isEmpty() && behind) {
            return Optional.of("Member " + name + " exceeds maximum replication lag");
        }
        int known = view.history().map(h -> h.currentTimeline()).orElse(0);
        return seen.settings().checkTimeline() && member.timeline() < known
                ? Optional.of(
                        "Timeline " + member.timeline() + " of member " + name + " is behind the cluster's " + known)
                : Optional.empty();
    }
}
