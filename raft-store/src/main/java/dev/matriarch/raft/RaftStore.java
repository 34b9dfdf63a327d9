package dev.matriarch.raft;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Measure;
import dev.matriarch.proto.store.v1.ChangeReply;
import dev.matriarch.proto.store.v1.ChangeRequest;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.ReformPlan;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.proto.store.v1.ViewReply;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import dev.matriarch.raft.state.StoreState.Lease;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This node's part of the built-in store: one replica, its port and its data directory.
 *
 * <p>{@link #open} returns as soon as the port is open and the directory is found usable; forming or joining a group
 * goes on in the background, and until it is done every call of {@link #dcs()} ends in a {@link DcsException} that says
 * what is awaited. Safe for several threads.
 */
public final class RaftStore implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RaftStore.class);
    private static final long REBUILD_PAUSE_MILLIS = 3000;
    private static final long LOOK_AROUND_MILLIS = 3000;
    private static final long REPLY_MILLIS = 200;
    private static final long LOOK_AGAIN_MILLIS = 50;
    private static final long SEED_SECONDS = 5;
    private static final long HERALD_MILLIS = 2000;
    private static final long DEAD_PEERS_MILLIS = 5000;
    private static final long ROOM_MILLIS = 1000;
    /** When a node has been running for that long, its ballast file is written. */
    public static final Duration BALLAST_AFTER = Duration.ofMinutes(1);

    private static final Duration ADMISSION = Duration.ofMinutes(2);
    private static final long ADMISSION_PAUSE_MILLIS = 1000;

    private final RaftStoreSettings settings;
    private final FeatureLevel level;
    private final LevelRaising levelRaising;
    private final Consumer<String> progress;
    private final RaftTransport transport;
    private final PeerRpc rpc;
    private final StoreGroup group;
    private final Membership membership;
    private final Invitations invitations;
    private final Succession succession;
    private final Proposals proposals;
    private final LocalCopy localCopy;
    private final LeaseExpiry expiry;
    private final KnownPeers knownPeers;
    private final Object learning = new Object();
    private final ReplicaHost host;
    private final RaftDcs dcs;
    private final LeaderContact contact = new LeaderContact();
    private final Reconnection reconnection = new Reconnection(() -> host().replica(), contact);
    private final Proposals.Surroundings surroundings = new Surroundings();
    private final List<Consumer<Change>> listeners = new CopyOnWriteArrayList<>();
    private final Thread keeper;
    private volatile String waiting = "starting";
    private volatile String problem = "";
    /** Another store is in force; until the process starts anew. */
    private volatile boolean stopped;

    private volatile boolean rebuild;
    /** The log is whole: before this peer stops it can still hand its office over. */
    private volatile boolean orderly;

    private volatile boolean removed;
    private volatile Optional<GivenUp> givenUp = Optional.empty();
    private volatile boolean reform;
    private volatile boolean closed;
    private volatile Optional<StoreBackups> backups = Optional.empty();

    /**
     * That the store is to be saved from time to time.
     *
     * @param directory made if missing; files of others in it are left alone
     * @param keep how many files of this peer stay
     */
    public record Backups(Path directory, Duration interval, int keep) {}

    /**
     * Opens the store. Blocks for a second or two at most.
     *
     * @param progress told in sentences what the store is waiting for; called from a thread of the store
     * @throws StoreStartException with a sentence: address in use, directory not usable, damaged or foreign
     */
    public static RaftStore open(RaftStoreSettings settings, Consumer<String> progress) throws StoreStartException {
        return open(settings, progress, FeatureLevel.BUILT);
    }

    /** The same as an older or newer build would; for tests. */
    static RaftStore open(RaftStoreSettings settings, Consumer<String> progress, FeatureLevel level)
            throws StoreStartException {
        RatisProcess.tame();
        RaftStore store = new RaftStore(settings, progress, level);
        try {
            store.host.start();
        } catch (StoreStartException | RuntimeException e) {
            store.closeParts();
            throw e;
        }
        store.expiry.start();
        store.reconnection.start();
        store.keeper.start();
        store.levelRaising.start(() -> store.closed);
        return store;
    }

    private RaftStore(RaftStoreSettings settings, Consumer<String> progress, FeatureLevel level)
            throws StoreStartException {
        this.settings = settings;
        this.level = level;
        this.progress = sentence -> {
            waiting = sentence;
            progress.accept(sentence);
        };
        this.transport = new RaftTransport(settings);
        this.rpc = new PeerRpc(transport);
        GroupChange change = new GroupChange();
        this.membership = new Membership(settings, rpc, change);
        this.invitations = new Invitations(new DcsView());
        Admission admission = new Admission(settings, rpc, change, membership, invitations);
        this.proposals = new Proposals(surroundings, rpc);
        this.localCopy = new LocalCopy(surroundings, proposals, contact);
        this.expiry = new LeaseExpiry("raft-store-expiry", this::proposeExpiry);
        this.knownPeers = new KnownPeers(settings);
        this.succession = new Succession(settings, rpc, () -> host(), this::view, new Orders());
        this.host = new ReplicaHost(
                settings,
                knownPeers,
                transport,
                PeerRpc.service(new PeerAnswers(
                        settings.scope(),
                        () -> host(),
                        admission,
                        membership,
                        surroundings,
                        this::view,
                        succession,
                        level)),
                new Observer(),
                succession::news,
                succession::isBack);
        this.group = new StoreGroup(
                settings, rpc, membership, surroundings, this::view, () -> host().marker(), new DcsView(), succession);
        this.dcs = new RaftDcs(new DcsView());
        this.levelRaising = new LevelRaising(level, this::leading, this::viewOf, proposals);
        this.keeper = Thread.ofPlatform().daemon().name("raft-store-keeper").unstarted(this::keep);
    }

    /** The store as the agent sees it. Closing it closes the store. */
    public Dcs dcs() {
        return dcs;
    }

    /** Saves what the store holds to files from now on, on a thread of its own; once for each store. */
    public void keepBackups(Backups wanted) {
        StoreBackups started = new StoreBackups(wanted, settings.name(), group::save);
        backups = Optional.of(started);
        started.start();
    }

    /**
     * From now on watches the free space of the store's volume on a thread of its own, see {@link DiskRoom}. Once for each
     * store.
     *
     * @param ballastAfter a node that starts has better to do than to write a ballast file
     */
    public void watchRoom(Duration ballastAfter) {
        long ballastFrom = System.nanoTime() + ballastAfter.toNanos();
        Thread.ofVirtual().name("raft-store-room").start(() -> {
            Ballast ballast = new Ballast(settings.dataDir());
            try {
                while (!closed) {
                    Thread.sleep(ROOM_MILLIS);
                    try {
                        lookAtRoom(ballast, System.nanoTime() - ballastFrom >= 0);
                    } catch (IOException e) {
                        LOG.warn(
                                "The free space for the store in {} could not be looked at: {}",
                                settings.dataDir(),
                                e.toString());
                    }
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private void lookAtRoom(Ballast ballast, boolean mayKeep) throws IOException {
        boolean runs = problem.isEmpty() && !rebuild;
        long usable = ballast.usable();
        switch (DiskRoom.next(usable, ballast.isKept())) {
            case NONE -> {}
            case KEEP_BALLAST -> {
                if (mayKeep && runs) {
                    ballast.keep();
                }
            }
            case GIVE_UP_BALLAST -> {
                ballast.giveUp();
                LOG.error(
                        "{} has only {} kB left. The store's ballast file there was removed, which gives it {} MB more: free some"
                                + " space, this node's store stops when they are used up.",
                        settings.dataDir(),
                        usable >> 10,
                        DiskRoom.BALLAST >> 20);
            }
            case STOP -> {
                if (runs) {
                    stopForRoom(usable);
                }
            }
        }
    }

    private void stopForRoom(long usable) {
        problem = "The built-in store on this node is stopped, in good order: " + settings.dataDir() + " has only "
                + (usable >> 10) + " kB left. It starts again by itself once there are " + (DiskRoom.TO_START >> 20)
                + " MB; free some space.";
        LOG.error("{}", problem);
        synchronized (keeper) {
            orderly = true;
            rebuild = true;
            keeper.notifyAll();
        }
    }

    /**
     * From now on, while this peer leads the Raft group, takes voters out that have not answered for that long, on a thread of
     * its own; see {@link DeadPeers}. Once for each store.
     */
    public void removeDeadPeersAfter(Duration grace) {
        Thread.ofVirtual().name("raft-store-dead-peers").start(() -> {
            DeadPeers dead = new DeadPeers(grace.toNanos());
            try {
                while (!closed) {
                    Thread.sleep(Math.min(DEAD_PEERS_MILLIS, grace.toMillis() / 4));
                    try {
                        removeDeadPeer(dead, grace);
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

    private void removeDeadPeer(DeadPeers dead, Duration grace) {
        Optional<Proposals.Replica> replica = leading();
        if (replica.isEmpty()) {
            dead.forget();
            return;
        }
        List<PeerIdentity> voters = Admission.members(replica.get().division());
        Set<String> answering = voters.stream()
                .filter(v -> viewOf(v)
                        .filter(a -> a.getMe().getPeerId().equals(v.getPeerId()))
                        .isPresent())
                .map(PeerIdentity::getPeerId)
                .collect(Collectors.toSet());
        dead.step(voters.stream().map(PeerIdentity::getPeerId).toList(), answering, System.nanoTime())
                .ifPresent(peerId -> {
                    ChangeReply reply = membership.carryOut(
                            replica.get(),
                            ChangeRequest.newBuilder()
                                    .setFormatVersion(Forming.FORMAT_VERSION)
                                    .setScope(settings.scope())
                                    .setRemove(peerId)
                                    .build());
                    LOG.warn(
                            "{} has not answered for {} s (raft.remove_dead_peers_after): {}",
                            peerId,
                            grace.toSeconds(),
                            reply.getMessage());
                });
    }

    /** The replica, if this peer is the Raft leader and ready. */
    private Optional<Proposals.Replica> leading() {
        return host.replica()
                .filter(r -> problem.isEmpty() && r.division().getInfo().isLeaderReady());
    }

    private Optional<ViewReply> viewOf(PeerIdentity peer) {
        return peer.getPeerId().equals(host.marker().peerId()) ? Optional.of(view()) : group.view(peer.getAddress());
    }

    /** Tokens for new members, and whom this store takes in by itself. */
    public Invitations invitations() {
        return invitations;
    }

    /** The Raft group as people look after it. */
    public StoreGroup group() {
        return group;
    }

    private ViewReply view() {
        return Sight.of(
                settings.scope(), host.marker(), status(), closed ? Optional.empty() : host.replica(), problem, level);
    }

    /** Waits until this peer is in a group and hears a Raft leader; false if that did not happen in time. */
    public boolean awaitReady(Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (!isReady()) {
            if (System.nanoTime() - deadline >= 0) {
                return false;
            }
            Thread.sleep(20);
        }
        return true;
    }

    private boolean isReady() {
        try {
            new DcsView().fresh(Duration.ofMillis(500));
            return true;
        } catch (DcsException e) {
            return false;
        }
    }

    public RaftStatus status() {
        Optional<Proposals.Replica> running = host.replica();
        return running.isEmpty() || closed
                ? StatusReport.withoutGroup(host.marker(), closed || !problem.isEmpty())
                : StatusReport.of(running.get().division(), host.marker(), contact);
    }

    /** Hands Raft leadership over if this peer has it (within a second), then stops. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        keeper.interrupt();
        closeParts();
    }

    /** Stops without a word to the others, as a crash would; for tests. */
    void crash() {
        closed = true;
        keeper.interrupt();
        reconnection.close();
        expiry.close();
        host.stopReplica();
        transport.close();
    }

    /** Pretends that Ratis could not write its log; for tests. */
    void breakLog(Throwable cause) {
        new Observer().logFailed(cause);
    }

    private void closeParts() {
        closed = true;
        backups.ifPresent(StoreBackups::close);
        reconnection.close();
        expiry.close();
        host.close();
        transport.close();
    }

    /** The background of the store: forms or joins first, then rebuilds the replica if it breaks. */
    private void keep() {
        try {
            Thread.ofVirtual().name("raft-store-herald").start(this::herald);
            while (!closed) {
                if (giveUp()) {
                    continue;
                }
                formAnew();
                new Forming(settings, knownPeers, rpc, new FormingPeer(), level, progress).run();
                if (givenUp.isPresent()) {
                    continue;
                }
                catchUp();
                compareConfiguration();
                while (!closed) {
                    if (!awaitOrder()) {
                        lookForLeader();
                        continue;
                    }
                    if (reform || givenUp.isPresent()) {
                        break;
                    }
                    if (removed && startAnew()) {
                        break;
                    }
                    if (rebuild) {
                        rebuild();
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (StoreStartException e) {
            problem = e.getMessage();
            LOG.error("{}", e.getMessage());
            progress.accept(e.getMessage());
        } catch (RuntimeException e) {
            problem = "the built-in store failed: " + e;
            LOG.error("The built-in store failed", e);
        }
    }

    /** @return false if there is nothing to do but to look around */
    private boolean awaitOrder() throws InterruptedException {
        long end = System.nanoTime() + LOOK_AROUND_MILLIS * 1_000_000;
        synchronized (keeper) {
            while (!ordered()) {
                long left = (end - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    return false;
                }
                keeper.wait(left);
            }
        }
        return true;
    }

    private boolean ordered() {
        return rebuild || removed || closed || reform || givenUp.isPresent();
    }

    /**
     * Ratis tells a peer that was removed while it was away by the answer to its call for votes. If a peer leads by now
     * that this one never knew, that one is never asked and the others keep silent.
     */
    private void lookForLeader() {
        Optional<UUID> mine = host.marker().groupId();
        RaftStatus now = status();
        if (problem.isEmpty() && mine.isPresent() && now.leader().isEmpty() && leaderWithout(mine.get(), now.term())) {
            orderAway();
        }
    }

    /** Not the word of a leader of a term that is over: it may not have heard that this peer was taken in. */
    private boolean leaderWithout(UUID mine, long term) {
        return group.leaderOf(mine)
                .filter(v -> v.getTerm() >= term
                        && v.getPeersCommitted()
                        && !names(v, host.marker().peerId()))
                .isPresent();
    }

    private static boolean names(ViewReply view, String peerId) {
        return view.getPeersList().stream()
                .anyMatch(p -> p.getPeer().getPeerId().equals(peerId));
    }

    private void orderAway() {
        if (!closed && !rebuild && !reform && givenUp.isEmpty()) {
            problem = "The other peers have removed this one from the store. Nothing was deleted. As soon as the Raft"
                    + " leader confirms it, this node waits as a new peer until it is taken in again.";
            LOG.warn("{}", problem);
            synchronized (keeper) {
                removed = true;
                keeper.notifyAll();
            }
        }
    }

    /** @return true if this peer's store was given up and it is a new peer now, which waits to be taken into the next one */
    private boolean giveUp() throws StoreStartException {
        Optional<GivenUp> order = givenUp;
        if (order.isEmpty()) {
            return false;
        }
        expiry.lead(false);
        host.giveUp(order.get());
        removed = false;
        rebuild = false;
        givenUp = Optional.empty();
        problem = "";
        return true;
    }

    /** Carries out what {@link Succession#reform} has written to the disk, also after a restart in the middle of it. */
    private void formAnew() throws StoreStartException, InterruptedException {
        Optional<ReformPlan> plan = host.plan();
        if (plan.isEmpty()) {
            succession.planned(plan);
            return;
        }
        if (reform) {
            // The answer goes out by the server that is about to stop.
            Thread.sleep(REPLY_MILLIS);
            expiry.lead(false);
            host.reform(plan.get());
            reform = false;
            problem = "";
            plan = host.plan();
        }
        // Not before it is certain that the old store has not come back: whoever hears of it leaves that store.
        succession.planned(plan);
        if (plan.isEmpty()) {
            return;
        }
        // From here on nobody renews a lease with this peer's help. Who still answers as a part of the old store may.
        long begun = System.nanoTime();
        tell();
        progress.accept("forms the store " + plan.get().getGroupId() + " in place of "
                + plan.get().getGivenUp()
                + ", which lost its majority; nobody may lead until a lease of the old leader has"
                + " ended (" + plan.get().getWaitMillis() / 1000 + " s)");
        LOG.warn("The built-in store on this node {}", waiting);
        while (!closed && givenUp.isEmpty()) {
            if (rebuild) {
                rebuild();
                if (host.plan().isEmpty()) {
                    succession.planned(Optional.empty());
                    return;
                }
            }
            long now = System.nanoTime();
            long quiet = Math.min(now - begun, now - succession.oldOneSeen());
            if (quiet >= plan.get().getWaitMillis() * 1_000_000 && seeded(plan.get())) {
                host.reformed();
                succession.planned(Optional.empty());
                LOG.warn(
                        "The store {} is there in place of {}. Whoever comes back from the old one waits to be taken in:"
                                + " matriarchctl raft add-peer HOST:PORT",
                        plan.get().getGroupId(),
                        plan.get().getGivenUp());
                ReformPlan done = plan.get();
                Thread.ofVirtual().name("raft-store-admit").start(() -> admit(done));
                return;
            }
            Thread.sleep(LOOK_AGAIN_MILLIS);
        }
    }

    private boolean seeded(ReformPlan plan) throws InterruptedException {
        Optional<Proposals.Replica> replica = host.replica();
        if (replica.isEmpty() || !replica.get().division().getInfo().isLeaderReady()) {
            return false;
        }
        try {
            Command seed = Command.parseFrom(plan.getSeed());
            if (!replica.get().stateMachine().state().entries().isEmpty()) {
                // It was put in before this node was restarted.
                return true;
            }
            return proposals
                            .submitHere(replica.get(), seed)
                            .get(SEED_SECONDS, TimeUnit.SECONDS)
                            .isSuccess()
                    && !replica.get().stateMachine().state().entries().isEmpty();
        } catch (ExecutionException | TimeoutException | InvalidProtocolBufferException e) {
            LOG.warn("The new store cannot be filled yet: {}", e.toString());
            return false;
        }
    }

    /** Takes the other survivors into the new store, one after the other; they hear of it from the herald. */
    private void admit(ReformPlan plan) {
        for (String address : plan.getAdmitList()) {
            long end = System.nanoTime() + ADMISSION.toNanos();
            String last = "it was not tried";
            boolean done = false;
            while (!closed && !done && System.nanoTime() - end < 0) {
                try {
                    ChangeReply reply = membership.carryOut(
                            surroundings.replica(),
                            ChangeRequest.newBuilder()
                                    .setFormatVersion(Forming.FORMAT_VERSION)
                                    .setScope(settings.scope())
                                    .setAdd(address)
                                    .build());
                    done = reply.getDone();
                    last = reply.getMessage();
                    if (!done) {
                        Thread.sleep(ADMISSION_PAUSE_MILLIS);
                    }
                } catch (DcsException e) {
                    last = String.valueOf(e.getMessage());
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    return;
                }
            }
            if (done) {
                LOG.info("The new store: {}", last);
            } else if (!closed) {
                LOG.warn(
                        "The survivor at {} could not be taken into the new store ({}). When it waits for it:"
                                + " matriarchctl raft add-peer {}",
                        address,
                        last,
                        address);
            }
        }
    }

    private void tell() {
        try {
            succession.herald();
        } catch (RuntimeException e) {
            LOG.warn("The members of a store that was given up could not be told this time", e);
        }
    }

    private void herald() {
        try {
            while (!closed) {
                tell();
                Thread.sleep(HERALD_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Finds out what was committed while this peer was away, before anybody asks: a restarted agent has no time to lose. */
    private void catchUp() {
        try {
            new DcsView().fresh(settings.retryTimeout().get());
        } catch (DcsException e) {
            LOG.debug("The store has not caught up yet: {}", e.getMessage());
        }
    }

    /**
     * Notes who the members are, and says what the configuration makes of it. Reads the present members itself: two
     * changes may be told of in either order.
     */
    private void compareConfiguration() {
        synchronized (learning) {
            List<PeerIdentity> members =
                    host.replica().map(r -> Admission.members(r.division())).orElse(List.of());
            if (members.isEmpty()) {
                // A peer that waits to be taken in has no list yet: what it knew before stays.
                return;
            }
            host.learned(members);
            List<String> addresses =
                    members.stream().map(PeerIdentity::getAddress).toList();
            if (addresses.contains(settings.selfAddress())) {
                Contradiction.between(settings, addresses).ifPresent(sentence -> LOG.warn("{}", sentence));
            }
        }
    }

    /**
     * Ratis has closed this replica because the others do not count it in any more. What closes for another reason is
     * only rebuilt: a peer gives up its identity only if the Raft leader itself says that it is not a member.
     *
     * @return true if it is a new peer now, which waits to be taken in
     */
    private boolean startAnew() throws InterruptedException, StoreStartException {
        expiry.lead(false);
        while (!closed && removed && givenUp.isEmpty()) {
            PeerMarker me = host.marker();
            Optional<ViewReply> leader = me.groupId().flatMap(group::leaderOf).filter(ViewReply::getPeersCommitted);
            if (leader.isPresent()) {
                removed = false;
                if (names(leader.get(), me.peerId())) {
                    rebuild = true;
                    return false;
                }
                host.startAnew();
                problem = "";
                LOG.warn(
                        "This peer was removed from the store. It goes on as {} and waits to be taken in again (matriarchctl"
                                + " raft add-peer {}); stop this agent if its host leaves for good. The old log is kept in"
                                + " {}",
                        host.marker().peerId(),
                        settings.selfAddress(),
                        settings.dataDir());
                return true;
            }
            Thread.sleep(REBUILD_PAUSE_MILLIS);
        }
        return false;
    }

    private void rebuild() throws InterruptedException {
        expiry.lead(false);
        if (orderly) {
            orderly = false;
            host.handOver();
        }
        host.stopReplica();
        while (!closed && givenUp.isEmpty()) {
            Thread.sleep(REBUILD_PAUSE_MILLIS);
            try {
                host.checkSpace();
                rebuild = false;
                host.start();
                problem = "";
                LOG.info("The built-in store runs again");
                changed(Set.of(Change.RESYNC));
                return;
            } catch (StoreStartException e) {
                problem = e.getMessage();
                LOG.warn("The built-in store cannot be started again yet: {}", e.getMessage());
            }
        }
    }

    private void proposeExpiry(Lease lease) {
        Command command = ClusterCommands.expire(lease);
        host.replica()
                .ifPresent(replica -> proposals.submitHere(replica, command).whenComplete((reply, e) -> {
                    if (e != null || !reply.isSuccess()) {
                        LOG.debug("The end of lease {} could not be proposed", lease.name(), e);
                    }
                }));
    }

    private void changed(Set<Change> changes) {
        for (Consumer<Change> listener : listeners) {
            for (Change change : changes) {
                try {
                    listener.accept(change);
                } catch (RuntimeException e) {
                    LOG.warn("A listener of the store failed at {}", change, e);
                }
            }
        }
    }

    private ReplicaHost host() {
        return host;
    }

    private String unavailable() {
        if (closed) {
            return "the built-in store is closed";
        }
        return problem.isEmpty() ? waiting : problem;
    }

    private final class Surroundings implements Proposals.Surroundings {
        @Override
        public Proposals.Replica replica() throws DcsException {
            if (closed || !problem.isEmpty()) {
                throw new DcsException(unavailable());
            }
            return host.replica()
                    .filter(r -> host.marker().settled())
                    .orElseThrow(() -> new DcsException(unavailable()));
        }

        @Override
        public String whyNoLeader() {
            return dcs.health();
        }
    }

    private final class DcsView implements RaftDcs.Store {
        @Override
        public Reply submit(Command command, Duration timeout) throws DcsException {
            return proposals.submit(command, timeout);
        }

        @Override
        public StoreState fresh(Duration timeout) throws DcsException {
            return localCopy.fresh(timeout, settings.retryTimeout().get());
        }

        @Override
        public StoreState local() throws DcsException {
            return surroundings.replica().stateMachine().state();
        }

        @Override
        public void onChange(Consumer<Change> listener) {
            listeners.add(listener);
        }

        @Override
        public String health() {
            if (closed || !problem.isEmpty() || !host.marker().settled()) {
                return unavailable();
            }
            RaftStatus status = status();
            if (status.leader().isEmpty()) {
                return "no Raft leader is known: fewer than a majority of "
                        + status.peers().size() + " peers can be reached, or an election is going on";
            }
            long limit = settings.retryTimeout().get().toMillis();
            if (status.lastContactMillis() > limit) {
                return "no contact with the majority for " + status.lastContactMillis() + " ms";
            }
            return "ok: " + status.role().name().toLowerCase(java.util.Locale.ROOT) + " of "
                    + status.leader().get() + ", " + status.peers().size() + " peers, heard "
                    + status.lastContactMillis() + " ms ago";
        }

        @Override
        public Optional<String> forbidsFailsafe() {
            boolean outside =
                    stopped || reform || givenUp.isPresent() || !host.marker().settled();
            return outside ? Optional.of(unavailable()) : Optional.empty();
        }

        @Override
        public List<Measure> measures() {
            List<Measure> measures =
                    new ArrayList<>(RaftMeasures.of(status(), health().startsWith("ok"), view(), settings.dataDir()));
            backups.ifPresent(b -> measures.addAll(b.measures(Instant.now())));
            return measures;
        }

        @Override
        public void close() {
            RaftStore.this.close();
        }
    }

    private final class FormingPeer implements Forming.Peer {
        @Override
        public PeerMarker marker() {
            return host.marker();
        }

        @Override
        public void enter(UUID group, List<PeerIdentity> members) throws StoreStartException {
            host.enter(group, members);
        }

        @Override
        public void settle() throws StoreStartException {
            host.settle();
        }

        @Override
        public boolean isMember() {
            return host.replica().map(r -> isMember(r.division())).orElse(false);
        }

        /**
         * By the configuration in the peer's own log, as far as that is committed: an entry that is not may be taken
         * back. Before the first entry (index -1) it is the one that the group was formed with: a founder is a member
         * from the moment it enters; a peer that waits to be taken in begins with none.
         */
        private boolean isMember(RaftServer.Division division) {
            RaftConfiguration configuration = division.getRaftConf();
            return configuration.getLogEntryIndex() <= division.getRaftLog().getLastCommittedIndex()
                    && configuration.getCurrentPeers().stream()
                            .anyMatch(p -> p.getId().equals(division.getId()));
        }

        @Override
        public void learn(List<GivenUp> news) {
            succession.learn(news);
        }

        @Override
        public boolean isClosed() {
            return closed || givenUp.isPresent();
        }
    }

    private final class Orders implements Succession.Orders {
        @Override
        public void giveUp(GivenUp order) {
            synchronized (keeper) {
                if (closed || reform || givenUp.isPresent() || !host.belongsTo(order.getGroupId())) {
                    return;
                }
                problem = "The store that this node is part of (" + order.getGroupId()
                        + ") lost its majority and was given up with matriarchctl recover. This node acts by it no"
                        + " more.";
                givenUp = Optional.of(order);
                keeper.notifyAll();
            }
            LOG.warn("{}", problem);
            // At once, whatever the keeper is busy with: not another vote.
            Thread.ofVirtual().name("raft-store-fence").start(() -> host.leave(order.getGroupId()));
        }

        @Override
        public void stop(String why) {
            stopped = true;
            if (!problem.equals(why)) {
                LOG.error("{}", why);
                problem = why;
            }
        }

        @Override
        public void reform(ReformPlan plan) {
            problem = "The store that this node was part of (" + plan.getGivenUp()
                    + ") lost its majority; this node forms another one in its place.";
            synchronized (keeper) {
                reform = true;
                keeper.notifyAll();
            }
        }
    }

    private final class Observer implements StoreStateMachine.Observer {
        @Override
        public void loaded(StoreState state) {
            expiry.loaded(state);
            checkLevel(state);
        }

        @Override
        public void applied(Apply.Applied applied) {
            expiry.applied(applied);
            checkLevel(applied.state());
        }

        /** Not another command: this peer might understand it otherwise than the others do. */
        private void checkLevel(StoreState state) {
            if (state.featureLevel() > level.known() && problem.isEmpty()) {
                String why = level.tooOldFor(state.featureLevel()).orElseThrow();
                stopped = true;
                problem = why;
                LOG.error("{}", why);
                progress.accept(why);
                expiry.lead(false);
                Thread.ofVirtual().name("raft-store-fence").start(host::stopReplica);
            }
        }

        @Override
        public void changed(Set<Change> changes) {
            RaftStore.this.changed(changes);
        }

        @Override
        public void leaderReady() {
            LOG.info("This peer is the Raft leader now");
            expiry.lead(true);
        }

        @Override
        public void notLeader() {
            expiry.lead(false);
        }

        @Override
        public void leaderChanged(RaftPeerId leader) {
            if (!leader.toString().equals(host.marker().peerId())) {
                expiry.lead(false);
            }
        }

        @Override
        public void logFailed(Throwable cause) {
            if (closed) {
                return;
            }
            problem = "The built-in store's log in " + settings.dataDir() + " can no longer be written (" + cause
                    + "). The store on this node is stopped; it starts again by itself once the disk has space.";
            LOG.error("{}", problem, cause);
            synchronized (keeper) {
                rebuild = true;
                keeper.notifyAll();
            }
        }

        @Override
        public void membersChanged() {
            // The file is written elsewhere: this is the thread that applies the log.
            Thread.ofVirtual().name("raft-store-members").start(RaftStore.this::compareConfiguration);
        }

        @Override
        public void removed() {
            orderAway();
        }
    }
}
