package dev.matriarch.raft;

import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Which peer is to be taken out because it has not answered the Raft leader for a grace period. Never the voter that would
 * leave fewer than three: with three, a new peer takes the place of a dead one at its address by itself. A listener in any case. No I/O,
 * no clock; for one thread.
 */
final class DeadPeers {
    private static final int LEAST_VOTERS = 3;

    private final long graceNanos;
    private final Map<String, Long> silentSince = new HashMap<>();

    DeadPeers(long graceNanos) {
        this.graceNanos = graceNanos;
    }

    /** This peer does not lead, or has just begun to: what it counted before says nothing. */
    void forget() {
        silentSince.clear();
    }

    /**
     * @param voters peer ids
     * @param listeners peer ids
     * @param answering those of them that answered just now, the Raft leader among them
     * @param now monotonic
     * @return the one that has been silent longest, if that was long enough and enough others answer
     */
    Optional<String> step(Collection<String> voters, Collection<String> listeners, Set<String> answering, long now) {
        silentSince.keySet().removeIf(p -> !voters.contains(p) && !listeners.contains(p));
        silentSince.keySet().removeAll(answering);
        Stream.concat(voters.stream(), listeners.stream())
                .filter(p -> !answering.contains(p))
                .forEach(p -> silentSince.putIfAbsent(p, now));
        int left = voters.size() - 1;
        long present = voters.stream().filter(answering::contains).count();
        boolean dispensable = left >= LEAST_VOTERS && present >= Membership.majority(left);
        return silentSince.entrySet().stream()
                .filter(e -> dispensable || listeners.contains(e.getKey()))
                .filter(e -> now - e.getValue() >= graceNanos)
                .max(Comparator.comparingLong((Map.Entry<String, Long> e) -> now - e.getValue())
                        .thenComparing(Map.Entry::getKey))
                .map(Map.Entry::getKey);
    }
}
