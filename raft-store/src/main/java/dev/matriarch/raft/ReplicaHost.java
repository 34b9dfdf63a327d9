package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.ReformPlan;
import java.io.IOException;
import java.net.BindException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Predicate;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.GroupManagementRequest;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftGroup;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.TransferLeadershipRequest;
import org.apache.ratis.rpc.CallId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.thirdparty.io.grpc.ServerServiceDefinition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Ratis server that lives in this node's {@link StoreDirectory}: started with what is there, stopped, moved into
 * another group.
 */
final class ReplicaHost implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ReplicaHost.class);
    private static final long HAND_OVER_MILLIS = 1000;
    private static final long START_SECONDS = 30;

    private final RaftStoreSettings settings;
    private final StoreDirectory directory;
    private final RaftTransport transport;
    private final ServerServiceDefinition service;
    private final StoreStateMachine.Observer observer;
    private final Function<PeerMarker, Optional<GivenUp>> news;
    private final Predicate<ReformPlan> inForce;
    private volatile RaftServer server;
    private volatile Proposals.Replica replica;

    /**
     * @param news what the others say of the store that this peer belongs to, before it takes part in it
     * @param inForce whether the store that a plan gives up has come back to life
     */
    ReplicaHost(
            RaftStoreSettings settings,
            KnownPeers knownPeers,
            RaftTransport transport,
            ServerServiceDefinition service,
            StoreStateMachine.Observer observer,
            Function<PeerMarker, Optional<GivenUp>> news,
            Predicate<ReformPlan> inForce) {
        this.news = news;
        this.inForce = inForce;
        this.settings = settings;
        this.directory = new StoreDirectory(settings, knownPeers);
        this.transport = transport;
        this.service = service;
        this.observer = observer;
    }

    PeerMarker marker() {
        return directory.marker();
    }

    /** Present while this peer has a group and its server runs. */
    Optional<Proposals.Replica> replica() {
        return Optional.ofNullable(replica);
    }

    /** Checks directory and port, then starts the server; recovers the group if there is one. */
    synchronized void start() throws StoreStartException {
        directory.open();
        Optional<ReformPlan> plan = plan();
        if (plan.isPresent() && !isDone(plan.get())) {
            if (inForce.test(plan.get())) {
                abandon(plan.get());
                plan = Optional.empty();
            } else {
                requireFresh(plan.get());
                directory.takeUp(plan.get());
            }
        }
        directory.finishRenewal();
        if (plan.isEmpty() && marker().groupId().isPresent()) {
            Optional<GivenUp> givenUp = news.apply(marker());
            if (givenUp.isPresent()) {
                directory.putAside(givenUp.get());
            }
        }
        PeerMarker marker = marker();
        Optional<UUID> group = marker.groupId();
        if (group.isPresent()) {
            directory.checkLog(group.get());
        }
        checkPort();
        StoreStateMachine stateMachine = new StoreStateMachine(observer);
        boolean recover = group.isPresent() && directory.hasLog(group.get());
        RaftServer started = null;
        try {
            if (recover) {
                TornTail.repair(directory.current(group.get())).forEach(LOG::warn);
            }
            started = transport.server(
                    RaftPeerId.valueOf(marker.peerId()),
                    directory.log(),
                    recover ? Optional.of(raftGroup(group.get(), marker)) : Optional.empty(),
                    stateMachine,
                    service);
            started.start();
            server = started;
            if (recover) {
                replica = new Proposals.Replica(
                        started, started.getDivision(RaftGroupId.valueOf(group.get())), stateMachine);
            } else if (group.isPresent()) {
                // The process died between writing the marker and making the directory: nothing was promised yet.
                add(group.get(), stateMachine);
            }
        } catch (IOException | RuntimeException e) {
            RaftServer failed = started;
            if (failed != null) {
                closeQuietly(failed);
            }
            server = null;
            replica = null;
            throw directory.explain(e);
        }
        pending = recover || group.isPresent() ? null : stateMachine;
    }

    private StoreStateMachine pending;

    /** Makes the group's directory here and takes part; the marker is written first. */
    synchronized void enter(UUID group, List<PeerIdentity> members) throws StoreStartException {
        try {
            directory.entering(group, members);
            add(group, pending);
            pending = null;
        } catch (IOException e) {
            throw directory.explain(e);
        }
    }

    synchronized void settle() throws StoreStartException {
        directory.settle();
    }

    /** The group's members changed: noted for the day when the configuration no longer leads to them. */
    synchronized void learned(List<PeerIdentity> members) {
        directory.learned(members);
    }

    /**
     * This peer was removed from its group: it goes on as a new one, with an empty log, and waits to be taken in again.
     * The old log stays beside it. Safe at any crash: {@link #start} finishes what was begun.
     */
    synchronized void startAnew() throws StoreStartException {
        stopReplica();
        directory.renew();
        start();
    }

    /** A new store that this peer is about to form; nobody but it may end that. */
    Optional<ReformPlan> plan() throws StoreStartException {
        return Reforming.load(settings.dataDir());
    }

    /** This peer leaves its present store and begins the planned one, which is on the disk. */
    synchronized void reform(ReformPlan plan) throws StoreStartException {
        stopReplica();
        start();
    }

    /** The planned store is there. */
    synchronized void reformed() throws StoreStartException {
        settle();
        try {
            Reforming.done(settings.dataDir());
        } catch (IOException e) {
            throw directory.explain(e);
        }
    }

    /** The planned store was there already when this peer was stopped. */
    private boolean isDone(ReformPlan plan) {
        return marker().settled() && belongsTo(plan.getGroupId());
    }

    /**
     * While the plan waited on this disk the old store has come back: it is not to be replaced any more. If this peer had
     * left it, it waits to be taken in again.
     */
    private void abandon(ReformPlan plan) throws StoreStartException {
        try {
            if (belongsTo(plan.getGroupId())) {
                directory.putAside(GivenUp.newBuilder()
                        .setGroupId(plan.getGroupId())
                        .setSuccessor(plan.getGivenUp())
                        .build());
            }
            putPlanAside();
            LOG.warn(
                    "The store {} was to be replaced, but a majority of its peers answers again: it goes on. The plan was put"
                            + " aside in {}",
                    plan.getGivenUp(),
                    settings.dataDir());
        } catch (IOException e) {
            throw directory.explain(e);
        }
    }

    private void requireFresh(ReformPlan plan) throws StoreStartException {
        Path file = settings.dataDir().resolve(Reforming.FILE);
        try {
            Instant ordered = Reforming.ordered(settings.dataDir());
            if (Reforming.isStale(ordered, Instant.now())) {
                throw new StoreStartException("On " + ordered + " this node was to form the store " + plan.getGroupId()
                        + " in place of " + plan.getGivenUp()
                        + " (matriarchctl recover), and was interrupted. Since then the other hosts may have come back. If"
                        + " they have, move " + settings.dataDir()
                        + " aside and start again: this node joins as a new peer. If they are still dead: touch " + file
                        + ", and start again within " + Reforming.LONGEST_INTERRUPTION.toMinutes() + " minutes.");
            }
        } catch (IOException e) {
            throw directory.explain(e);
        }
    }

    private void putPlanAside() throws IOException {
        Files.move(
                settings.dataDir().resolve(Reforming.FILE),
                settings.dataDir().resolve(Reforming.FILE + ".abandoned"),
                StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
        Durable.syncDirectory(settings.dataDir());
    }

    /** Its store was given up: this peer goes on as a new one that waits to be taken into the successor. */
    synchronized void giveUp(GivenUp givenUp) throws StoreStartException {
        stopReplica();
        if (belongsTo(givenUp.getGroupId())) {
            directory.putAside(givenUp);
        }
        try {
            if (plan().filter(p -> p.getGroupId().equals(givenUp.getGroupId())).isPresent()) {
                putPlanAside();
            }
        } catch (IOException e) {
            throw directory.explain(e);
        }
        start();
    }

    boolean belongsTo(String group) {
        return directory.belongsTo(group);
    }

    /** Takes part in this group no more; {@link #giveUp} does the rest, or did. */
    synchronized void leave(String group) {
        if (belongsTo(group)) {
            stopReplica();
        }
    }

    /** Stops the server and keeps everything else, so that {@link #start} can follow. */
    synchronized void stopReplica() {
        RaftServer running = server;
        server = null;
        replica = null;
        if (running != null) {
            closeQuietly(running);
        }
    }

    /** @throws StoreStartException while the volume has too little room, or takes no file */
    void checkSpace() throws StoreStartException {
        directory.checkSpace();
    }

    @Override
    public void close() {
        handOver();
        stopReplica();
    }

    /** Ratis finds a port in use only when it is too late for a sentence. */
    private void checkPort() throws StoreStartException {
        PeerAddress bind = transport.bind();
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(bind.socketAddress());
        } catch (BindException e) {
            throw new StoreStartException(
                    "The store cannot listen on " + settings.bindAddress() + ": " + e.getMessage()
                            + ". Nothing was started. Stop the program that uses the address, or change "
                            + "raft.bind_addr.",
                    e);
        } catch (IOException | IllegalArgumentException e) {
            throw new StoreStartException(
                    "The store cannot listen on " + settings.bindAddress() + ": " + e.getMessage()
                            + ". Nothing was started. Correct raft.bind_addr.",
                    e);
        }
    }

    private void add(UUID group, StoreStateMachine stateMachine) throws IOException {
        RaftServer running = server;
        if (running == null) {
            throw new IOException("the server is not running");
        }
        RaftGroup raftGroup = raftGroup(group, directory.marker());
        try {
            RaftClientReply reply = running.groupManagementAsync(GroupManagementRequest.newAdd(
                            ClientId.randomId(), running.getId(), CallId.getAndIncrement(), raftGroup, true))
                    .get(START_SECONDS, TimeUnit.SECONDS);
            if (!reply.isSuccess()) {
                throw new IOException(String.valueOf(reply.getException()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException("the group could not be made: " + e, e);
        }
        replica = new Proposals.Replica(running, running.getDivision(raftGroup.getGroupId()), stateMachine);
    }

    /** A listener is one to itself from the beginning: Ratis would begin as a follower otherwise, and close when it misses the leader. */
    private static RaftGroup raftGroup(UUID group, PeerMarker me) {
        List<PeerIdentity> members = me.listener() ? List.of(me.identity()) : me.members();
        List<RaftPeer> peers = members.stream().map(GroupMembers::peer).toList();
        return RaftGroup.valueOf(RaftGroupId.valueOf(group), peers);
    }

    /** The others need not wait for an election when the Raft leader goes on purpose. */
    void handOver() {
        Proposals.Replica running = replica;
        if (running == null || !running.division().getInfo().isLeader()) {
            return;
        }
        RaftPeerId me = running.server().getId();
        Optional<RaftPeerId> heir = Heir.of(running.division(), settings.electionTimeoutMax());
        if (heir.isEmpty()) {
            return;
        }
        try {
            running.server()
                    .transferLeadershipAsync(new TransferLeadershipRequest(
                            ClientId.randomId(),
                            me,
                            running.division().getMemberId().getGroupId(),
                            CallId.getAndIncrement(),
                            heir.get(),
                            HAND_OVER_MILLIS))
                    .get(HAND_OVER_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException | IOException e) {
            LOG.info("Raft leadership could not be handed over before closing; the others will elect a leader");
        }
    }

    private static void closeQuietly(RaftServer server) {
        try {
            server.close();
        } catch (IOException | RuntimeException e) {
            LOG.warn("The store's server did not close cleanly", e);
        }
    }
}
