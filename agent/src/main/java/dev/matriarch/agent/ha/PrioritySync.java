package dev.matriarch.agent.ha;

import dev.matriarch.dcs.SyncState;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Mode {@code on}: every commit waits for all of the picked standbys, and only they may follow the leader. The store's
 * list shrinks before PostgreSQL's changes and grows after it, so that at every moment whoever is in it has acknowledged
 * everything.
 */
final class PrioritySync {
    private final SyncSides sides;
    private final SortedSet<String> voters;
    private final SortedSet<String> picked;

    private PrioritySync(SyncSides sides) {
        this.sides = sides;
        this.voters = sides.voters();
        this.picked = sides.active();
    }

    /** The next step, or empty when all is as wanted or only time can help. */
    static Optional<Decision> next(SyncSides sides) {
        return new PrioritySync(sides).next();
    }

    private Optional<Decision> next() {
        StandbyNames wanted =
                picked.isEmpty() ? StandbyNames.NONE : sides.rules().names(picked.size(), picked);
        SortedSet<String> staying = SyncRules.common(voters, picked);
        boolean listed = sides.live().equals(wanted);
        if (sides.quorum() > 0) {
            return listed ? promise(new TreeSet<>()) : leaveQuorum(wanted, staying);
        }
        if (listed) {
            return promise(staying);
        }
        if (!staying.equals(voters)) {
            return shrink(staying);
        }
        return sides.setNames(wanted);
    }

    /** Whoever was a voter without needing votes has acknowledged everything; the others must be known to have it. */
    private Optional<Decision> promise(SortedSet<String> staying) {
        SortedSet<String> confirmed = SyncRules.union(staying, SyncRules.common(sides.confirmed(), picked));
        boolean done = sides.quorum() == 0 && confirmed.equals(voters);
        if (done || confirmed.isEmpty() && !picked.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(SyncSides.write(
                sides.stored(),
                new SyncState(sides.me(), confirmed, 0),
                "Synchronous standby status assigned to " + confirmed));
    }

    private Optional<Decision> shrink(SortedSet<String> staying) {
        return Optional.of(SyncSides.write(
                sides.stored(),
                new SyncState(sides.me(), staying, 0),
                "Updating /sync key temporarily from " + voters + " to " + staying));
    }

    /** The mode was {@code quorum}: the voters have not all acknowledged everything, until the new list is confirmed. */
    private Optional<Decision> leaveQuorum(StandbyNames wanted, SortedSet<String> staying) {
        if (SyncRules.overlap(voters, sides.quorum(), wanted.names(), wanted.count())) {
            return sides.setNames(wanted);
        }
        if (staying.isEmpty()) {
            return sides.setVoters(staying, 0);
        }
        int needed = SyncRules.union(staying, sides.live().names()).size() - sides.counted();
        return sides.setVoters(staying, Math.max(0, needed));
    }
}
