package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** How a cluster comes to be, and its replicas. Each test has a cluster of its own. */
class BootstrapIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(30);

    private Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @AfterEach
    void stop() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @Test
    void aCopyShowsItsProgressEndsWhenCancelledAndIsMadeByTheNextMethodThatWorks() {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 3);
        Node leader = cluster.awaitWhole(WHOLE);
        Node replica = cluster.othersThan(leader).getFirst();
        edit(replica, "\npostgresql:\n", "\npostgresql:\n  basebackup: [{max-rate: 1M}]\n");
        cluster.ctl("reload", "demo", replica.name(), "--force").expectSuccess();
        cluster.ctl("reinit", replica.name(), "--force").expectSuccess();
        Await.until("the list shows how far the copy is", SOON, () -> {
            String list = cluster.ctl("list").output();
            return list.contains("MB of") && list.contains("%");
        });
        String rest = Http.get(leader.rest() + "/cluster", Duration.ofSeconds(2))
                .orElseThrow()
                .body();
        assertTrue(rest.contains("\"clone_progress\""), rest);
        cluster.ctl("reinit", replica.name(), "--cancel").expectSuccess();
        Await.until("the copy ends", SOON, () -> copying(replica).isEmpty());
        assertNotEquals(0, cluster.ctl("reinit", replica.name(), "--cancel").exitCode());

        // The next one: by a method that fails, then by one that was told what it needs.
        Path seen = cluster.directory().resolve("seen");
        Path fails = script("fails", "exit 3\n");
        Path works = script(
                "works",
                "printf '%s\\n' \"$@\" >" + seen + "\nfor a; do case $a in --datadir=*) d=${a#*=} ;; --connstring=*)"
                        + " c=${a#*=} ;; esac; done\nexec " + binDir() + "/pg_basebackup -D \"$d\" -X stream"
                        + " --checkpoint=fast --no-password --dbname=\"$c\"\n");
        edit(
                replica,
                "  basebackup: [{max-rate: 1M}]\n",
                "  create_replica_methods: [fails, works, basebackup]\n  fails: {command: " + fails
                        + "}\n  works: {command: " + works + ", speed: high}\n");
        cluster.ctl("reload", "demo", replica.name(), "--force").expectSuccess();
        cluster.ctl("reinit", replica.name(), "--force");
        Await.until("the method is called", WHOLE, () -> Files.exists(seen));
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        List<String> arguments = lines(seen);
        assertEquals(
                List.of("--scope=demo", "--role=replica", "--datadir=" + replica.dataDirectory()),
                arguments.subList(0, 3));
        assertEquals("--speed=high", arguments.get(4));
        assertLogged(replica, "Error creating replica using method fails");
        assertLogged(replica, "replica has been created using works");
    }

    private static List<Processes.Found> copying(Node node) {
        return Processes.mentioning(node.dataDirectory().toString()).stream()
                .filter(p -> p.arguments().getFirst().endsWith("pg_basebackup"))
                .toList();
    }

    @Test
    void aBackupBecomesAClusterThatIsTakenOverAndThenAStandbyCluster() throws SQLException {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 1);
        Node node = cluster.awaitPrimary(WHOLE);
        execute(node, "CREATE TABLE kept AS SELECT 42 AS x");
        Path backup = cluster.directory().resolve("n1/backup");
        run(
                node,
                script(
                        "take",
                        "exec " + binDir() + "/pg_basebackup -D " + backup + " -X fetch --checkpoint=fast --no-password"
                                + " --dbname='host=" + node.host() + " port=" + node.port()
                                + " user=replicator passfile="
                                + node.home().resolve("pgpass") + "'\n"));
        endAgent(node);

        // A method that works, and a script after it that does not.
        Path post = script("post", "exit 5\n");
        Path restore = script(
                "restore",
                "for a; do case $a in --datadir=*) d=${a#*=} ;; esac; done\nmkdir -m 700 -p \"$d\"\nexec cp -a "
                        + backup + "/. \"$d\"\n");
        edit(
                node,
                "bootstrap:\n",
                "bootstrap:\n  post_bootstrap: " + post + " one\n  method: restore\n  restore: {command: " + restore
                        + ", recovery_conf: {restore_command: 'false', recovery_target_timeline: latest,"
                        + " recovery_target_action: promote}}\n"
                        + "  users: {app: {password: its-own, options: [createdb]}}\n");
        forget(node);
        Commands.Result failed = node.runAgent(WHOLE);
        assertEquals(1, failed.exitCode(), failed.output());
        assertTrue(
                failed.output().contains("Failed to bootstrap cluster: post_init script " + post)
                        && failed.output().contains("returned non-zero code 5")
                        && failed.output().contains("removing initialize key"),
                failed.output());
        assertTrue(Files.exists(Path.of(node.dataDirectory() + ".failed/PG_VERSION")));
        assertFalse(Files.exists(node.dataDirectory()));
        assertEquals(Optional.empty(), node.postmasterPid());

        Path seen = cluster.directory().resolve("post-seen");
        script("post", "echo \"$*\" >>" + seen + "\n");
        node.startAgent();
        assertEquals(node, cluster.awaitPrimary(WHOLE));
        Await.until("the script is run", SOON, () -> Files.exists(seen));
        Await.until(
                "the bootstrap ends",
                SOON,
                () -> ask(node, "SELECT count(*) FROM pg_roles WHERE rolcreatedb AND rolname = 'app'")
                        .equals("1"));
        assertEquals(List.of("one postgres://postgres@" + node.host() + ":" + node.port() + "/postgres"), lines(seen));
        assertEquals("42", ask(node, "SELECT x FROM kept"));
        Await.until("its record names timeline 2", SOON, () -> cluster.timeline(node) == 2);

        // The store is lost, PostgreSQL runs on.
        String identifier = ask(node, "SELECT system_identifier FROM pg_control_system()");
        cluster.ctl("pause", "--wait").expectSuccess();
        endAgent(node);
        long postmaster = node.requirePostmaster();
        deleteContent(node.home().resolve("raft"));
        node.startAgent();
        Await.until(
                "it is the leader", WHOLE, () -> node.agentPid().isPresent() && node.healthCheck("/primary") == 200);
        assertEquals(postmaster, node.requirePostmaster(), "not restarted");
        // In a paused cluster the health check goes by the server alone until the store was read.
        Await.until(
                "the list names the cluster",
                SOON,
                () -> cluster.ctl("list").output().contains(identifier));
        execute(node, "INSERT INTO kept VALUES (43)");

        // The backup and an archive of WAL are enough for a standby cluster.
        cluster.ctl("resume", "--wait").expectSuccess();
        ask(node, "SELECT pg_switch_wal()");
        Path archive = cluster.directory().resolve("n1/archive");
        run(
                node,
                script(
                        "archive",
                        "mkdir " + archive + "\nexec cp " + node.dataDirectory() + "/pg_wal/0* " + archive + "\n"));
        endAgent(node);
        forget(node);
        edit(
                node,
                "  dcs:\n",
                "  dcs:\n    standby_cluster: {create_replica_methods: [fetch], restore_command: 'cp " + archive
                        + "/%f %p'}\n");
        edit(node, "\npostgresql:\n", "\npostgresql:\n  fetch: {command: " + restore + ", no_leader: true}\n");
        node.startAgent();
        Await.until("it is the standby leader", WHOLE, () -> node.healthCheck("/standby-leader") == 200);
        Await.until("what only the archive has is there", SOON, () -> {
            try (Connection connection = cluster.connect(node)) {
                return Cluster.query(connection, "SELECT sum(x) FROM kept").equals("85");
            } catch (SQLException notYet) {
                return false;
            }
        });
        assertEquals("t", ask(node, "SELECT pg_is_in_recovery()"));
    }

    // --- small parts ---

    private static void endAgent(Node node) {
        long agent = node.requireAgent();
        Processes.signal("TERM", List.of(agent));
        Await.until("the agent of " + node + " ends", Duration.ofSeconds(40), () -> !Processes.alive(agent));
    }

    /** As if this member had never been: no data, no store. */
    private static void forget(Node node) {
        try {
            deleteContent(node.dataDirectory());
            Files.deleteIfExists(node.dataDirectory());
            deleteContent(node.home().resolve("raft"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void deleteContent(Path directory) {
        assertTrue(directory.toString().length() > 10);
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                if (!file.equals(directory)) {
                    Files.delete(file);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Keeps owner and mode of the file. */
    private static void edit(Node node, String before, String after) {
        try {
            String text = Files.readString(node.config());
            assertTrue(text.contains(before), text);
            Files.writeString(node.config(), text.replaceFirst(Pattern.quote(before), Matcher.quoteReplacement(after)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A script that the servers' user can run. */
    private Path script(String name, String text) {
        Path file = cluster.directory().resolve(name + ".sh");
        try {
            Files.writeString(file, "#!/bin/bash\n" + text);
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
            // They write what they saw beside themselves.
            Files.setPosixFilePermissions(cluster.directory(), PosixFilePermissions.fromString("rwxrwxrwx"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file;
    }

    private String binDir() {
        return lines(cluster.nodes().getFirst().config()).stream()
                .filter(l -> l.strip().startsWith("bin_dir:"))
                .map(l -> l.replaceFirst(".*bin_dir: *", ""))
                .findFirst()
                .orElseThrow();
    }

    /** As the servers' user, whom the folder of the node belongs to. */
    private static void run(Node node, Path script) {
        try {
            Object uid = Files.getAttribute(node.home(), "unix:uid");
            Object gid = Files.getAttribute(node.home(), "unix:gid");
            boolean root = Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
            List<String> command = root
                    ? List.of("setpriv", "--reuid=" + uid, "--regid=" + gid, "--clear-groups", script.toString())
                    : List.of(script.toString());
            Commands.run(SOON, Map.of(), command).expectSuccess();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String ask(Node node, String sql) {
        try (Connection connection = cluster.connect(node)) {
            return Cluster.query(connection, sql);
        } catch (SQLException e) {
            throw new AssertionError(sql + " on " + node, e);
        }
    }

    private void execute(Node node, String sql) throws SQLException {
        try (Connection connection = cluster.connect(node);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static void assertLogged(Node node, String text) {
        String log = String.join("\n", lines(node.home().resolve("agent.log")));
        assertTrue(log.contains(text), "the log of " + node + " does not say: " + text);
    }
}
