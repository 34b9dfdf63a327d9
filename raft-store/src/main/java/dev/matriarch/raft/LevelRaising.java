package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.ViewReply;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** On the Raft leader: raises the store's level, see {@link FeatureLevel}, soon after the last peer was upgraded. */
final class LevelRaising {
    private static final Logger LOG = LoggerFactory.getLogger(LevelRaising.class);
    private static final long LOOK_MILLIS = 3000;

    private final FeatureLevel level;
    private final Supplier<Optional<Proposals.Replica>> leading;
    private final Function<PeerIdentity, Optional<ViewReply>> views;
    private final Proposals proposals;

    /**
     * @param leading the replica, while this peer is the Raft leader and ready
     * @param views asks a peer; at most a second or two
     */
    LevelRaising(
            FeatureLevel level,
            Supplier<Optional<Proposals.Replica>> leading,
            Function<PeerIdentity, Optional<ViewReply>> views,
            Proposals proposals) {
        this.level = level;
        this.leading = leading;
        this.views = views;
        this.proposals = proposals;
    }

    /** On a thread of its own, until the store is closed. */
    void start(BooleanSupplier closed) {
        Thread.ofVirtual().name("raft-store-level").start(() -> {
            try {
                while (!closed.getAsBoolean()) {
                    Thread.sleep(LOOK_MILLIS);
                    try {
                        look();
                    } catch (RuntimeException e) {
                        LOG.warn("Whether the store's feature level can be raised was not found out this time", e);
                    }
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private void look() {
        Optional<Proposals.Replica> replica = leading.get();
        if (replica.isEmpty()) {
            return;
        }
        int stores = replica.get().stateMachine().state().featureLevel();
        if (stores >= level.known()) {
            return;
        }
        // The listeners among them: they apply the same log.
        List<Optional<ViewReply>> said = Admission.members(replica.get().division()).stream()
                .map(peer -> views.apply(peer).filter(v -> v.getMe().getPeerId().equals(peer.getPeerId())))
                .toList();
        level.raise(stores, said).ifPresent(next -> {
            LOG.info("All {} peers know feature level {}: the store goes from {} to it", said.size(), next, stores);
            proposals.submitHere(replica.get(), ClusterCommands.raiseFeatureLevel(next));
        });
    }
}
