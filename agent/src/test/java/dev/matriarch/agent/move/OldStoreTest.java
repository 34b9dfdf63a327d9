package dev.matriarch.agent.move;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.RaftConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A cluster that comes back to the built-in store begins a new one, and keeps what is left of the old one. */
class OldStoreTest {
    @TempDir
    Path dir;

    private RaftConfig raft() {
        HostPort address = new HostPort("127.0.0.1", 7000);
        return new RaftConfig(
                dir.resolve("raft"),
                address,
                address,
                List.of(),
                Duration.ofMillis(500),
                Duration.ofSeconds(1),
                Optional.of(new RaftConfig.Backup(dir.resolve("raft/backups"), Duration.ofDays(1), 7)),
                Optional.empty());
    }

    @Test
    void whatIsThereIsPutAsideOnceAndNothingIsDeleted() throws Exception {
        assertEquals(Optional.empty(), OldStore.putAside(raft(), dir, Instant.EPOCH));
        Path log = Files.createDirectories(dir.resolve("raft/log/group"));
        Files.writeString(log.resolve("entry"), "x");
        Files.writeString(dir.resolve("raft/identity.json"), "me");
        Files.createDirectories(dir.resolve("raft/backups"));
        Files.createDirectories(dir.resolve("raft/removed-n1"));
        Files.writeString(dir.resolve("store-peers.json"), "peers");
        Path aside = OldStore.putAside(raft(), dir, Instant.EPOCH).orElseThrow();
        assertEquals(dir.resolve("raft/left-19700101T000000.000Z"), aside);
        assertEquals("x", Files.readString(aside.resolve("log/group/entry")));
        assertEquals("me", Files.readString(aside.resolve("identity.json")));
        assertEquals("peers", Files.readString(aside.resolve("store-peers.json")));
        assertFalse(Files.exists(dir.resolve("store-peers.json")));
        assertTrue(Files.isDirectory(dir.resolve("raft/backups")));
        assertEquals(Optional.empty(), OldStore.putAside(raft(), dir, Instant.EPOCH.plusSeconds(1)));
    }
}
