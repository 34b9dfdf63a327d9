package dev.matriarch.kubernetes;

import java.time.Duration;

/**
 * Whether a watch still tells of changes. A connection that died silently looks like one that is quiet: what a list shows and the
 * watch does not tell of for a while gives it away. Any thread; times are those of the monotonic clock.
 */
final class Hearing {
    private final long patienceNanos;
    /** The newest version that the watch told of, or that was there when it began. */
    private long heard;

    private long shown;
    private long missedSinceNanos;

    /** @param patience how much later than a list a watch may be */
    Hearing(Duration patience) {
        this.patienceNanos = patience.toNanos();
    }

    /** A watch begins anew; what has been read until now it need not tell of. */
    synchronized void begins() {
        heard = Math.max(heard, shown);
    }

    synchronized void heard(long version) {
        heard = Math.max(heard, version);
    }

    /** @param version the newest of a list's objects */
    synchronized void shown(long version, long nowNanos) {
        if (version <= shown) {
            return;
        }
        if (shown <= heard) {
            missedSinceNanos = nowNanos;
        }
        shown = version;
    }

    synchronized boolean isDeaf(long nowNanos) {
        return shown > heard && nowNanos - missedSinceNanos > patienceNanos;
    }
}
