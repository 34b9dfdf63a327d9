package dev.matriarch.raft;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What is left of a store that has lost its majority, and what may be lost by going on without those who do not answer.
 *
 * @param groupId of the store that would be given up; empty: the peer that was asked has none
 * @param refusals why it cannot be done, in sentences; empty: it can
 * @param survivors the best PostgreSQL first
 * @param dead the peers that would be declared dead
 * @param founder the survivor whose copy of the store is the newest: the first peer of the new one
 * @param lossless no acknowledged commit is lost, by the last state that the survivors know
 * @param findings what may be lost and how that is known, in sentences
 * @param safe members that have every acknowledged commit: only they may lead first; empty: any may
 * @param waitMillis how long nobody may hold the leader lock in the new store
 */
public record Recovery(
        String scope,
        String groupId,
        List<String> refusals,
        List<Survivor> survivors,
        List<Dead> dead,
        Optional<Survivor> founder,
        boolean lossless,
        List<String> findings,
        List<String> safe,
        long waitMillis) {
    /**
     * A peer that answers.
     *
     * @param server its PostgreSQL; absent on a witness, or without a data directory
     * @param lastTerm of the last entry in its log
     * @param lastContactMillis since it heard the Raft leader
     */
    public record Survivor(
            String peerId,
            String name,
            String address,
            Optional<Server> server,
            long lastTerm,
            long lastIndex,
            OptionalLong lastContactMillis) {}

    /**
     * A survivor's PostgreSQL.
     *
     * @param timeline 0 if unknown
     * @param lsn received, replayed or flushed; of a stopped server at least; 0 if unknown
     */
    public record Server(
            boolean running, boolean primary, int timeline, long lsn, String systemIdentifier, boolean nofailover) {}

    /** A voter that does not answer. */
    public record Dead(String peerId, String name, String address) {}

    /** Who is in the new list of synchronous standbys: those who are safe, or else the best server alone. */
    List<String> mayLead() {
        return !safe.isEmpty()
                ? safe
                : survivors.stream()
                        .filter(s -> s.server().filter(v -> !v.nofailover()).isPresent())
                        .map(Survivor::name)
                        .limit(1)
                        .toList();
    }

    public boolean refused() {
        return !refusals.isEmpty();
    }
}
