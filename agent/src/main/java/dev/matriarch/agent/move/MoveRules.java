package dev.matriarch.agent.move;

import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.MovedAway;
import dev.matriarch.dcs.Versioned;
import java.util.Optional;

/** What a member may be told in a move: functions of what it is and of what stands in its store. ADR 22 argues them. */
final class MoveRules {
    /**
     * The member that is told.
     *
     * @param leads it holds the lock of its store
     * @param primary its PostgreSQL takes writes
     * @param paused it has heard that the cluster is
     */
    record Self(String name, boolean leads, boolean primary, boolean paused) {}

    /**
     * What it has noted of the move.
     *
     * @param settled it is not on the way from one store to another
     * @param mayOpen it knows that the cluster is not led elsewhere
     */
    record Note(boolean settled, boolean mayOpen) {}

    /** Of the key {@code initialize}, which says whose store it is, or where the cluster went. */
    sealed interface Mark {
        /** It says so already. */
        record Stands() implements Mark {}

        record Refused(String why) implements Mark {}

        record Write(String text, Expected before) implements Mark {}
    }

    private MoveRules() {}

    /** Empty: the store has no configuration. */
    static Optional<Boolean> isPaused(ClusterView view) {
        return view.config()
                .map(Versioned::value)
                .filter(json -> !json.isBlank())
                .map(json -> DynamicConfigJson.parse(json).paused());
    }

    /** Why the target is not prepared by this member; empty: it may be. */
    static Optional<String> refusesToPrepare(Self self, ClusterView view) {
        if (!self.leads() || !self.primary()) {
            return Optional.of(self.name() + " does not lead");
        }
        return self.paused() && view.config().isPresent() ? Optional.empty() : Optional.of("the cluster is not paused");
    }

    /**
     * Closes the store, or opens it again.
     *
     * @param to where the cluster goes; empty: nowhere, the store is opened
     * @param system whose data this member has
     */
    static Mark mark(Optional<MovedAway> to, String system, Self self, Note note, ClusterView view) {
        String wanted = to.map(MovedAway::text).orElse(system);
        String there = view.initialize().map(Versioned::value).orElse("");
        if (there.equals(wanted)) {
            return new Mark.Stands();
        }
        // Who goes back closes the store that it has come to: if that is the built-in one, it knows no cluster before
        // somebody leads.
        boolean opens = to.isEmpty();
        boolean backs = !opens && !note.settled();
        boolean ours = there.equals(system)
                || MovedAway.of(there).isPresent()
                || backs && view.initialize().isEmpty();
        if (!ours) {
            return new Mark.Refused("the store holds the keys of another cluster (initialize: \"" + there + "\")");
        }
        if (opens && !note.mayOpen()) {
            return new Mark.Refused(self.name()
                    + " has found this store closed and is not noted to take part in a move: the"
                    + " cluster may be led elsewhere");
        }
        if (view.leader().isPresent() && !self.leads()) {
            return new Mark.Refused(view.leader().map(Leader::name).orElse("") + " leads");
        }
        // Who has just been told otherwise may not have heard it yet; in a closed store nobody hears it.
        boolean heard = self.paused();
        boolean paused =
                opens ? isPaused(view).orElse(heard) : heard && isPaused(view).orElse(true);
        if (!paused && !backs) {
            return new Mark.Refused("the cluster is not paused");
        }
        return new Mark.Write(
                wanted,
                view.initialize()
                        .<Expected>map(i -> Expected.revision(i.revision()))
                        .orElseGet(Expected::absent));
    }

    /**
     * Why this member does not leave for that store; empty: it may. Before its own is closed, only who could not be missed
     * there leaves.
     *
     * @param now the section of the store in use
     * @param view of that, as it is now or was last
     */
    static Optional<String> refusesToLeave(String store, String now, Self self, Optional<ClusterView> view) {
        boolean closed = view.flatMap(MovedAway::of)
                .filter(away -> away.to().equals(store))
                .isPresent();
        if (!closed && (self.leads() || self.primary())) {
            return Optional.of(self.name() + " is the primary, and the store " + now + " is not closed");
        }
        return self.primary() && !self.paused() ? Optional.of("the cluster is not paused") : Optional.empty();
    }
}
