package dev.matriarch.raft;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * To which peers new connections are wanted, because nothing has come over the old ones for a while: at once, and again for as long
 * as nothing comes over the new ones either. No I/O, no clock; for one thread.
 */
final class SilentPeers {
    private final long patienceMillis;
    private final Map<String, Long> renewed = new HashMap<>();

    /** @param patienceMillis how long a peer may be silent, and how long new connections are given before the next ones */
    SilentPeers(long patienceMillis) {
        this.patienceMillis = patienceMillis;
    }

    /**
     * @param silence by peer id: milliseconds since it was heard of
     * @param now monotonic, in milliseconds
     * @return peer ids
     */
    Set<String> step(Map<String, Long> silence, long now) {
        renewed.keySet().retainAll(silence.keySet());
        Set<String> due = new HashSet<>();
        silence.forEach((peer, millis) -> {
            boolean waited = !renewed.containsKey(peer) || now - renewed.get(peer) >= patienceMillis;
            if (millis < patienceMillis) {
                renewed.remove(peer);
            } else if (waited) {
                renewed.put(peer, now);
                due.add(peer);
            }
        });
        return due;
    }
}
