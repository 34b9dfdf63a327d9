package dev.matriarch.agent.ha;

import java.util.Optional;
import java.util.SortedSet;

/**
 * Mode {@code quorum}: a commit waits for some of the standbys, and who follows the leader needs the votes of enough of
 * the others. Every step returned here keeps {@link SyncRules}' promise with the other side as it stands.
 */
final class QuorumCommit {
    private final SyncSides sides;
    private final SortedSet<String> voters;
    private final StandbyNames live;

    private QuorumCommit(SyncSides sides) {
        this.sides = sides;
        this.voters = sides.voters();
        this.live = sides.live();
    }

    /** The next step, or empty when all is as wanted or only time can help. */
    static Optional<Decision> next(SyncSides sides) {
        return new QuorumCommit(sides).next();
    }

    private Optional<Decision> next() {
        if (SyncRules.same(voters, sides.active()) && SyncRules.same(voters, live.names())) {
            return toward(voters);
        }
        SortedSet<String> involved = SyncRules.union(voters, live.names());
        SortedSet<String> staying = SyncRules.common(involved, sides.active());
        boolean nobodyLeft = staying.isEmpty() && voters.isEmpty();
        // Those who left go first, so that commits wait for them no longer; then the new ones come in.
        return toward(staying.equals(involved) || nobodyLeft ? sides.active() : staying);
    }

    private Optional<Decision> toward(SortedSet<String> members) {
        if (members.isEmpty()) {
            StandbyNames nobody = sides.rules().nobody();
            return !voters.isEmpty()
                    ? sides.setVoters(members, 0)
                    : live.equals(nobody) ? Optional.empty() : sides.setNames(nobody);
        }
        int count = Math.min(sides.rules().nodeCount(), members.size());
        int confirmed = sides.counted();
        int finalQuorum = members.size() - count;
        if (sides.rules().isNames(live, count, members)) {
            int q = members.size() - confirmed;
            boolean done = sides.quorum() == q && SyncRules.same(voters, members);
            return done || confirmed == 0 ? Optional.empty() : sides.setVoters(members, q);
        }
        StandbyNames wanted = sides.rules().names(count, members);
        if (voters.isEmpty() || SyncRules.overlap(voters, sides.quorum(), members, wanted.count())) {
            return sides.setNames(wanted);
        }
        boolean same = voters.equals(members) && sides.quorum() == finalQuorum;
        if (!same && SyncRules.overlap(members, finalQuorum, live.names(), confirmed)) {
            return sides.setVoters(members, finalQuorum);
        }
        if (confirmed
                < Math.min(
                        live.count(),
                        SyncRules.common(live.names(), sides.active()).size())) {
            return Optional.empty();
        }
        // Asking for more votes is always safe; it makes room for the new list.
        int raised = SyncRules.union(voters, members).size() - wanted.count();
        return raised > sides.quorum() ? sides.setVoters(voters, raised) : Optional.empty();
    }
}
