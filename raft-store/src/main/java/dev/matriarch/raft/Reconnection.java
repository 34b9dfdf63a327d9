package dev.matriarch.raft;

import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.proto.RaftProtos.RoleInfoProto;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.RaftServerRpcWithProxy;
import org.apache.ratis.util.PeerProxyMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes Ratis' connections to silent peers anew, and by that looks their names up again. Ratis asks none of them for a sign of life:
 * one to an address at which nobody is any more, or from one that is not ours any more, would be used for the quarter of an hour that
 * TCP goes on trying, for entries and for votes. A thread of its own.
 */
final class Reconnection implements Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(Reconnection.class);
    private static final long LOOK_AGAIN_MILLIS = 1000;
    private static final int CONNECT_MILLIS = 2000;
    /** Some elections, and no shorter than a busy machine may pause. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final Supplier<Optional<Proposals.Replica>> replica;
    private final LeaderContact contact;
    private final SilentPeers silent = new SilentPeers(PATIENCE.toMillis());
    private volatile Thread runner;

    /** @param replica absent: nobody to be connected with at the moment */
    Reconnection(Supplier<Optional<Proposals.Replica>> replica, LeaderContact contact) {
        this.replica = replica;
        this.contact = contact;
    }

    void start() {
        runner = Thread.ofVirtual().name("raft-store-reconnection").start(this);
    }

    /** Does not wait for its end. */
    void close() {
        if (runner != null) {
            runner.interrupt();
        }
    }

    @Override
    public void run() {
        try {
            while (true) {
                Thread.sleep(LOOK_AGAIN_MILLIS);
                try {
                    replica.get().ifPresent(this::look);
                } catch (RuntimeException e) {
                    LOG.debug("The connections could not be looked at this time", e);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void look(Proposals.Replica running) {
        RaftServer.Division division = running.division();
        Set<String> due = silent.step(silence(division), System.nanoTime() / 1_000_000);
        if (!due.isEmpty() && running.server().getServerRpc() instanceof RaftServerRpcWithProxy<?, ?> rpc) {
            everybody(division).stream()
                    .filter(peer -> due.contains(peer.getId().toString()))
                    // Closing an old one takes seconds, like a try at a new one.
                    .forEach(peer -> Thread.ofVirtual().start(() -> renew(rpc.getProxies(), peer)));
        }
    }

    /** Only where somebody is: for a peer that is away Ratis tries new connections by itself. */
    private static void renew(PeerProxyMap<?> proxies, RaftPeer peer) {
        try (Socket socket = new Socket()) {
            PeerAddress address = PeerAddress.parse(peer.getAddress());
            socket.connect(address.socketAddress(), CONNECT_MILLIS);
        } catch (IOException | StoreStartException e) {
            LOG.debug("{} is silent and cannot be reached: {}", peer.getId(), e.toString());
            return;
        }
        LOG.debug("{} is silent and can be reached: new connections", peer.getId());
        proxies.resetProxy(peer.getId());
    }

    /** Also those that are about to leave. */
    private static List<RaftPeer> everybody(RaftServer.Division division) {
        RaftConfiguration now = division.getRaftConf();
        return Stream.concat(
                        now.getAllPeers(RaftPeerRole.FOLLOWER).stream(),
                        now.getAllPeers(RaftPeerRole.LISTENER).stream())
                .toList();
    }

    /** The Raft leader knows it of each peer; another one that hears of a leader misses nothing. */
    private Map<String, Long> silence(RaftServer.Division division) {
        RoleInfoProto role = RoleInfo.of(division);
        if (role.getRole() == RaftPeerRole.LEADER) {
            return RoleInfo.silence(role);
        }
        long age = contact.ageMillis(division);
        return everybody(division).stream()
                .map(RaftPeer::getId)
                .filter(id -> !id.equals(division.getId()))
                .collect(Collectors.toMap(RaftPeerId::toString, id -> age));
    }
}
