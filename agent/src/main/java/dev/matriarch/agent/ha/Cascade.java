package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * Who streams from whom. A member with the tag {@code replicatefrom} streams from the member named there while that one
 * is a running standby, else from the leader.
 */
final class Cascade {
    private final ClusterView view;

    Cascade(ClusterView view) {
        this.view = view;
    }

    /**
     * The member that {@code name} streams from; empty if there is none, or if it receives no WAL by streaming.
     *
     * @param tags of {@code name}: its own, or what it published
     */
    Optional<Member> upstreamOf(String name, Tags tags) {
        if (tags.nostream() || isLeader(name)) {
            return Optional.empty();
        }
        Optional<Member> source = tags.replicateFrom().isPresent() ? sourceOf(name, tags) : Optional.empty();
        return (source.isPresent() ? source : view.leaderMember())
                .filter(m -> !m.name().equals(name));
    }

    /** True if {@code downstream}, as it published its tags, streams from {@code upstream}. */
    boolean streamsFrom(Member downstream, String upstream) {
        return upstreamOf(downstream.name(), Tags.of(downstream))
                .map(m -> m.name().equals(upstream))
                .orElse(false);
    }

    /** True if following {@code replicatefrom} from this member leads back to it: then nobody would have any WAL. */
    boolean goesInACircle(String name, Tags tags) {
        Set<String> passed = new HashSet<>();
        Optional<String> next = tags.replicateFrom();
        while (next.isPresent() && passed.add(next.get()) && !isLeader(next.get())) {
            if (next.get().equals(name)) {
                return true;
            }
            next = view.member(next.get()).map(Tags::of).flatMap(Tags::replicateFrom);
        }
        return false;
    }

    private Optional<Member> sourceOf(String name, Tags tags) {
        return tags.replicateFrom()
                .filter(n -> !goesInACircle(name, tags))
                .flatMap(view::member)
                .filter(Member::isRunning)
                // A primary that does not lead is one that has lost the lock and is about to stop.
                .filter(m -> isLeader(m.name()) || !m.isPrimary())
                .filter(m -> !m.flag("nostream"));
    }

    private boolean isLeader(String name) {
        return view.leader().isPresent() && view.leader().get().name().equals(name);
    }
}
