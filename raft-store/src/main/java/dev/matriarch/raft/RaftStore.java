package dev.matriarch.raft;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Measure;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.proto.store.v1.ViewReply;
import dev.matriarch.raft.state.StoreState;
import dev.matriarch.raft.state.StoreState.Lease;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
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
    /** When a node has been running for that long, its ballast file is written. */
    public static final Duration BALLAST_AFTER = Duration.ofMinutes(1);

    private final RaftStoreSettings settings;
    private final FeatureLevel level;
    private final LevelRaising levelRaising;
    private final StoreCondition condition = new StoreCondition();
    private final RaftTransport transport;
    private final PeerRpc rpc;
    private final StoreGroup group;
    private final Membership membership;
    private final Invitations invitations;
    private final PeerCertificates certificates;
    private final Proposals proposals;
    private final LocalCopy localCopy;
    private final LeaseExpiry expiry;
    private final ReplicaHost host;
    private final ReplicaEvents events;
    private final Roster roster;
    private final Removal removal;
    private final RaftDcs dcs;
    private final LeaderContact contact = new LeaderContact();
    private final Reconnection reconnection = new Reconnection(() -> host().replica(), contact);
    private final Proposals.Surroundings surroundings = new Surroundings();
    private final ChangeListeners listeners = new ChangeListeners();
    private final Keeper keeper;
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
        store.levelRaising.start(store.condition::isClosed);
        return store;
    }

    private RaftStore(RaftStoreSettings settings, Consumer<String> progress, FeatureLevel level)
            throws StoreStartException {
        this.settings = settings;
        this.level = level;
        Consumer<String> told = sentence -> {
            condition.waitsFor(sentence);
            progress.accept(sentence);
        };
        this.transport = new RaftTransport(settings);
        this.rpc = new PeerRpc(transport);
        this.certificates = new PeerCertificates(settings, rpc);
        GroupChange change = new GroupChange();
        this.membership = new Membership(settings, rpc, change);
        this.invitations = new Invitations(new DcsView());
        Admission admission = new Admission(settings, rpc, change, membership, invitations);
        this.proposals = new Proposals(surroundings, rpc);
        this.localCopy = new LocalCopy(surroundings, proposals, contact);
        this.expiry = new LeaseExpiry("raft-store-expiry", this::proposeExpiry);
        KnownPeers knownPeers = new KnownPeers(settings);
        Supersession supersession = new Supersession(condition, () -> host());
        Survey survey = new Survey(settings, rpc, () -> host(), this::view);
        Herald herald = new Herald(settings, rpc, () -> host(), survey, supersession);
        Succession succession = new Succession(settings, rpc, () -> host(), survey, supersession);
        this.events = new ReplicaEvents(
                settings.dataDir(),
                level,
                condition,
                () -> host(),
                expiry,
                listeners,
                () -> roster(),
                () -> removal(),
                told);
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
                        herald,
                        survey,
                        succession,
                        level,
                        certificates)),
                events,
                herald::news,
                herald::isBack);
        this.group = new StoreGroup(
                settings,
                rpc,
                membership,
                surroundings,
                this::view,
                () -> host().marker(),
                new DcsView(),
                survey,
                succession);
        this.dcs = new RaftDcs(new DcsView());
        this.levelRaising = new LevelRaising(level, this::leading, this::viewOf, proposals);
        this.roster = new Roster(settings, host);
        this.removal = new Removal(settings, condition, host, group, expiry, this::status);
        Rebuilding rebuilding = new Rebuilding(condition, host, expiry, listeners);
        FormingPeer forming = new FormingPeer(host, herald, condition);
        this.keeper = new Keeper(
                condition,
                host,
                expiry,
                herald,
                () -> new Forming(settings, knownPeers, rpc, forming, level, told),
                new Refounding(
                        settings,
                        condition,
                        host,
                        expiry,
                        rebuilding,
                        herald,
                        proposals,
                        surroundings,
                        membership,
                        told),
                removal,
                rebuilding,
                this::entered,
                told);
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
        new RoomWatch(settings.dataDir(), condition).start(ballastAfter);
    }

    /**
     * From now on, while this peer leads the Raft group, takes peers out that have not answered for that long, on a thread of
     * its own; see {@link DeadPeers}. Once for each store.
     */
    public void removeDeadPeersAfter(Duration grace) {
        new DeadPeerRemoval(settings.scope(), this::leading, this::viewOf, membership)
                .start(grace, condition::isClosed);
    }

    /** The replica, if this peer is the Raft leader and ready. */
    private Optional<Proposals.Replica> leading() {
        return host.replica()
                .filter(r -> condition.isSound() && r.division().getInfo().isLeaderReady());
    }

    private Optional<ViewReply> viewOf(PeerIdentity peer) {
        return peer.getPeerId().equals(host.marker().peerId()) ? Optional.of(view()) : group.view(peer.getAddress());
    }

    /** Tokens for new members, and whom this store takes in by itself. */
    public Invitations invitations() {
        return invitations;
    }

    /** What the peers show each other, and change at each other's word. */
    public PeerCertificates certificates() {
        return certificates;
    }

    /** The Raft group as people look after it. */
    public StoreGroup group() {
        return group;
    }

    private ViewReply view() {
        return Sight.of(
                settings.scope(),
                host.marker(),
                status(),
                condition.isClosed() ? Optional.empty() : host.replica(),
                condition.problem(),
                level);
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
        return running.isEmpty() || condition.isClosed()
                ? StatusReport.withoutGroup(host.marker(), condition.isClosed() || !condition.isSound())
                : StatusReport.of(running.get().division(), host.marker(), contact);
    }

    /** Hands Raft leadership over if this peer has it (within a second), then stops. */
    @Override
    public void close() {
        if (condition.isClosed()) {
            return;
        }
        condition.close();
        keeper.interrupt();
        closeParts();
    }

    /** Stops without a word to the others, as a crash would; for tests. */
    void crash() {
        condition.close();
        keeper.interrupt();
        reconnection.close();
        expiry.close();
        host.stopReplica();
        transport.close();
    }

    /** Pretends that Ratis could not write its log; for tests. */
    void breakLog(Throwable cause) {
        events.logFailed(cause);
    }

    private void closeParts() {
        condition.close();
        backups.ifPresent(StoreBackups::close);
        reconnection.close();
        expiry.close();
        host.close();
        transport.close();
    }

    private void entered() {
        catchUp();
        roster.note();
    }

    /** Finds out what was committed while this peer was away, before anybody asks: a restarted agent has no time to lose. */
    private void catchUp() {
        try {
            new DcsView().fresh(settings.retryTimeout().get());
        } catch (DcsException e) {
            LOG.debug("The store has not caught up yet: {}", e.getMessage());
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

    private ReplicaHost host() {
        return host;
    }

    private Roster roster() {
        return roster;
    }

    private Removal removal() {
        return removal;
    }

    private final class Surroundings implements Proposals.Surroundings {
        @Override
        public Proposals.Replica replica() throws DcsException {
            if (condition.isClosed() || !condition.isSound()) {
                throw new DcsException(condition.unavailable());
            }
            return host.replica()
                    .filter(r -> host.marker().settled())
                    .orElseThrow(() -> new DcsException(condition.unavailable()));
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
            return condition.isClosed()
                            || !condition.isSound()
                            || !host.marker().settled()
                    ? condition.unavailable()
                    : status().health(settings.retryTimeout().get());
        }

        @Override
        public Optional<String> forbidsFailsafe() {
            boolean outside = condition.isSuperseded() || !host.marker().settled();
            return outside ? Optional.of(condition.unavailable()) : Optional.empty();
        }

        @Override
        public List<Measure> measures() {
            List<Measure> measures =
                    new ArrayList<>(RaftMeasures.of(status(), health().startsWith("ok"), view(), settings.dataDir()));
            host.replica().ifPresent(r -> measures.addAll(RaftMeasures.of(r, Instant.now())));
            backups.ifPresent(b -> measures.addAll(b.measures(Instant.now())));
            return measures;
        }

        @Override
        public void close() {
            RaftStore.this.close();
        }
    }
}
