package dev.matriarch.dcs;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * All keys of one cluster at one revision of the store.
 *
 * @param revision the store's revision of this view
 * @param initialize system identifier; an empty text means that a member is bootstrapping
 * @param config the dynamic configuration as JSON text, not interpreted here
 * @param leader absent: nobody holds the lock
 * @param members sorted by name
 * @param history absent: unknown
 */
public record ClusterView(
        long revision,
        Optional<Versioned<String>> initialize,
        Optional<Versioned<String>> config,
        Optional<Leader> leader,
        List<Member> members,
        ClusterStatus status,
        Optional<Versioned<FailoverRequest>> failover,
        Optional<TimelineHistory> history,
        Optional<Versioned<SyncState>> sync,
        Map<String, String> failsafe) {
    public ClusterView {
        members = List.copyOf(members);
        failsafe = Map.copyOf(failsafe);
    }

    public static ClusterView empty() {
        return new ClusterView(
                0,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                List.of(),
                ClusterStatus.NONE,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Map.of());
    }

    public Optional<Member> member(String name) {
        for (Member member : members) {
            if (member.name().equals(name)) {
                return Optional.of(member);
            }
        }
        return Optional.empty();
    }

    /** The leader's own member record; absent if it has not published one or it has expired. */
    public Optional<Member> leaderMember() {
        return leader.flatMap(l -> member(l.name()));
    }

    /** The {@code failover} key if it asks for something: a cleared key stays in the store, empty. */
    public Optional<Versioned<FailoverRequest>> pendingFailover() {
        return failover.filter(f -> f.value().asksForSomething());
    }

    public boolean isUnlocked() {
        return leader.isEmpty();
    }
}
