package dev.matriarch.raft;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Measure;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import dev.matriarch.raft.state.StoreState.Lease;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.apache.ratis.protocol.RaftPeerId;
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

    private final RaftStoreSettings settings;
    private final Consumer<String> progress;
    private final RaftTransport transport;
    private final PeerRpc rpc;
    private final Admission admission;
    private final Proposals proposals;
    private final LocalCopy localCopy;
    private final LeaseExpiry expiry;
    private final ReplicaHost host;
    private final RaftDcs dcs;
    private final LeaderContact contact = new LeaderContact();
    private final Proposals.Surroundings surroundings = new Surroundings();
    private final List<Consumer<Change>> listeners = new CopyOnWriteArrayList<>();
    private final Thread keeper;
    private volatile String waiting = "starting";
    private volatile String problem = "";
    private volatile boolean rebuild;

    private volatile boolean closed;

    /**
     * Opens the store. Blocks for a second or two at most.
     *
     * @param progress told in sentences what the store is waiting for; called from a thread of the store
     * @throws StoreStartException with a sentence: address in use, directory not usable, damaged or foreign
     */
    public static RaftStore open(RaftStoreSettings settings, Consumer<String> progress) throws StoreStartException {
        RatisProcess.tame();
        RaftStore store = new RaftStore(settings, progress);
        try {
            store.host.start();
        } catch (StoreStartException | RuntimeException e) {
            store.closeParts();
            throw e;
        }
        store.expiry.start();
        store.keeper.start();
        return store;
    }

    private RaftStore(RaftStoreSettings settings, Consumer<String> progress) throws StoreStartException {
        this.settings = settings;
        this.progress = sentence -> {
            waiting = sentence;
            progress.accept(sentence);
        };
        this.transport = new RaftTransport(settings);
        this.rpc = new PeerRpc(transport);
        this.admission = new Admission(settings, rpc);
        this.proposals = new Proposals(surroundings, rpc);
        this.localCopy = new LocalCopy(surroundings, proposals, contact);
        this.expiry = new LeaseExpiry("raft-store-expiry", this::proposeExpiry);
        this.host = new ReplicaHost(
                settings,
                transport,
                PeerRpc.service(new PeerAnswers(settings.scope(), () -> host(), admission, surroundings)),
                new Observer());
        this.dcs = new RaftDcs(new DcsView());
        this.keeper = Thread.ofPlatform().daemon().name("raft-store-keeper").unstarted(this::keep);
    }

    /** The store as the agent sees it. Closing it closes the store. */
    public Dcs dcs() {
        return dcs;
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
        expiry.close();
        host.close();
        transport.close();
    }

    /** The background of the store: forms or joins first, then rebuilds the replica if it breaks. */
    private void keep() {
        try {
            new Forming(settings, rpc, new FormingPeer(), progress).run();
            catchUp();
            while (!closed) {
                synchronized (keeper) {
                    while (!rebuild && !closed) {
                        keeper.wait();
                    }
                }
                rebuild();
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

    /** Finds out what was committed while this peer was away, before anybody asks: a restarted agent has no time to lose. */
    private void catchUp() {
        try {
            new DcsView().fresh(settings.retryTimeout().get());
        } catch (DcsException e) {
            LOG.debug("The store has not caught up yet: {}", e.getMessage());
        }
    }

    private void rebuild() throws InterruptedException {
        expiry.lead(false);
        host.stopReplica();
        while (!closed) {
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
        public List<Measure> measures() {
            return RaftMeasures.of(status(), health().startsWith("ok"));
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
            return host.replica()
                    .map(r -> r.division().getRaftConf().getCurrentPeers().stream()
                            .anyMatch(p -> p.getId().equals(r.server().getId())))
                    .orElse(false);
        }

        @Override
        public boolean isClosed() {
            return closed;
        }
    }

    private final class Observer implements StoreStateMachine.Observer {
        @Override
        public void loaded(StoreState state) {
            expiry.loaded(state);
        }

        @Override
        public void applied(Apply.Applied applied) {
            expiry.applied(applied);
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
        public void removed() {
            if (!closed && !rebuild) {
                problem = "The other peers have removed this one from the store. Nothing was deleted. Move "
                        + settings.dataDir() + " aside and start again: this node then joins as a new peer.";
                LOG.error("{}", problem);
            }
        }
    }
}
