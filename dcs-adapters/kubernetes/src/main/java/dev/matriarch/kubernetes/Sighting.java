package dev.matriarch.kubernetes;

import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The lock as this member saw it, and since when it has been looking like that. Kubernetes ends nothing by itself: a lock is over
 * when nobody has renewed it for its time to live, by the monotonic clock of whoever looks.
 *
 * @param version of the object; 0: there is none
 * @param sinceNanos when this was first seen, which is after it was written
 */
record Sighting(long version, Map<String, String> annotations, long sinceNanos) {
    static final String LEADER = "leader";
    static final String ACQUIRED = "acquireTime";
    static final String RENEWED = "renewTime";
    static final String TTL = "ttl";
    static final String TRANSITIONS = "transitions";

    /** For a lock that does not say how long it lasts. */
    private static final Duration USUAL = Duration.ofSeconds(30);

    static final Sighting NOTHING = new Sighting(0, Map.of(), 0);

    /** What is known after the object has been seen again. */
    Sighting then(Optional<KubeObject> object, long nowNanos) {
        if (object.isEmpty()) {
            return version == 0 ? this : new Sighting(0, Map.of(), nowNanos);
        }
        KubeObject seen = object.get();
        boolean renewed = version == 0 || !renewal(annotations).equals(renewal(seen.annotations()));
        return new Sighting(seen.version(), seen.annotations(), renewed ? nowNanos : sinceNanos);
    }

    private static List<String> renewal(Map<String, String> annotations) {
        List<String> record = new ArrayList<>();
        for (String key : List.of(LEADER, ACQUIRED, RENEWED, TTL, TRANSITIONS)) {
            record.add(annotations.get(key));
        }
        return record;
    }

    /** Who is written down as the leader, alive or not; empty: nobody. */
    String written() {
        return annotations.getOrDefault(LEADER, "");
    }

    /** Who holds the lock; empty: nobody any more. */
    String holder(long nowNanos) {
        return isOver(nowNanos) ? "" : written();
    }

    boolean isOver(long nowNanos) {
        return written().isEmpty() || nowNanos - sinceNanos >= ttl().toNanos();
    }

    long endNanos() {
        return sinceNanos + ttl().toNanos();
    }

    Duration ttl() {
        String text = annotations.getOrDefault(TTL, "");
        if (text.matches("[0-9]{1,7}") && Integer.parseInt(text) > 0) {
            return Duration.ofSeconds(Integer.parseInt(text));
        }
        return USUAL;
    }

    /** When the lock was given, in microseconds by the wall clock of who took it; each grant of one object has a later one. */
    long epoch() {
        return micros(annotations.getOrDefault(ACQUIRED, ""));
    }

    long transitions() {
        String text = annotations.getOrDefault(TRANSITIONS, "");
        return text.matches("[0-9]{1,9}") ? Long.parseLong(text) : 0;
    }

    /** A time as Patroni writes it; 0: it is none. */
    static long micros(String text) {
        try {
            return ChronoUnit.MICROS.between(
                    Instant.EPOCH, OffsetDateTime.parse(text).toInstant());
        } catch (DateTimeParseException e) {
            return 0;
        }
    }
}
