package dev.matriarch.raft;

/**
 * What the store does about the free space of its volume. Pure; all numbers are bytes.
 *
 * <p>While there is plenty it keeps a ballast file. When the volume is nearly full the ballast goes first, which leaves time
 * for the alarm to be heard; then the peer stops by itself, while its log still ends with a whole entry.
 */
final class DiskRoom {
    private static final long MEGABYTE = 1 << 20;

    /** So much is given back at once. */
    static final long BALLAST = 16 * MEGABYTE;

    /** Less is too little for the next part of the log, its index and a snapshot beside it. */
    static final long TOO_LITTLE = 4 * MEGABYTE;

    /** Ratis starts with 16 MB at least; a little more, so that a start is not followed by a stop. */
    static final long TO_START = 24 * MEGABYTE;

    /** What must be left when the ballast has been written. */
    static final long PLENTY = 64 * MEGABYTE;

    enum Step {
        NONE,
        KEEP_BALLAST,
        GIVE_UP_BALLAST,
        STOP
    }

    private DiskRoom() {}

    /** @param usable what this user may still write to the volume */
    static Step next(long usable, boolean ballast) {
        if (usable < TOO_LITTLE) {
            return ballast ? Step.GIVE_UP_BALLAST : Step.STOP;
        }
        return !ballast && usable >= BALLAST + PLENTY ? Step.KEEP_BALLAST : Step.NONE;
    }
}
