package dev.matriarch.kubernetes;

import java.util.Optional;

/** What this member has seen of the lock, whoever looked. Any thread; times are those of the monotonic clock. */
final class Sightings {
    private Sighting last = Sighting.NOTHING;
    private boolean read;

    synchronized Sighting last() {
        return last;
    }

    /**
     * The API server was asked for the lock's object.
     *
     * @param object empty: there is none
     * @param initialized a cluster exists, and so has had a leader
     */
    synchronized Sighting read(Optional<KubeObject> object, boolean initialized) {
        long now = System.nanoTime();
        boolean missed = !read && initialized && object.isEmpty() && last.version() == 0;
        read = true;
        last = missed ? Sighting.missed(now) : last.then(object, now);
        return last;
    }

    /** What a watch says of the object may be older than what was read; then it is passed over. */
    synchronized void heard(KubeObject object) {
        if (object.version() > last.version()) {
            last = last.then(Optional.of(object), System.nanoTime());
        }
    }
}
