package dev.matriarch.rest;

import dev.matriarch.dcs.Measure;
import java.util.List;
import java.util.Map;

/**
 * What monitoring asks for besides the {@link Snapshot}.
 *
 * @param store of the configuration store
 * @param decisions how often each was taken since the agent began, by its name
 * @param promotions begun here, by reason
 * @param demotions begun here, by reason
 * @param guarded a living guard holds a deadline for PostgreSQL
 * @param watchdog {@code off}, {@code ready}, {@code active} or {@code failed}
 * @param slots of the local server
 */
public record Vitals(
        List<Measure> store,
        Map<String, Long> decisions,
        Map<String, Long> promotions,
        Map<String, Long> demotions,
        boolean guarded,
        String watchdog,
        List<Slot> slots) {
    /** @param retained bytes of WAL that it holds back */
    public record Slot(String name, boolean active, long retained) {}
}
