package dev.matriarch.agent.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.proto.control.v1.DiskFacts;
import dev.matriarch.proto.control.v1.FileFacts;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is seen of files and disks. */
class HostTest {
    @TempDir
    Path dir;

    private Own own;

    @BeforeEach
    void write() throws Exception {
        Path config = Files.writeString(dir.resolve("m.yml"), """
                scope: demo
                name: n1
                state_dir: DIR/state
                restapi: {listen: '10.0.0.1:8008', certfile: DIR/rest.pem}
                raft: {data_dir: DIR/raft, self_addr: '10.0.0.1:2222'}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: DIR/data
                  authentication:
                    superuser: {username: postgres, password: secret}
                    replication: {username: replicator, password: x}
                """.replace("DIR", dir.toString()));
        Files.createDirectories(dir.resolve("data/pg_wal"));
        Files.createDirectories(dir.resolve("state"));
        Files.setPosixFilePermissions(dir.resolve("data"), PosixFilePermissions.fromString("rwxr-x---"));
        Files.setPosixFilePermissions(config, PosixFilePermissions.fromString("rw-r--r--"));
        Files.writeString(dir.resolve("rest.pem"), "no certificate");
        ConfigSource source = new ConfigSource(Optional.of(config), Map.of());
        own = new Own(source, null, () -> new Own.InForce(List.of(), Map.of(), false), () -> "", () -> "");
    }

    private Host.Look look() throws Exception {
        return new Host().begin(own).get(20, TimeUnit.SECONDS);
    }

    private static FileFacts file(Host.Look facts, String what) {
        return facts.files().stream()
                .filter(f -> f.getWhat().equals(what))
                .findFirst()
                .orElseThrow(() -> new AssertionError(facts.toString()));
    }

    @Test
    void modesOwnersAndSecrets() throws Exception {
        Host.Look facts = look();
        assertEquals(0750, file(facts, "data directory").getMode());
        assertEquals(
                System.getProperty("user.name"), file(facts, "data directory").getOwner());
        assertEquals(0644, file(facts, "configuration").getMode());
        assertTrue(file(facts, "configuration").getSecret());
        assertTrue(file(facts, "key").getSecret(), "the key is in the file of the certificate");
        assertTrue(
                facts.files().stream().noneMatch(f -> f.getWhat().equals("store")),
                "what is not there yet is no finding");
    }

    @Test
    void whatOthersCannotGetToIsShutIn() throws Exception {
        Path open = Files.createDirectories(dir.resolve("open"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwx------"));
        assertTrue(file(look(), "configuration").getShutIn());
        Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxr-x--x"));
        // Where the tests put their files may itself be shut.
        boolean outside = Files.exists(dir.getParent())
                && ((Integer) Files.getAttribute(dir.getParent().toRealPath(), "unix:mode") & 1) == 0;
        assertEquals(outside, file(look(), "configuration").getShutIn());
    }

    @Test
    void tablespacesAreLookedAt() throws Exception {
        Path fast = Files.createDirectories(dir.resolve("fast"));
        Files.setPosixFilePermissions(fast, PosixFilePermissions.fromString("rwxrwxrwx"));
        Path links = Files.createDirectories(dir.resolve("data/pg_tblspc"));
        Files.createSymbolicLink(links.resolve("16400"), fast);
        Files.createSymbolicLink(links.resolve("16401"), dir.resolve("gone"));
        Host.Look facts = look();
        assertEquals(0777, file(facts, "tablespace 16400").getMode());
        assertTrue(file(facts, "tablespace 16401").getProblem().contains("is not there"), facts.toString());
        assertEquals(
                "data directory, WAL, tablespace 16400, state of the agent",
                facts.disks().getFirst().getWhat());
    }

    @Test
    void placesOnOneVolumeAreOneDisk() throws Exception {
        Host.Look facts = look();
        assertEquals(1, facts.disks().size(), facts.toString());
        DiskFacts disk = facts.disks().getFirst();
        assertEquals("data directory, WAL, state of the agent", disk.getWhat());
        assertTrue(disk.getTotal() > 0 && disk.getFree() > 0 && disk.getFree() <= disk.getTotal(), disk.toString());
        assertTrue(disk.getInodesFree() <= disk.getInodes(), disk.toString());
    }

    @Test
    void aFileWithoutACertificateIsNamed() throws Exception {
        assertTrue(
                look().certificates().getFirst().getProblem().contains("rest.pem holds no certificate"),
                look().toString());
    }

    @Test
    void whileADiskHangsNoSecondLookIsBegun() throws Exception {
        Path pipe = dir.resolve("rest.pem");
        Files.delete(pipe);
        assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
        Host host = new Host();
        Future<Host.Look> first = host.begin(own);
        try {
            assertThrows(TimeoutException.class, () -> first.get(200, TimeUnit.MILLISECONDS));
            assertSame(first, host.begin(own));
        } finally {
            // Whoever opens the other end of the pipe ends the wait.
            Files.writeString(pipe, "no certificate");
        }
        first.get(20, TimeUnit.SECONDS);
    }
}
