package dev.matriarch.agent.loop;

import dev.matriarch.dcs.Lsn;
import java.util.Optional;

/** Since when a primary's commits wait for the standbys that its list names. Not for several threads at once. */
final class StandbyNamesWatch {
    private Optional<Lsn> since = Optional.empty();
    private String value = "";
    private long changedAt;
    private boolean first;

    /** The position from which on every commit waited for the list that is in force; empty: not yet. */
    Optional<Lsn> since() {
        return since;
    }

    /**
     * Notes when a primary's list of synchronous standbys was first seen in force. WAL senders take a new list up a
     * moment after a session shows it, so the position counts only from {@code settle} nanoseconds later. A list that
     * follows an empty one has to be taken up by the checkpointer too.
     */
    void seen(String names, Lsn position, boolean takenUp, long now, long settle) {
        if (!names.equals(value)) {
            first = value.isEmpty() || first && since.isEmpty();
            value = names;
            changedAt = now;
            since = Optional.empty();
        }
        if (since.isEmpty() && (takenUp || !first) && now - changedAt >= settle) {
            since = Optional.of(position);
        }
    }

    /** The server is no primary. */
    void forget() {
        since = Optional.empty();
        value = "";
    }
}
