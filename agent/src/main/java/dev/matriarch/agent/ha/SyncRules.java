package dev.matriarch.agent.ha;

import dev.matriarch.agent.ha.Settings.Synchronous.Mode;
import dev.matriarch.dcs.SyncState;
import java.util.Collection;
import java.util.Iterator;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Arithmetic of the two sides of synchronous replication: whom commits wait for, and who may follow the leader.
 *
 * <p>A commit is acknowledged when it is on the leader and on {@code n} of the standbys {@code S}. A candidate wins when
 * {@code q} others of leader and voters {@code V} have nothing that it lacks. Both meet in at least one server, and so no
 * acknowledged commit is lost, as long as {@code |V ∪ S| <= q + n}. Mode {@code on} is the case {@code n = |S|, q = 0}:
 * every voter has acknowledged every commit.
 *
 * @param mode what the server's version allows of what is asked for
 * @param kind the form of the list that it understands
 * @param nodeCount acknowledgements wanted, at least 1
 */
record SyncRules(Mode mode, StandbyNames.Kind kind, int nodeCount, boolean strict) {
    private static final int PRIORITY_LIST_WITH_COUNT = 90_600;
    private static final int QUORUM_LIST = 100_000;

    /** @param serverVersion server_version_num; 0 if unknown, which is taken for a recent one */
    static SyncRules of(Settings.Synchronous settings, int serverVersion) {
        boolean single = serverVersion > 0 && serverVersion < PRIORITY_LIST_WITH_COUNT;
        boolean any = serverVersion == 0 || serverVersion >= QUORUM_LIST;
        Mode mode = single && settings.mode() == Mode.QUORUM ? Mode.ON : settings.mode();
        return new SyncRules(
                mode,
                mode == Mode.QUORUM && any ? StandbyNames.Kind.ANY : StandbyNames.Kind.FIRST,
                single ? 1 : Math.max(1, settings.nodeCount()),
                settings.strict());
    }

    static SyncRules of(Settings.Synchronous settings) {
        return of(settings, 0);
    }

    StandbyNames names(int count, SortedSet<String> members) {
        return StandbyNames.of(kind, count, members);
    }

    /** Whether {@code live} is what {@link #names} would make. */
    boolean isNames(StandbyNames live, int count, SortedSet<String> members) {
        return live.kind() == kind && live.count() == count && same(live.names(), members);
    }

    /** What the commits of a leader have to wait for, so that they are safe with these voters. */
    StandbyNames inForce(SyncState sync) {
        return enough(lower(sync.voters()), sync.quorum());
    }

    private StandbyNames enough(SortedSet<String> voters, int quorum) {
        return voters.isEmpty() ? nobody() : names(Math.max(1, voters.size() - quorum), voters);
    }

    /** What commits wait for when there is no standby to wait for. */
    StandbyNames nobody() {
        return strict ? StandbyNames.BLOCKING : StandbyNames.NONE;
    }

    /** After a failover leader and voters are the same people, only the seats have changed. */
    static SyncState takenOver(String me, SyncState sync) {
        SortedSet<String> voters = new TreeSet<>(lower(sync.voters()));
        voters.add(SyncCandidates.lower(sync.leader()));
        voters.remove(SyncCandidates.lower(me));
        return new SyncState(me, voters, sync.quorum());
    }

    static boolean overlap(SortedSet<String> voters, int quorum, SortedSet<String> standbys, int count) {
        int either = voters.size();
        for (String name : standbys) {
            if (!voters.contains(name)) {
                either++;
            }
        }
        return either <= quorum + count;
    }

    static boolean overlap(SyncState sync, StandbyNames names) {
        return overlap(lower(sync.voters()), sync.quorum(), names.names(), names.count());
    }

    static SortedSet<String> union(Collection<String> a, Collection<String> b) {
        SortedSet<String> all = new TreeSet<>(a);
        all.addAll(b);
        return all;
    }

    static SortedSet<String> common(Collection<String> a, Collection<String> b) {
        SortedSet<String> both = new TreeSet<>(a);
        both.retainAll(b);
        return both;
    }

    /** In lower case: the same set if all of it is, for a leader asks several times in every heartbeat. */
    static SortedSet<String> lower(SortedSet<String> names) {
        for (String name : names) {
            if (!SyncCandidates.lower(name).equals(name)) {
                SortedSet<String> all = new TreeSet<>();
                names.forEach(n -> all.add(SyncCandidates.lower(n)));
                return all;
            }
        }
        return names;
    }

    /** Of two sets in the same order: a look at each pair costs less than a search for each name. */
    static boolean same(SortedSet<String> a, SortedSet<String> b) {
        if (a.size() != b.size()) {
            return false;
        }
        Iterator<String> other = b.iterator();
        for (String name : a) {
            if (!name.equals(other.next())) {
                return false;
            }
        }
        return true;
    }
}
