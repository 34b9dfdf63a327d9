package dev.matriarch.etcd;

import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which servers are believed. Terms and indexes never go back and a cluster's id never changes, unless etcd was made anew: then
 * nobody is left who says otherwise. Any thread.
 */
final class Lineage {
    private static final Logger LOG = LoggerFactory.getLogger(Lineage.class);

    /**
     * What an answer says of where it comes from; 0: it does not.
     *
     * @param cluster the cluster's id
     * @param term Raft's, of that server
     * @param index of etcd's state that the answer shows, if it went through the majority
     */
    record Origin(long cluster, long term, long index) {
        boolean isUnknown() {
            return cluster == 0 && term == 0 && index == 0;
        }
    }

    private long cluster;
    private long term;
    private long index;
    private long generation;

    /** Who said so, and who said nothing, since the known cluster answered last. */
    private final Set<URI> stale = new LinkedHashSet<>();

    private final Set<URI> silent = new LinkedHashSet<>();
    private long doubtedSince;
    private boolean lastRound;
    private volatile Duration ttl = Duration.ofSeconds(30);

    /** How long a lock outlives its last renewal: so long a cluster that falls silent is not given up for another. */
    void leasesLast(Duration changed) {
        ttl = changed;
    }

    /** The latest index that an answer has shown: what is asked for from now on has seen it. */
    synchronized long index() {
        return index;
    }

    /** How often etcd was made anew. */
    synchronized long generation() {
        return generation;
    }

    synchronized void silent(URI address) {
        silent.add(address);
    }

    /**
     * @param floor {@link #index} as it was before the request was sent
     * @param all the servers that are known
     */
    synchronized boolean isStale(URI address, Origin origin, long floor, List<URI> all) {
        if (origin.isUnknown()) {
            return false;
        }
        if (isAgainst(origin, floor)) {
            if (!isMadeAnew(address, all)) {
                return true;
            }
            LOG.warn(
                    "etcd at {} is of {}; all servers that answer say so now",
                    address,
                    origin.cluster() == cluster ? "an earlier term, or behind what it has shown" : "another cluster");
            term = 0;
            index = 0;
            generation++;
        }
        stale.clear();
        silent.clear();
        lastRound = false;
        cluster = origin.cluster() == 0 ? cluster : origin.cluster();
        term = Math.max(term, origin.term());
        index = Math.max(index, origin.index());
        return false;
    }

    /** Whether a server that speaks of the members knows of the cluster, and of its last leader. */
    synchronized boolean isOfTheCluster(Origin origin) {
        return !isAgainst(origin, 0);
    }

    private boolean isAgainst(Origin origin, long floor) {
        boolean other = cluster != 0 && origin.cluster() != 0 && origin.cluster() != cluster;
        return other
                || origin.term() != 0 && origin.term() < term
                || origin.index() != 0 && origin.index() < Math.min(floor, index);
    }

    /**
     * All servers say so; or those that answer do, the known cluster has been silent for as long as a lock can last, and all
     * were asked once more after that.
     */
    private boolean isMadeAnew(URI address, List<URI> all) {
        long now = System.nanoTime();
        if (stale.isEmpty()) {
            doubtedSince = now;
        }
        stale.add(address);
        if (stale.containsAll(all)) {
            return true;
        }
        if (now - doubtedSince < ttl.toNanos()) {
            return false;
        }
        if (!lastRound) {
            lastRound = true;
            stale.retainAll(Set.of(address));
            silent.clear();
        }
        return all.stream().allMatch(a -> stale.contains(a) || silent.contains(a));
    }
}
