package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.ChangeReply;
import dev.matriarch.proto.store.v1.ChangeRequest;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.ViewReply;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** On the Raft leader: takes peers out that have not answered for a grace period, see {@link DeadPeers}. */
final class DeadPeerRemoval {
    private static final Logger LOG = LoggerFactory.getLogger(DeadPeerRemoval.class);
    private static final long LOOK_MILLIS = 5000;

    private final String scope;
    private final Supplier<Optional<Proposals.Replica>> leading;
    private final Function<PeerIdentity, Optional<ViewReply>> views;
    private final Membership membership;

    /**
     * @param leading the replica, while this peer is the Raft leader and ready
     * @param views asks a peer; at most a second or two
     */
    DeadPeerRemoval(
            String scope,
            Supplier<Optional<Proposals.Replica>> leading,
            Function<PeerIdentity, Optional<ViewReply>> views,
            Membership membership) {
        this.scope = scope;
        this.leading = leading;
        this.views = views;
        this.membership = membership;
    }

    /** On a thread of its own, until the store is closed. */
    void start(Duration grace, BooleanSupplier closed) {
        Thread.ofVirtual().name("raft-store-dead-peers").start(() -> {
            DeadPeers dead = new DeadPeers(grace.toNanos());
            try {
                while (!closed.getAsBoolean()) {
                    Thread.sleep(Math.min(LOOK_MILLIS, grace.toMillis() / 4));
                    try {
                        look(dead, grace);
                    } catch (RuntimeException e) {
                        dead.forget();
                        LOG.warn("Peers that do not answer could not be looked at this time", e);
                    }
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private void look(DeadPeers dead, Duration grace) {
        Optional<Proposals.Replica> replica = leading.get();
        if (replica.isEmpty()) {
            dead.forget();
            return;
        }
        List<PeerIdentity> peers = Admission.members(replica.get().division());
        Map<Boolean, List<String>> byListening = peers.stream()
                .collect(Collectors.partitioningBy(
                        PeerIdentity::getListener, Collectors.mapping(PeerIdentity::getPeerId, Collectors.toList())));
        Set<String> answering = peers.stream()
                .filter(v -> views.apply(v)
                        .filter(a -> a.getMe().getPeerId().equals(v.getPeerId()))
                        .isPresent())
                .map(PeerIdentity::getPeerId)
                .collect(Collectors.toSet());
        dead.step(byListening.get(false), byListening.get(true), answering, System.nanoTime())
                .ifPresent(peerId -> {
                    ChangeReply reply = membership.carryOut(
                            replica.get(),
                            ChangeRequest.newBuilder()
                                    .setFormatVersion(Forming.FORMAT_VERSION)
                                    .setScope(scope)
                                    .setRemove(peerId)
                                    .build());
                    LOG.warn(
                            "{} has not answered for {} s (raft.remove_dead_peers_after): {}",
                            peerId,
                            grace.toSeconds(),
                            reply.getMessage());
                });
    }
}
