package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.ViewReply;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This peer is said to be removed from its group: how it finds out, and how it goes on as a new one. It gives up its
 * identity only if the Raft leader itself says that it is not a member.
 */
final class Removal {
    private static final Logger LOG = LoggerFactory.getLogger(Removal.class);
    private static final long ASK_AGAIN_MILLIS = 3000;

    private final RaftStoreSettings settings;
    private final StoreCondition condition;
    private final ReplicaHost host;
    private final StoreGroup group;
    private final LeaseExpiry expiry;
    private final Supplier<RaftStatus> status;

    Removal(
            RaftStoreSettings settings,
            StoreCondition condition,
            ReplicaHost host,
            StoreGroup group,
            LeaseExpiry expiry,
            Supplier<RaftStatus> status) {
        this.settings = settings;
        this.condition = condition;
        this.host = host;
        this.group = group;
        this.expiry = expiry;
        this.status = status;
    }

    /** The others do not count this peer in any more, or say so; the keeper asks the Raft leader. Any thread; returns at once. */
    void order() {
        if (condition.mayBeRemoved()) {
            condition.broken(
                    "The other peers have removed this one from the store. Nothing was deleted. As soon as the Raft"
                            + " leader confirms it, this node waits as a new peer until it is taken in again.");
            LOG.warn("{}", condition.problem());
            condition.orderRemoval();
        }
    }

    /**
     * Ratis tells a peer that was removed while it was away by the answer to its call for votes. If a peer leads by now
     * that this one never knew, that one is never asked and the others keep silent. A listener never calls for votes, and goes by
     * the leader's silence. Takes three seconds at most.
     */
    void look() {
        Optional<UUID> mine = host.marker().groupId();
        RaftStatus now = status.get();
        if (condition.isSound()
                && mine.isPresent()
                && isAlone(now, settings.listener())
                && group.leaderOf(mine.get())
                        .filter(v -> leadsWithout(v, host.marker().peerId(), now.term()))
                        .isPresent()) {
            order();
        } else if (settings.listener() && now.role() == RaftStatus.Role.FOLLOWER) {
            // Stopped while everything was copied to it, and started by a list without it: by now it stands in that.
            condition.mustRebuild();
        }
    }

    /** Whether a peer hears of no Raft leader that would tell it. */
    static boolean isAlone(RaftStatus now, boolean listener) {
        return now.leader().isEmpty() || listener && now.lastContactMillis() > GroupHealth.SILENT_MILLIS;
    }

    /**
     * Not the word of a leader of a term that is over: it may not have heard that this peer was taken in.
     *
     * @param leader what the Raft leader of this peer's group sees
     * @param term the one that this peer knows
     */
    static boolean leadsWithout(ViewReply leader, String peerId, long term) {
        return leader.getTerm() >= term && leader.getPeersCommitted() && !names(leader, peerId);
    }

    /** Whether a peer stands in the list that another one sees, as a voter or a listener. */
    static boolean names(ViewReply view, String peerId) {
        return view.getPeersList().stream()
                .anyMatch(p -> p.getPeer().getPeerId().equals(peerId));
    }

    /**
     * Ratis has closed this replica because the others do not count it in any more. What closes for another reason is
     * only rebuilt: a peer gives up its identity only if the Raft leader itself says that it is not a member. Waits for
     * its word as long as it takes, until the store is closed or given up; the keeper's thread.
     *
     * @return true if it is a new peer now, which waits to be taken in
     */
    boolean startAnew() throws InterruptedException, StoreStartException {
        expiry.lead(false);
        while (!condition.isClosed()
                && condition.removalOrdered()
                && condition.givenUp().isEmpty()) {
            PeerMarker me = host.marker();
            Optional<ViewReply> leader = me.groupId().flatMap(group::leaderOf).filter(ViewReply::getPeersCommitted);
            if (leader.isPresent()) {
                condition.removalConfirmed();
                if (names(leader.get(), me.peerId())) {
                    condition.mustRebuild();
                    return false;
                }
                host.startAnew();
                condition.sound();
                LOG.warn(
                        "This peer was removed from the store. It goes on as {} and waits to be taken in again ({}); stop this"
                                + " agent if its host leaves for good. The old log is kept in {}",
                        host.marker().peerId(),
                        host.marker().addCommand(),
                        settings.dataDir());
                return true;
            }
            Thread.sleep(ASK_AGAIN_MILLIS);
        }
        return false;
    }
}
