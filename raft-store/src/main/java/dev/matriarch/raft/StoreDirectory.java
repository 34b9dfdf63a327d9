package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.ReformPlan;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The data directory of a peer: its marker and its log, and the rules of what may be started, made anew or refused. A
 * store that was part of a group is never started empty. Any thread may read the marker and ask for the space; everything
 * else is for one thread at a time, that of {@link ReplicaHost}.
 */
final class StoreDirectory {
    private static final Logger LOG = LoggerFactory.getLogger(StoreDirectory.class);
    private static final int PROBE_BYTES = 1 << 20;

    private final RaftStoreSettings settings;
    private final KnownPeers knownPeers;
    private final Path logDir;
    private volatile PeerMarker marker;

    StoreDirectory(RaftStoreSettings settings, KnownPeers knownPeers) {
        this.settings = settings;
        this.knownPeers = knownPeers;
        this.logDir = settings.dataDir().resolve("log");
        this.marker = PeerMarker.fresh(settings);
    }

    /** Of a peer that nobody knows yet before {@link #open}. */
    PeerMarker marker() {
        return marker;
    }

    /** Where Ratis keeps its groups. */
    Path log() {
        return logDir;
    }

    /** Ratis' files for a group. */
    Path current(UUID group) {
        return logDir.resolve(group.toString()).resolve("current");
    }

    boolean belongsTo(String group) {
        return marker.groupId().map(UUID::toString).equals(Optional.of(group));
    }

    /** Finds out who this peer is; makes the directory if nothing is there. */
    void open() throws StoreStartException {
        marker = readMarker();
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
            if (known.listener() != settings.listener()) {
                throw new StoreStartException("The store in " + dir + " belongs to a "
                        + (known.listener() ? "listener" : "peer with a vote") + ", and this is to be a "
                        + (settings.listener() ? "listener" : "peer with a vote")
                        + ". Nothing was changed. Start it as what it was, or remove it from the store (matriarchctl raft"
                        + " remove-peer " + known.peerId() + ") and move " + dir + again());
            }
            return known.named(settings.name());
        } catch (IOException e) {
            throw new StoreStartException(
                    "The store's directory " + dir + " cannot be used (" + e
                            + "). Nothing was started. Check its owner, its permissions and the disk.",
                    e);
        }
    }

    private static boolean isFilled(Path dir) throws IOException {
        if (!Files.isDirectory(dir)) {
            return false;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(dir)) {
            return entries.iterator().hasNext();
        }
    }

    boolean hasLog(UUID group) {
        return Files.isRegularFile(current(group).resolve("raft-meta"));
    }

    /** @throws StoreStartException if the log of this group must be there and is not */
    void checkLog(UUID group) throws StoreStartException {
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

    /** Noted before the group's directory is made. */
    void entering(UUID group, List<PeerIdentity> members) throws IOException {
        PeerMarker entering = marker.entering(group, members);
        entering.save(settings.dataDir());
        marker = entering;
    }

    void settle() throws StoreStartException {
        try {
            PeerMarker inside = marker.inside();
            inside.save(settings.dataDir());
            marker = inside;
        } catch (IOException e) {
            throw explain(e);
        }
    }

    /** The group's members changed: noted for the day when the configuration no longer leads to them. */
    void learned(List<PeerIdentity> members) {
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

    /** Goes on as a new peer with an empty log. Safe at any crash: {@link #finishRenewal} finishes what was begun. */
    void renew() throws StoreStartException {
        try {
            moveLogAside();
            saveRenewed();
        } catch (IOException e) {
            throw explain(e);
        }
    }

    void finishRenewal() throws StoreStartException {
        if (marker.settled() && Files.exists(aside(marker)) && !Files.exists(logDir)) {
            try {
                saveRenewed();
            } catch (IOException e) {
                throw explain(e);
            }
        }
    }

    private void saveRenewed() throws IOException {
        PeerMarker fresh = PeerMarker.removed(settings, marker);
        fresh.save(settings.dataDir());
        marker = fresh;
        Files.createDirectories(logDir);
    }

    /** The store was given up: this peer goes on as a new one that waits to be taken into the successor. */
    void putAside(GivenUp givenUp) throws StoreStartException {
        try {
            moveLogAside();
            PeerMarker fresh =
                    PeerMarker.removed(settings, marker).entering(UUID.fromString(givenUp.getSuccessor()), List.of());
            fresh.save(settings.dataDir());
            LOG.warn(
                    "The store that this node was part of ({}) lost its majority and was given up with matriarchctl recover. This"
                            + " node acts by it no more: it goes on as {} and waits to be taken into the new store"
                            + " ({}); its old log is kept in {}",
                    givenUp.getGroupId(),
                    fresh.peerId(),
                    fresh.addCommand(),
                    aside(marker));
            marker = fresh;
            Files.createDirectories(logDir);
        } catch (IOException | IllegalArgumentException e) {
            throw explain(e);
        }
    }

    /** This peer becomes the founder of the planned store, with an empty log; nothing if it is already. */
    void takeUp(ReformPlan plan) throws StoreStartException {
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
                    List.of(),
                    false);
            founder.save(settings.dataDir());
            marker = founder;
            Files.createDirectories(logDir);
        } catch (IOException e) {
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

    /** The sentence for whoever starts the agent. */
    StoreStartException explain(Exception problem) {
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
        return new StoreStartException(what + ". Nothing was deleted. Move " + settings.dataDir() + again(), problem);
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
}
