package dev.matriarch.raft.state;

import com.google.protobuf.ByteString;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Everything the store knows at one moment. Immutable: a command makes a new one.
 *
 * <p>Keys and leases are separate maps, so that a renewal, the commonest command, copies only the few leases.
 *
 * @param revision grows by one with each change of a key and each grant or end of a lease; renewals leave it alone
 * @param entries by key
 * @param leases by name
 * @param history the last {@value #HISTORY_LIMIT} changes, oldest first
 * @param featureLevel what its commands may mean, from 1 on; never falls
 */
public record StoreState(
        long revision,
        SortedMap<String, Entry> entries,
        SortedMap<String, Lease> leases,
        List<Event> history,
        int featureLevel) {
    public static final int HISTORY_LIMIT = 256;

    public static final StoreState EMPTY = new StoreState(
            0,
            Collections.unmodifiableSortedMap(new TreeMap<>()),
            Collections.unmodifiableSortedMap(new TreeMap<>()),
            List.of(),
            1);

    /**
     * A key's value.
     *
     * @param createRevision when the key came into being
     * @param modRevision when it was last written; the number to name in a conditioned write
     * @param lease the lease it dies with; empty: none
     */
    public record Entry(ByteString value, long createRevision, long modRevision, String lease) {}

    /**
     * A lease that somebody holds.
     *
     * @param epoch the revision of its grant: no two grants share one
     * @param renewal grows with each renewal within the epoch; an expiry must name the latest
     * @param ttlMillis how long it outlives its last renewal
     */
    public record Lease(String name, String holder, long epoch, long renewal, long ttlMillis) {}

    /** One line of the history; {@code key} is the name for the kinds that concern a lease. */
    public record Event(long revision, String key, Kind kind) {
        /** What happened. */
        public enum Kind {
            PUT,
            DELETE,
            LEASE_GRANTED,
            LEASE_RELEASED,
            LEASE_EXPIRED
        }
    }

    public Optional<Entry> entry(String key) {
        return Optional.ofNullable(entries.get(key));
    }

    public Optional<Lease> lease(String name) {
        return Optional.ofNullable(leases.get(name));
    }
}
