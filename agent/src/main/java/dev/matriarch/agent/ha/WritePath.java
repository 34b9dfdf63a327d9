package dev.matriarch.agent.ha;

import java.time.Duration;
import java.util.OptionalLong;

/**
 * What is known about whether the local primary still gets a commit to its disk.
 *
 * @param failingSince monotonic nanoseconds: when the first of the unanswered probes was sent; empty: writes work, or
 *     nobody had a reason to look
 * @param failures probes in a row without an answer
 * @param problem what the last of them met with
 * @param room bytes free on the fullest volume that WAL and data go to; empty: unknown
 * @param abandoned this member gives the lock up because its server is stuck: it renews no more, whatever happens
 */
public record WritePath(OptionalLong failingSince, int failures, String problem, OptionalLong room, boolean abandoned) {

    /** A promotion writes a new segment of 16 MB, and the first commits may need another. */
    public static final long LEAST_ROOM = 32L << 20;

    private static final int LEAST_FAILURES = 3;

    public static WritePath unknown() {
        return new WritePath(OptionalLong.empty(), 0, "", OptionalLong.empty(), false);
    }

    /** Enough free space to lead; true if it is not known. */
    public boolean fits() {
        return room.isEmpty() || room.getAsLong() >= LEAST_ROOM;
    }

    public WritePath withAbandoned(boolean value) {
        return new WritePath(failingSince, failures, problem, room, value);
    }

    /**
     * How long a primary may take no writes before another is sought: as long as it may take to come back from a crash,
     * but no longer than twice, and no shorter than once the time after which a dead one would be replaced.
     */
    static Duration patience(Duration ttl, Duration primaryStartTimeout) {
        if (primaryStartTimeout.compareTo(ttl) < 0) {
            return ttl;
        }
        Duration most = ttl.multipliedBy(2);
        return primaryStartTimeout.compareTo(most) < 0 ? primaryStartTimeout : most;
    }

    /** One slow answer is none: several probes in a row over the whole time must have gone unanswered. */
    boolean exhausted(Settings settings, long now) {
        return failures >= LEAST_FAILURES
                && failingSince.isPresent()
                && now - failingSince.getAsLong()
                        >= patience(settings.ttl(), settings.primaryStartTimeout())
                                .toNanos();
    }

    String megabytesFree() {
        return room.isEmpty() ? "an unknown number of" : Long.toString(room.getAsLong() >> 20);
    }
}
