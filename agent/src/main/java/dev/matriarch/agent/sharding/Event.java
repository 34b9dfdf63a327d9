package dev.matriarch.agent.sharding;

import java.time.Duration;
import java.util.Locale;
import java.util.Optional;

/**
 * The leader of a group is about to change, or has changed.
 *
 * @param leader the member that is about to step down or to be promoted, or has been
 * @param epoch of the lock under which this is said; 0: unknown
 * @param timeout after which what {@code BEFORE_DEMOTE} began is undone
 * @param cooldown how long transactions that stand in the way of the change may go on
 */
public record Event(Type type, int group, Node leader, long epoch, Duration timeout, Duration cooldown) {
    /** In the order in which they come. */
    public enum Type {
        /** From now on clients wait. */
        BEFORE_DEMOTE,
        /** They go on waiting, for the new leader. */
        BEFORE_PROMOTE,
        /** They go on, with the new leader. */
        AFTER_PROMOTE;

        /** As Patroni writes it. */
        public String text() {
            return name().toLowerCase(Locale.ROOT);
        }

        public static Optional<Type> of(String text) {
            for (Type type : values()) {
                if (type.text().equals(text)) {
                    return Optional.of(type);
                }
            }
            return Optional.empty();
        }
    }
}
