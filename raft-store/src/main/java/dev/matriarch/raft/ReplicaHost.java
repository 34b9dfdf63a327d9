package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.PeerIdentity;
import java.io.IOException;
import java.net.BindException;
import java.net.ServerSocket;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
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
    private final RaftTransport transport;
    private final ServerServiceDefinition service;
    private final StoreStateMachine.Observer observer;
    private final Path logDir;
    private volatile PeerMarker marker;
    private volatile RaftServer server;
    private volatile Proposals.Replica replica;

    ReplicaHost(
            RaftStoreSettings settings,
            RaftTransport transport,
            ServerServiceDefinition service,
            StoreStateMachine.Observer observer) {
        this.settings = settings;
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
        Optional<UUID> group = marker.groupId();
        if (group.isPresent()) {
            checkLog(group.get());
        }
        checkPort();
        StoreStateMachine stateMachine = new StoreStateMachine(observer);
        boolean recover = group.isPresent() && hasLog(group.get());
        RaftServer started = null;
        try {
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

    /** Stops the server and keeps everything else, so that {@link #start} can follow. */
    synchronized void stopReplica() {
        RaftServer running = server;
        server = null;
        replica = null;
        if (running != null) {
            closeQuietly(running);
        }
    }

    /** @throws StoreStartException while a megabyte cannot be written to the data directory */
    void checkSpace() throws StoreStartException {
        Path probe = settings.dataDir().resolve("space.probe");
        try {
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
                            + " aside and start again: this node then joins as a new peer.");
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
                        + " aside and start again: this node then joins as a new peer.");
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
                    + " aside and start again: this node then joins as a new peer.");
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

    private StoreStartException damaged(String what, Exception problem) {
        return new StoreStartException(
                what + ". Nothing was deleted. Move " + settings.dataDir()
                        + " aside and start again: this node then joins as a new peer.",
                problem);
    }

    /** The others need not wait for an election when the Raft leader goes on purpose. */
    private void handOver() {
        Proposals.Replica running = replica;
        if (running == null || !running.division().getInfo().isLeader()) {
            return;
        }
        RaftPeerId me = running.server().getId();
        Optional<RaftPeerId> heir =
                running.division().getInfo().getRoleInfoProto().getLeaderInfo().getFollowerInfoList().stream()
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
