package dev.matriarch.raft;

import dev.matriarch.raft.state.StoreState;

/**
 * What the store has confirmed to the holder of the lock. A leader changes whom PostgreSQL waits for by what it reads: it
 * must not read what was there before its own writes.
 *
 * @param revision of the store right after the last renewal or write of the {@code sync} key
 * @param until monotonic nanoseconds: the lease has ended by then, and a store that was made anew must not be refused for
 *     ever
 */
public record Confirmed(long revision, long until) {
    public static final Confirmed NOTHING = new Confirmed(0, 0);

    public Confirmed with(long laterRevision) {
        return new Confirmed(Math.max(revision, laterRevision), until);
    }

    public boolean shownBy(StoreState state, long now) {
        return state.revision() >= revision || until - now <= 0;
    }
}
