package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.util.Collection;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Keeps the store's {@code sync} key and PostgreSQL's {@code synchronous_standby_names} in step, one safe step at a time.
 *
 * <p>A commit is acknowledged when it is on the leader and on {@code n} of the standbys {@code S}. A candidate wins when
 * {@code q} others of leader and voters {@code V} have nothing that it lacks. Both sets meet, and so no acknowledged
 * commit is lost, as long as {@code |V ∪ S| <= q + n}. Every step returned here keeps that true with the other side as it
 * stands; {@code n} counts only standbys that are known to have everything from before their list took effect.
 */
final class QuorumCommit {
    /**
     * @param names what PostgreSQL has in force; empty: something the agent did not write
     * @param active standbys that stream and may be waited for
     * @param confirmed those of them that hold all WAL from before {@code names} took effect
     * @param wanted acknowledgements asked for, at least 1
     */
    record Input(
            String me,
            Optional<Versioned<SyncState>> sync,
            Optional<StandbyNames> names,
            Set<String> active,
            Set<String> confirmed,
            int wanted) {}

    private QuorumCommit() {}

    /** The next step, or empty when all is as wanted or only time can help. */
    static Optional<Decision> next(Input in) {
        if (in.sync().isEmpty()) {
            return Optional.of(new Decision.WriteSync(
                    Optional.of(new SyncState(in.me(), new TreeSet<>(), 0)),
                    Expected.absent(),
                    "Enabled synchronous replication"));
        }
        SyncState sync = in.sync().get().value();
        if (!sync.leader().equalsIgnoreCase(in.me())) {
            return Optional.of(takeOver(in.me(), in.sync().get(), in.names()));
        }
        return new Plan(in, sync).next();
    }

    /** What a member that is about to be promoted has its first commits wait for. */
    static StandbyNames afterPromotion(String me, SyncState sync) {
        SortedSet<String> voters = votersAfterPromotion(me, sync);
        return enough(voters, sync.quorum());
    }

    /** What the commits of a primary that comes back under its own lock wait for. */
    static StandbyNames inForce(SyncState sync) {
        return enough(lower(sync.voters()), sync.quorum());
    }

    private static StandbyNames enough(SortedSet<String> voters, int quorum) {
        return voters.isEmpty() ? StandbyNames.NONE : StandbyNames.of(Math.max(1, voters.size() - quorum), voters);
    }

    /** The setting for a primary that starts under the lock it holds. */
    static String settingAtStart(Settings settings, Optional<Versioned<SyncState>> sync) {
        return !settings.synchronous().isOff()
                ? sync.map(s -> inForce(s.value())).orElse(StandbyNames.NONE).setting()
                : settings.synchronous().userStandbyNames();
    }

    private static SortedSet<String> votersAfterPromotion(String me, SyncState sync) {
        SortedSet<String> voters = lower(sync.voters());
        voters.remove(me.toLowerCase(Locale.ROOT));
        voters.add(sync.leader().toLowerCase(Locale.ROOT));
        return voters;
    }

    /** After a failover leader and voters are the same people, only the seats have changed. */
    static Decision takeOver(String me, Versioned<SyncState> stored, Optional<StandbyNames> names) {
        SyncState sync = stored.value();
        StandbyNames first = afterPromotion(me, sync);
        return names.equals(Optional.of(first))
                ? write(stored, new SyncState(me, votersAfterPromotion(me, sync), sync.quorum()))
                : new Decision.SetStandbyNames(
                        first.setting(), "I follow " + sync.leader() + " as the leader of " + sync.voters());
    }

    private static Decision write(Versioned<SyncState> stored, SyncState state) {
        return new Decision.WriteSync(
                Optional.of(state),
                Expected.revision(stored.revision()),
                "Setting leader to " + state.leader() + ", quorum to " + state.quorum() + " of " + state.voters());
    }

    private static SortedSet<String> lower(Collection<String> names) {
        SortedSet<String> all = new TreeSet<>();
        names.forEach(n -> all.add(n.toLowerCase(Locale.ROOT)));
        return all;
    }

    private static SortedSet<String> union(Set<String> a, Set<String> b) {
        SortedSet<String> all = new TreeSet<>(a);
        all.addAll(b);
        return all;
    }

    /** One look at both sides. */
    private static final class Plan {
        private final Input in;
        private final SortedSet<String> voters;
        private final int quorum;
        private final SortedSet<String> active;

        Plan(Input in, SyncState sync) {
            this.in = in;
            this.voters = lower(sync.voters());
            this.quorum = sync.quorum();
            this.active = lower(in.active());
        }

        Optional<Decision> next() {
            if (in.names().isEmpty()) {
                // Somebody else's list: promise nothing about it before it is replaced.
                return voters.isEmpty() ? names(target(active)) : voters(new TreeSet<>(), 0);
            }
            StandbyNames live = in.names().get();
            if (!voters.isEmpty() && !overlap(voters, quorum, live.names(), live.count())) {
                return voters(new TreeSet<>(), 0);
            }
            SortedSet<String> involved = union(voters, live.names());
            SortedSet<String> staying = new TreeSet<>(involved);
            staying.retainAll(active);
            // Those who left go first, so that commits wait for them no longer; then the new ones come in.
            return toward(staying.equals(involved) ? active : staying, live);
        }

        private Optional<Decision> toward(SortedSet<String> members, StandbyNames live) {
            StandbyNames wanted = target(members);
            if (members.isEmpty()) {
                return !voters.isEmpty()
                        ? voters(new TreeSet<>(), 0)
                        : live.equals(wanted) ? Optional.empty() : names(wanted);
            }
            int confirmed = Math.min(live.count(), confirmedOf(live));
            int finalQuorum = members.size() - wanted.count();
            if (live.equals(wanted)) {
                int q = members.size() - confirmed;
                boolean done = voters.equals(members) && quorum == q;
                return done || confirmed == 0 ? Optional.empty() : voters(members, q);
            }
            if (voters.isEmpty() || overlap(voters, quorum, members, wanted.count())) {
                return names(wanted);
            }
            boolean same = voters.equals(members) && quorum == finalQuorum;
            if (!same && overlap(members, finalQuorum, live.names(), confirmed)) {
                return voters(members, finalQuorum);
            }
            if (confirmed < Math.min(live.count(), stillThere(live))) {
                return Optional.empty();
            }
            // Asking for more votes is always safe; it makes room for the new list.
            int raised = union(voters, members).size() - wanted.count();
            return raised > quorum ? voters(voters, raised) : Optional.empty();
        }

        private StandbyNames target(SortedSet<String> members) {
            return StandbyNames.of(Math.min(in.wanted(), members.size()), members);
        }

        private int confirmedOf(StandbyNames live) {
            SortedSet<String> confirmed = lower(in.confirmed());
            confirmed.retainAll(live.names());
            return confirmed.size();
        }

        private int stillThere(StandbyNames live) {
            SortedSet<String> there = new TreeSet<>(live.names());
            there.retainAll(active);
            return there.size();
        }

        private static boolean overlap(Set<String> voters, int quorum, Set<String> standbys, int count) {
            return union(voters, standbys).size() <= quorum + count;
        }

        private Optional<Decision> names(StandbyNames names) {
            return Optional.of(new Decision.SetStandbyNames(
                    names.setting(), "Assigning synchronous_standby_names to '" + names.setting() + "'"));
        }

        private Optional<Decision> voters(SortedSet<String> voters, int quorum) {
            return Optional.of(write(in.sync().orElseThrow(), new SyncState(in.me(), voters, quorum)));
        }
    }
}
