package dev.matriarch.agent.ha;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which replication slots the cluster keeps besides those of its members, which it leaves alone, and how long a member
 * that is away may hold WAL back.
 *
 * @param permanent by name
 * @param ignored slots that somebody else looks after
 */
public record SlotRules(Map<String, Permanent> permanent, List<Matcher> ignored, Budget budget) {
    public static final SlotRules NONE = new SlotRules(Map.of(), List.of(), Budget.STANDARD);

    public SlotRules {
        permanent = Map.copyOf(permanent);
        ignored = List.copyOf(ignored);
    }

    /** The kind of cluster that a slot is kept in. */
    public enum ClusterType {
        PRIMARY,
        STANDBY
    }

    /**
     * A slot that every member keeps, so that its reader goes on where it was, whoever leads.
     *
     * @param database of a logical slot; empty for a physical one
     * @param plugin of a logical slot; empty for a physical one
     * @param clusterType empty: in both
     */
    public record Permanent(boolean logical, String database, String plugin, Optional<ClusterType> clusterType) {
        public static Permanent physical(Optional<ClusterType> clusterType) {
            return new Permanent(false, "", "", clusterType);
        }

        public static Permanent logical(String database, String plugin) {
            return new Permanent(true, database, plugin, Optional.empty());
        }
    }

    /**
     * Fits a slot if everything that is given is equal.
     *
     * @param name ends with a star, which no slot's name can hold: every name that begins like it
     */
    public record Matcher(
            Optional<String> name, Optional<Boolean> logical, Optional<String> database, Optional<String> plugin) {
        boolean fits(LocalPostgres.Slot slot) {
            Optional<LocalPostgres.LogicalSlot> its = slot.logical();
            return name.filter(n -> !fits(n, slot.name())).isEmpty()
                    && logical.filter(l -> l != its.isPresent()).isEmpty()
                    && database.filter(d -> !its.map(LocalPostgres.LogicalSlot::database)
                                    .filter(d::equals)
                                    .isPresent())
                            .isEmpty()
                    && plugin.filter(p -> !its.map(LocalPostgres.LogicalSlot::plugin)
                                    .filter(p::equals)
                                    .isPresent())
                            .isEmpty();
        }

        private static boolean fits(String pattern, String name) {
            return pattern.endsWith("*")
                    ? name.startsWith(pattern.substring(0, pattern.length() - 1))
                    : pattern.equals(name);
        }
    }

    /**
     * How much the slot of a member that does not stream may cost before it is dropped.
     *
     * @param maxWal bytes of WAL held back; 0: any; {@link #AS_MUCH_AS_IS_FREE}
     * @param maxIdle how long nobody may stream through it; 0: for ever
     */
    public record Budget(long maxWal, Duration maxIdle) {
        /** More than is still free on the volume would end with a full one. */
        public static final long AS_MUCH_AS_IS_FREE = -1;

        public static final Budget STANDARD = new Budget(AS_MUCH_AS_IS_FREE, Duration.ZERO);
    }
}
