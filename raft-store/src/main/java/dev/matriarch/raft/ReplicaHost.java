package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.ReformPlan;
import java.io.IOException;
import java.net.BindException;
import java.net.ServerSocket;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;
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
 * The data directory and the Ratis server that lives in it: the rules of what may be started, formatted or refused.
 * A store that was part of a group is never started empty.
 */
final class ReplicaHost implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ReplicaHost.class);
    private static final long HAND_OVER_MILLIS = 1000;
    private static final long START_SECONDS = 30;
    private static final int PROBE_BYTES = 1 << 20;

    private final RaftStoreSettings settings;
    private final KnownPeers knownPeers;
    private final RaftTransport transport;
    private final ServerServiceDefinition service;
    private final StoreStateMachine.Observer observer;
    private final Function<PeerMarker, Optional<GivenUp>> news;
    private final Predicate<ReformPlan> inForce;
    private final Path logDir;
    private volatile PeerMarker marker;
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
        this.knownPeers = knownPeers;
        this.transport = transport;
        this.service = service;
        this.observer = observer;
        this.logDir = settings.dataDir().resolve("log");
        this.marker = PeerMarker.fresh(settings);
    }

    PeerMarker marker() {
        return marker;
    }

    /** Present while this peer has a group and its server runs. */
    Optional<Proposals.Replica> replica() {
        return Optional.ofNullable(replica);
    }

    /** Checks directory and port, then starts the server; recovers the group if there is one. */
    synchronized void start() throws StoreStartException {
        marker = readMarker();
        Optional<ReformPlan> plan = plan();
        if (plan.isPresent() && !isDone(plan.get())) {
            if (inForce.test(plan.get())) {
                abandon(plan.get());
                plan = Optional.empty();
            } else {
                requireFresh(plan.get());
                takeUp(plan.get());
            }
        }
        if (marker.settled() && Files.exists(aside(marker)) && !Files.exists(logDir)) {
            try {
                renew();
            } catch (IOException e) {
                throw explain(e);
            }
        }
        if (plan.isEmpty() && marker.groupId().isPresent()) {
            Optional<GivenUp> givenUp = news.apply(marker);
            if (givenUp.isPresent()) {
                putAside(givenUp.get());
            }
        }
        Optional<UUID> group = marker.groupId();
        if (group.isPresent()) {
            checkLog(group.get());
        }
        checkPort();
        StoreStateMachine stateMachine = new StoreStateMachine(observer);
        boolean recover = group.isPresent() && hasLog(group.get());
        RaftServer started = null;
        try {
            if (recover) {
                Path log = logDir.resolve(group.get().toString()).resolve("current");
                TornTail.repair(log).forEach(LOG::warn);
            }
            started = transport.server(
                    RaftPeerId.valueOf(marker.peerId()),
                    logDir,
                    recover ? Optional.of(raftGroup(group.get(), marker.members())) : Optional.empty(),
                    stateMachine,
                    service);
            started.start();
            server = started;
            if (recover) {
                replica = new Proposals.Replica(
                        started, started.getDivision(RaftGroupId.valueOf(group.get())), stateMachine);
            } else if (group.isPresent()) {
                // The process died between writing the marker and making the directory: nothing was promised yet.
                add(group.get(), marker.members(), stateMachine);
            }
        } catch (IOException | RuntimeException e) {
            RaftServer failed = started;
            if (failed != null) {
                closeQuietly(failed);
            }
            server = null;
            replica = null;
            throw explain(e);
        }
        pending = recover || group.isPresent() ? null : stateMachine;
    }

    private StoreStateMachine pending;

    /** Makes the group's directory here and takes part; the marker is written first. */
    synchronized void enter(UUID group, List<PeerIdentity> members) throws StoreStartException {
        try {
            PeerMarker entering = marker.entering(group, members);
            entering.save(settings.dataDir());
            marker = entering;
            add(group, members, pending);
            pending = null;
        } catch (IOException e) {
            throw explain(e);
        }
    }

    synchronized void settle() throws StoreStartException {
        try {
            PeerMarker inside = marker.inside();
            inside.save(settings.dataDir());
            marker = inside;
        } catch (IOException e) {
            throw explain(e);
        }
    }

    /** The group's members changed: noted for the day when the configuration no longer leads to them. */
    synchronized void learned(List<PeerIdentity> members) {
        knownPeers.remember(members.stream()
                .map(PeerIdentity::getAddress)
                .filter(a -> !a.equals(settings.selfAddress()))
                .toList());
        try {
            PeerMarker knowing = marker.knowing(members);
            if (!knowing.equals(marker)) {
                knowing.save(settings.dataDir());
                marker = knowing;
            }
        } catch (IOException e) {
            LOG.warn("The new members of the store could not be noted in {}: {}", settings.dataDir(), e.toString());
        }
    }

    /**
     * This peer was removed from its group: it goes on as a new one, with an empty log, and waits to be taken in again.
     * The old log stays beside it. Safe at any crash: {@link #start} finishes what was begun.
     */
    synchronized void startAnew() throws StoreStartException {
        stopReplica();
        try {
            moveLogAside();
            renew();
        } catch (IOException e) {
            throw explain(e);
        }
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
            throw explain(e);
        }
    }

    /** The planned store was there already when this peer was stopped. */
    private boolean isDone(ReformPlan plan) {
        return marker.settled() && belongsTo(plan.getGroupId());
    }

    /**
     * While the plan waited on this disk the old store has come back: it is not to be replaced any more. If this peer had
     * left it, it waits to be taken in again.
     */
    private void abandon(ReformPlan plan) throws StoreStartException {
        try {
            if (belongsTo(plan.getGroupId())) {
                putAside(GivenUp.newBuilder()
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
            throw explain(e);
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
            throw explain(e);
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

    private void takeUp(ReformPlan plan) throws StoreStartException {
        UUID group = UUID.fromString(plan.getGroupId());
        if (marker.groupId().filter(group::equals).isPresent()) {
            return;
        }
        try {
            moveLogAside();
            PeerMarker founder = new PeerMarker(
                    plan.getMe().getPeerId(),
                    settings.name(),
                    settings.scope(),
                    settings.selfAddress(),
                    Optional.of(group),
                    false,
                    List.of(plan.getMe()),
                    List.of());
            founder.save(settings.dataDir());
            marker = founder;
            Files.createDirectories(logDir);
        } catch (IOException e) {
            throw explain(e);
        }
    }

    /** Its store was given up: this peer goes on as a new one that waits to be taken into the successor. */
    synchronized void giveUp(GivenUp givenUp) throws StoreStartException {
        stopReplica();
        if (belongsTo(givenUp.getGroupId())) {
            putAside(givenUp);
        }
        try {
            if (plan().filter(p -> p.getGroupId().equals(givenUp.getGroupId())).isPresent()) {
                putPlanAside();
            }
        } catch (IOException e) {
            throw explain(e);
        }
        start();
    }

    boolean belongsTo(String group) {
        return marker.groupId().map(UUID::toString).equals(Optional.of(group));
    }

    /** Takes part in this group no more; {@link #giveUp} does the rest, or did. */
    synchronized void leave(String group) {
        if (belongsTo(group)) {
            stopReplica();
        }
    }

    private void putAside(GivenUp givenUp) throws StoreStartException {
        try {
            moveLogAside();
            PeerMarker fresh =
                    PeerMarker.removed(settings, marker).entering(UUID.fromString(givenUp.getSuccessor()), List.of());
            fresh.save(settings.dataDir());
            LOG.warn(
                    "The store that this node was part of ({}) lost its majority and was given up with matriarchctl recover. This"
                            + " node acts by it no more: it goes on as {} and waits to be taken into the new store"
                            + " (matriarchctl raft add-peer {}); its old log is kept in {}",
                    givenUp.getGroupId(),
                    fresh.peerId(),
                    settings.selfAddress(),
                    aside(marker));
            marker = fresh;
            Files.createDirectories(logDir);
        } catch (IOException | IllegalArgumentException e) {
            throw explain(e);
        }
    }

    private void moveLogAside() throws IOException {
        Path aside = aside(marker);
        if (!Files.exists(aside) && Files.exists(logDir)) {
            Files.move(logDir, aside, StandardCopyOption.ATOMIC_MOVE);
            Durable.syncDirectory(settings.dataDir());
        }
    }

    private Path aside(PeerMarker old) {
        return settings.dataDir().resolve("removed-" + old.peerId());
    }

    private void renew() throws IOException {
        PeerMarker fresh = PeerMarker.removed(settings, marker);
        fresh.save(settings.dataDir());
        marker = fresh;
        Files.createDirectories(logDir);
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
        Path probe = settings.dataDir().resolve("space.probe");
        try {
            long usable = new Ballast(settings.dataDir()).usable();
            if (usable < DiskRoom.TO_START) {
                throw new StoreStartException(
                        "The built-in store on this node is stopped: " + settings.dataDir() + " has "
                                + (usable >> 10) + " kB left. It starts again by itself once there are "
                                + (DiskRoom.TO_START >> 20) + " MB; free some space.");
            }
            try {
                Files.write(
                        probe,
                        new byte[PROBE_BYTES],
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING,
                        StandardOpenOption.WRITE);
            } finally {
                Files.deleteIfExists(probe);
            }
        } catch (IOException e) {
            throw new StoreStartException(
                    "The built-in store on this node is stopped: " + settings.dataDir() + " cannot be written (" + e
                            + "). It starts again by itself once that is possible; free some space or check the disk.",
                    e);
        }
    }

    @Override
    public void close() {
        handOver();
        stopReplica();
    }

    private PeerMarker readMarker() throws StoreStartException {
        Path dir = settings.dataDir();
        try {
            Files.createDirectories(dir);
            if (!Files.isWritable(dir)) {
                throw new StoreStartException("The store's directory " + dir + " cannot be written by this user. "
                        + "Nothing was started. Give the directory to the user that runs the agent.");
            }
            Optional<PeerMarker> found = PeerMarker.load(dir);
            if (found.isEmpty()) {
                if (isFilled(logDir)) {
                    throw new StoreStartException(dir.resolve(PeerMarker.FILE) + " is missing although " + logDir
                            + " holds a store. Nothing was changed. Restore the file, or move " + dir
                            + again());
                }
                Files.createDirectories(logDir);
                PeerMarker fresh = marker;
                fresh.save(dir);
                return fresh;
            }
            PeerMarker known = found.get();
            if (!known.scope().equals(settings.scope())) {
                throw new StoreStartException("The store in " + dir + " belongs to the cluster \"" + known.scope()
                        + "\", not to \"" + settings.scope()
                        + "\". Nothing was changed. Correct scope or raft.data_dir in the configuration.");
            }
            if (!known.address().equals(settings.selfAddress())) {
                throw new StoreStartException("The store in " + dir + " belongs to the peer at " + known.address()
                        + ", but raft.self_addr is " + settings.selfAddress()
                        + ". Nothing was changed. Set the old address again, or move " + dir
                        + again());
            }
            return known.named(settings.name());
        } catch (IOException e) {
            throw new StoreStartException(
                    "The store's directory " + dir + " cannot be used (" + e
                            + "). Nothing was started. Check its owner, its permissions and the disk.",
                    e);
        }
    }

    private void checkLog(UUID group) throws StoreStartException {
        if (hasLog(group)) {
            return;
        }
        Path dir = logDir.resolve(group.toString());
        if (marker.settled()) {
            throw new StoreStartException("The store in " + settings.dataDir() + " has lost its log: " + dir
                    + " is missing or incomplete. It was not started, because an empty peer under the old identity "
                    + "could make the others forget what they have confirmed. Move " + settings.dataDir()
                    + again());
        }
        try {
            if (Files.exists(dir)) {
                // Left from an entry that did not get as far as Ratis' first durable file.
                try (Stream<Path> files = Files.walk(dir)) {
                    for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                        Files.delete(file);
                    }
                }
            }
            Files.createDirectories(logDir);
        } catch (IOException e) {
            throw explain(e);
        }
    }

    private boolean hasLog(UUID group) {
        return Files.isRegularFile(
                logDir.resolve(group.toString()).resolve("current").resolve("raft-meta"));
    }

    private static boolean isFilled(Path dir) throws IOException {
        if (!Files.isDirectory(dir)) {
            return false;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(dir)) {
            return entries.iterator().hasNext();
        }
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

    private void add(UUID group, List<PeerIdentity> members, StoreStateMachine stateMachine) throws IOException {
        RaftServer running = server;
        if (running == null) {
            throw new IOException("the server is not running");
        }
        RaftGroup raftGroup = raftGroup(group, members);
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

    private static RaftGroup raftGroup(UUID group, List<PeerIdentity> members) {
        List<RaftPeer> peers = members.stream()
                .map(m -> RaftPeer.newBuilder()
                        .setId(m.getPeerId())
                        .setAddress(m.getAddress())
                        .build())
                .toList();
        return RaftGroup.valueOf(RaftGroupId.valueOf(group), peers);
    }

    private StoreStartException explain(Exception problem) {
        for (Throwable t = problem; t != null; t = t.getCause()) {
            if (t instanceof CorruptStoreException corrupt) {
                return damaged(corrupt.getMessage(), problem);
            }
            String type = t.getClass().getSimpleName();
            if (type.contains("Checksum") || type.contains("CorruptedFile") || type.contains("RaftLogIO")) {
                return damaged("The store's log in " + logDir + " is damaged (" + t.getMessage() + ")", problem);
            }
        }
        Throwable root = problem;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return new StoreStartException(
                "The store in " + settings.dataDir() + " could not be started: " + root
                        + ". Nothing was deleted. Check the directory's owner and the free space.",
                problem);
    }

    /** The end of the sentences that say how to come back without the data. */
    private String again() {
        Set<String> others = new TreeSet<>();
        marker.known().stream().map(PeerIdentity::getAddress).forEach(others::add);
        try {
            others.addAll(knownPeers.load());
        } catch (StoreStartException e) {
            LOG.warn("{}", e.getMessage());
        }
        others.remove(settings.selfAddress());
        return " aside and start again"
                + (others.isEmpty() ? "" : " with raft.partner_addrs naming " + String.join(", ", others))
                + ": this node then joins as a new peer.";
    }

    private StoreStartException damaged(String what, Exception problem) {
        return new StoreStartException(what + ". Nothing was deleted. Move " + settings.dataDir() + again(), problem);
    }

    /** The others need not wait for an election when the Raft leader goes on purpose. */
    void handOver() {
        Proposals.Replica running = replica;
        if (running == null || !running.division().getInfo().isLeader()) {
            return;
        }
        RaftPeerId me = running.server().getId();
        Optional<RaftPeerId> heir = RoleInfo.of(running.division()).getLeaderInfo().getFollowerInfoList().stream()
                .min(Comparator.comparingLong(f -> f.getLastRpcElapsedTimeMs()))
                .filter(f -> f.getLastRpcElapsedTimeMs()
                        < settings.electionTimeoutMax().toMillis())
                .map(f -> RaftPeerId.valueOf(f.getId().getId()))
                .filter(id -> !id.equals(me));
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
