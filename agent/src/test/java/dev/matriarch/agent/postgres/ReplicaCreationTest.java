package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ReplicaMaking;
import dev.matriarch.agent.config.ReplicaMethod;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Upstream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Copies of a real server by every kind of method. */
@Tag("slow")
@ExtendWith(Unprivileged.class)
class ReplicaCreationTest {
    private static final Duration LONG = TestServers.LONG;

    private static Path script(TestServers servers, String name, String text) throws IOException {
        Path file = servers.root().resolve(name);
        Files.writeString(file, "#!/bin/bash\n" + text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
        return file;
    }

    private static ReplicaMethod method(Path script, boolean keepData, boolean noParams, boolean noLeader) {
        return new ReplicaMethod(
                script.getFileName().toString(),
                List.of(script.toString()),
                keepData,
                noParams,
                noLeader,
                List.of("--own=1"));
    }

    @Test
    void methodsAreTriedInOrderWithTheirArgumentsUntilOneSucceeds() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig original = servers.config("a");
            PostgresServer primary = servers.primary(original, "a");
            Path seen = servers.root().resolve("seen");
            Path fails = script(
                    servers,
                    "fails",
                    "printf '%s\\n' \"$@\" >" + seen + "\necho \"$PGPASSFILE\" >>" + seen + "\nmkdir -p "
                            + servers.dataDir("b-1") + "; touch " + servers.dataDir("b-1")
                            + "/rubbish; echo no backup; exit 4\n");
            Path bare = script(servers, "bare", "echo \"$#\" >>" + seen + "; exit 5\n");
            PostgresConfig config = servers.withMethods(
                    servers.config("b-1"),
                    method(fails, false, false, false),
                    method(bare, false, true, false),
                    ReplicaMethod.BASEBACKUP,
                    method(script(servers, "never", "touch " + seen + ".never"), false, false, false));
            PostgresServer replica = servers.server(config, "b-1");
            List<CloneProgress> progress = java.util.Collections.synchronizedList(new ArrayList<>());
            Upstream.Of source = TestServers.upstream("a", original);
            replica.replicaCreation().create(Optional.of(source), LONG, progress::add);
            List<String> lines = Files.readAllLines(seen);
            assertEquals(
                    List.of("--scope=test", "--role=replica", "--datadir=" + config.dataDir()), lines.subList(0, 3));
            assertTrue(lines.get(3).startsWith("--connstring=host='127.0.0.1' port='" + original.port()), lines.get(3));
            assertFalse(lines.get(3).contains(TestServers.PASSWORD), "no password on the command line");
            assertEquals(List.of("--own=1", config.pgpass().toString(), "0"), lines.subList(4, 7));
            assertFalse(Files.exists(Path.of(seen + ".never")));
            assertFalse(Files.exists(config.dataDir().resolve("rubbish")), "cleaned up before the next method");
            assertTrue(progress.stream().anyMatch(p -> p.method().equals("fails")));
            CloneProgress last = progress.getLast();
            assertEquals("basebackup", last.method());
            assertEquals(last.total(), last.bytes());
            assertTrue(last.bytes() > 10 << 20, last.toString());
            replica.configuration().write(TestServers.parameters(servers.root()), source, Optional.of(""));
            replica.start(LONG);
            replica.awaitReady(LONG);
            assertTrue(replica.observe(LONG).isReplica());
            primary.observe(LONG);
        }
    }

    @Test
    void withoutALeaderOnlyMethodsThatNeedNoneAreTried() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig original = servers.config("a");
            PostgresServer primary = servers.primary(original, "a");
            primary.stop(StopMode.FAST, LONG);
            Path seen = servers.root().resolve("seen");
            // A backup tool that leaves the configuration files out.
            Path archive = script(
                    servers,
                    "archive",
                    "printf '%s\\n' \"$@\" >" + seen + "\ncp -a " + original.dataDir() + " " + servers.dataDir("b")
                            + "\nrm " + servers.dataDir("b") + "/{postgresql,postgresql.base,pg_hba,pg_ident}.conf\n");
            PostgresConfig config = servers.withMethods(
                    servers.config("b"), ReplicaMethod.BASEBACKUP, method(archive, false, false, true));
            PostgresServer replica = servers.server(config, "b");
            replica.replicaCreation().create(Optional.empty(), LONG, now -> {});
            assertTrue(Files.readAllLines(seen).contains("--connstring="));
            for (String file : List.of("postgresql.conf", "postgresql.base.conf", "pg_hba.conf", "pg_ident.conf")) {
                assertTrue(Files.exists(config.dataDir().resolve(file)), file + " was put back from its copy");
            }
            replica.configuration()
                    .write(TestServers.parameters(servers.root()), new Upstream.Nobody(), Optional.of(""));
            replica.start(LONG);
            replica.awaitReady(LONG);
            assertTrue(replica.observe(LONG).isReplica());

            PostgresServer without = servers.server(servers.config("c"), "c");
            PostgresException e = assertThrows(
                    PostgresException.class, () -> without.replicaCreation().create(Optional.empty(), LONG, now -> {}));
            assertTrue(e.getMessage().contains("no_leader"), e.getMessage());
        }
    }

    @Test
    void theFirstMemberOfAStandbyClusterIsMadeByMethodsOfItsOwn() throws Exception {
        try (TestServers servers = new TestServers()) {
            Path seen = servers.root().resolve("seen");
            Path copy = script(servers, "copy", "printf '%s\\n' \"$@\" >" + seen + "\nexit 7\n");
            PostgresServer standby = servers.server(servers.config("b"), "b");
            ReplicaMaking usual = new ReplicaMaking(
                    List.of("basebackup"), Map.of("copy", method(copy, false, false, true)), Optional.empty());
            ReplicaMaking own = usual.inOrder(List.of("nowhere", "copy"));
            Upstream.Remote remote = new Upstream.Remote("10.0.0.1,10.0.0.2", "5432", "", "");
            PostgresException e = assertThrows(
                    PostgresException.class, () -> standby.replicaCreation().create(own, remote, LONG, now -> {}));
            assertTrue(e.getMessage().contains("code=7"), e.getMessage());
            String connection = Files.readAllLines(seen).get(3);
            assertTrue(
                    connection.startsWith("--connstring=host='10.0.0.1,10.0.0.2'")
                            && connection.contains("target_session_attrs='read-write'"),
                    connection);

            Upstream.Remote archive = new Upstream.Remote("", "5432", "", "");
            assertThrows(
                    PostgresException.class, () -> standby.replicaCreation().create(own, archive, LONG, now -> {}));
            assertEquals("--connstring=", Files.readAllLines(seen).get(3));
            PostgresException none = assertThrows(
                    PostgresException.class, () -> standby.replicaCreation().create(usual, archive, LONG, now -> {}));
            assertTrue(none.getMessage().contains("no_leader"), none.getMessage());
        }
    }

    @Test
    void keptDataIsThereForTheMethodAndStaysWhenItFails() throws Exception {
        try (TestServers servers = new TestServers()) {
            Path data = servers.dataDir("b");
            Path delta = script(servers, "delta", "ls " + data + "; exit 6\n");
            PostgresConfig config = servers.withMethods(servers.config("b"), method(delta, true, true, false));
            PostgresServer replica = servers.server(config, "b");
            Files.createDirectory(data);
            Files.writeString(data.resolve("old-file"), "x");
            Upstream.Of source = new Upstream.Of("a", "127.0.0.1", 1);
            // What nobody gave up is not touched.
            PostgresException refused = assertThrows(
                    PostgresException.class,
                    () -> replica.replicaCreation().create(Optional.of(source), LONG, now -> {}));
            assertTrue(refused.getMessage().contains("is not empty"), refused.getMessage());
            assertEquals(
                    LocalPostgres.DataDirectory.UNUSABLE, replica.observe(LONG).dataDirectory());

            replica.replicaCreation().keepForCopy("an operator asked to reinitialize this member");
            assertEquals(
                    LocalPostgres.DataDirectory.PARTIAL_COPY,
                    replica.observe(LONG).dataDirectory());
            PostgresException e = assertThrows(
                    PostgresException.class,
                    () -> replica.replicaCreation().create(Optional.of(source), LONG, now -> {}));
            assertTrue(e.getMessage().contains("exited with code=6: old-file"), e.getMessage());
            assertTrue(Files.exists(data.resolve("old-file")));
            // Known after a restart of the agent too.
            PostgresServer again = servers.server(config, "b");
            assertEquals(
                    LocalPostgres.DataDirectory.PARTIAL_COPY,
                    again.observe(LONG).dataDirectory());
            assertThrows(PostgresException.class, () -> again.start(LONG));
        }
    }

    @Test
    void aCommandThatIsCancelledEndsWithItsChildren() throws Exception {
        try (TestServers servers = new TestServers()) {
            Path pids = servers.root().resolve("pids");
            Path slow = script(servers, "slow", "setsid sleep 600 & sleep 600 & echo $! $$ >" + pids + "\nwait\n");
            PostgresConfig config = servers.withMethods(servers.config("b"), method(slow, false, true, false));
            PostgresServer replica = servers.server(config, "b");
            PostgresException[] thrown = new PostgresException[1];
            Thread thread = Thread.ofPlatform().start(() -> {
                try {
                    replica.replicaCreation()
                            .create(Optional.of(new Upstream.Of("a", "127.0.0.1", 1)), LONG, now -> {});
                } catch (PostgresException e) {
                    thrown[0] = e;
                }
            });
            long deadline = System.nanoTime() + LONG.toNanos();
            while (!Files.exists(pids) || Files.size(pids) == 0) {
                assertTrue(System.nanoTime() - deadline < 0, "the command did not begin");
                Thread.sleep(20);
            }
            thread.interrupt();
            thread.join(LONG.toMillis());
            assertTrue(thrown[0].getMessage().contains("cancelled"), thrown[0].getMessage());
            for (String pid : Files.readString(pids).strip().split(" ")) {
                while (dev.matriarch.agent.postgres.linux.LinuxProcess.find(Long.parseLong(pid))
                        .isPresent()) {
                    assertTrue(System.nanoTime() - deadline < 0, pid + " still runs");
                    Thread.sleep(20);
                }
            }
            assertEquals(
                    LocalPostgres.DataDirectory.EMPTY, replica.observe(LONG).dataDirectory());
        }
    }
}
