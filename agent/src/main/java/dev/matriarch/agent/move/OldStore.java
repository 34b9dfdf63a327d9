package dev.matriarch.agent.move;

import dev.matriarch.agent.config.RaftConfig;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What an earlier time with the built-in store has left on this host. A cluster that moves there again begins a new store: the
 * old one is put aside, and nothing of it is deleted.
 */
final class OldStore {
    static final String ASIDE = "left-";
    private static final String PEERS = "store-peers.json";
    private static final DateTimeFormatter NAME =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss.SSS'Z'").withZone(ZoneOffset.UTC);

    private OldStore() {}

    /**
     * To be called while no store uses the directory.
     *
     * @return where it is now; empty: there was none
     * @throws IOException if a part of it could not be moved; called again, it goes on
     */
    static Optional<Path> putAside(RaftConfig raft, Path stateDir, Instant now) throws IOException {
        Path directory = raft.dataDir();
        List<Path> parts;
        try (Stream<Path> entries = Files.list(directory)) {
            parts = entries.filter(p -> !isKept(p, raft)).sorted().toList();
        } catch (NoSuchFileException e) {
            parts = List.of();
        }
        Path peers = stateDir.resolve(PEERS);
        if (parts.isEmpty() && !Files.exists(peers)) {
            return Optional.empty();
        }
        Files.createDirectories(directory);
        Path aside = Files.createDirectory(directory.resolve(ASIDE + NAME.format(now)));
        for (Path part : parts) {
            Files.move(part, aside.resolve(part.getFileName()), StandardCopyOption.ATOMIC_MOVE);
        }
        if (Files.exists(peers)) {
            // The two may be on different volumes.
            Files.copy(peers, aside.resolve(PEERS), StandardCopyOption.REPLACE_EXISTING);
            Files.delete(peers);
            sync(stateDir);
        }
        sync(aside);
        sync(directory);
        return Optional.of(aside);
    }

    private static boolean isKept(Path part, RaftConfig raft) {
        String name = part.getFileName().toString();
        return name.startsWith(ASIDE)
                || name.startsWith("removed-")
                || name.equals("lost+found")
                || raft.backup().filter(b -> b.directory().startsWith(part)).isPresent();
    }

    private static void sync(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
