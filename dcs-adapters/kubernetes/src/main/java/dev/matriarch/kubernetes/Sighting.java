package dev.matriarch.kubernetes;

import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The lock as this member saw it, and since when it has been looking like that. Kubernetes ends nothing by itself: a lock is over
 * when nobody has renewed it for its time to live, by the monotonic clock of whoever looks.
 *
 * <p>Whoever deletes the lock's object does not end its holder's lease, which may have been renewed until a moment before. So a lock
 * that vanished goes on for its time to live, counted from when it was missed.
 *
 * @param version of the object; 0: there is none
 * @param annotations of a lock that vanished, as they were seen last
 * @param sinceNanos when this was first seen, which is after it was written, or when the object was missed
 * @param vanished there was an object, or must have been one
 */
record Sighting(long version, Map<String, String> annotations, long sinceNanos, boolean vanished) {
    static final String LEADER = "leader";
    static final String ACQUIRED = "acquireTime";
    static final String RENEWED = "renewTime";
    static final String TTL = "ttl";
    static final String TRANSITIONS = "transitions";

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSSxxx");

    /** For a lock that does not say how long it lasts. */
    private static final Duration USUAL = Duration.ofSeconds(30);

    static final Sighting NOTHING = new Sighting(0, Map.of(), 0, false);

    /** There must have been a lock, and nothing is known of it. */
    static Sighting missed(long nowNanos) {
        return new Sighting(0, Map.of(), nowNanos, true);
    }

    /** What is known after the object has been seen again. */
    Sighting then(Optional<KubeObject> object, long nowNanos) {
        if (object.isEmpty()) {
            return version == 0 ? this : new Sighting(0, left(nowNanos), nowNanos, true);
        }
        KubeObject seen = object.get();
        boolean renewed = version == 0 || !renewal(annotations).equals(renewal(seen.annotations()));
        return new Sighting(seen.version(), seen.annotations(), renewed ? nowNanos : sinceNanos, false);
    }

    /** What is known of a lock that vanished. One that was free when it was seen last may have been taken since, by whomever. */
    private Map<String, String> left(long nowNanos) {
        Map<String, String> left = new HashMap<>(annotations);
        if (isOver(nowNanos)) {
            left.remove(LEADER);
        }
        return left;
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

    /** Nobody holds the lock, known or unknown. */
    boolean isOver(long nowNanos) {
        return written().isEmpty() && !vanished || nowNanos - sinceNanos >= ttl().toNanos();
    }

    /**
     * Whether somebody may hold a lock that vanished.
     *
     * @param usual what locks of this cluster last; what is known of this one may be older than its last renewal
     */
    boolean isMissed(long nowNanos, Duration usual) {
        Duration longest = annotations.containsKey(TTL) && ttl().compareTo(usual) > 0 ? ttl() : usual;
        return vanished && nowNanos - sinceNanos < longest.toNanos();
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

    /** A time that comes after one in microseconds, however the wall clocks go. */
    static Instant later(Instant now, long thanMicros) {
        Instant least = Instant.EPOCH.plus(thanMicros + 1, ChronoUnit.MICROS);
        return now.isBefore(least) ? least : now;
    }

    /** As Patroni writes it. */
    static String text(Instant time) {
        return TIME.format(time.atOffset(ZoneOffset.UTC));
    }
}
