package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.util.Optional;
import java.util.SortedSet;

/**
 * Both sides of synchronous replication as a leader finds them: its own {@code sync} key and PostgreSQL's live list,
 * which overlap as {@link SyncRules} asks.
 *
 * @param active standbys that may be waited for; in mode {@code on} those that were picked
 * @param confirmed standbys of the live list that hold all WAL from before it took effect
 */
record SyncSides(
        SyncRules rules,
        String me,
        Versioned<SyncState> stored,
        StandbyNames live,
        SortedSet<String> active,
        SortedSet<String> confirmed) {

    SortedSet<String> voters() {
        return SyncRules.lower(stored.value().voters());
    }

    int quorum() {
        return stored.value().quorum();
    }

    /** How many acknowledgements the live list stands for if what came before it is counted too. */
    int counted() {
        int listed = 0;
        for (String name : confirmed) {
            listed += live.names().contains(name) ? 1 : 0;
        }
        return Math.min(live.count(), listed);
    }

    Optional<Decision> setNames(StandbyNames names) {
        return Optional.of(assign(names));
    }

    static Decision assign(StandbyNames names) {
        return new Decision.SetStandbyNames(
                names.setting(), "Assigning synchronous_standby_names to '" + names.setting() + "'");
    }

    Optional<Decision> setVoters(SortedSet<String> voters, int quorum) {
        return Optional.of(write(stored, new SyncState(me, voters, quorum)));
    }

    static Decision write(Versioned<SyncState> stored, SyncState state) {
        return write(
                stored,
                state,
                "Setting leader to " + state.leader() + ", quorum to " + state.quorum() + " of " + state.voters());
    }

    static Decision write(Versioned<SyncState> stored, SyncState state, String because) {
        return new Decision.WriteSync(Optional.of(state), Expected.revision(stored.revision()), because);
    }
}
