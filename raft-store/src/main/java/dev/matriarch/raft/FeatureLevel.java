package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.ViewReply;
import java.util.Collection;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Which commands and meanings of the store's log a peer knows. The store has a level of its own, which only grows, and only when every
 * peer, listeners among them, knows the next one: what a level brings may be written from then on, and a peer that does not know it must not apply
 * the log, for it would end with another state than the others. No I/O; safe for several threads.
 *
 * @param known by this build
 */
record FeatureLevel(int known) {
    /** Raise it with each change of what a command of the log means; say in docs/store.md what it brings. */
    static final FeatureLevel BUILT = new FeatureLevel(1);

    /** @param said by a peer; 0: its build does not speak of levels yet */
    static int of(int said) {
        return Math.max(1, said);
    }

    /**
     * What the store's level can be raised to.
     *
     * @param stores its present level
     * @param peers what each of them says; empty: it did not answer, and may know less
     */
    OptionalInt raise(int stores, Collection<Optional<ViewReply>> peers) {
        int all = known;
        for (Optional<ViewReply> peer : peers) {
            if (peer.isEmpty()) {
                return OptionalInt.empty();
            }
            all = Math.min(all, of(peer.get().getFeatureLevel()));
        }
        return all > stores ? OptionalInt.of(all) : OptionalInt.empty();
    }

    /** Why a peer of this build cannot take part in a store of that level. */
    Optional<String> tooOldFor(int stores) {
        return stores <= known
                ? Optional.empty()
                : Optional.of(
                        "The store has feature level " + stores + ", and the agent on this node knows up to " + known
                                + ": it is older than the others. The store on this node is stopped, nothing was deleted; install the"
                                + " others' version here.");
    }

    /** Why the store of that level does not take a peer in. */
    static Optional<String> refusal(int stores, int said) {
        return stores <= of(said)
                ? Optional.empty()
                : Optional.of("the store has feature level " + stores + ", and that peer's agent knows up to "
                        + of(said) + ": install the others' version there");
    }
}
