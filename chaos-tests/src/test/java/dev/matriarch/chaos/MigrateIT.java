package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * A running cluster goes from etcd to the built-in store, although the command and an agent die on the way, and back; its
 * PostgreSQL servers stay.
 */
class MigrateIT {
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final Duration WHOLE = Duration.ofSeconds(90);
    private static final Duration MOVE = Duration.ofSeconds(120);

    @TempDir
    static Path directory;

    private static EtcdServer etcd;
    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.close();
        }
        if (etcd != null) {
            etcd.close();
        }
    }

    private static String key(String name) {
        return etcd.get("/service/demo/" + name);
    }

    private static Map<String, Long> postmasters() {
        Map<String, Long> pids = new TreeMap<>();
        cluster.nodes().forEach(n -> pids.put(n.name(), n.requirePostmaster()));
        return pids;
    }

    /** The sections that a rolling restart of the agents brings in. */
    private static void addRaft(Node node) throws IOException {
        List<String> partners = new ArrayList<>();
        cluster.othersThan(node).forEach(n -> partners.add("'" + raftAddress(n) + "'"));
        String section = "\nraft:\n  data_dir: " + node.home().resolve("raft") + "\n  self_addr: " + raftAddress(node)
                + "\n  partner_addrs: [" + String.join(", ", partners) + "]\n";
        Files.writeString(node.config(), Files.readString(node.config()) + section);
    }

    private static String raftAddress(Node node) {
        return node.host() + ":" + (7000 + cluster.portOffset());
    }

    /** Leaves PostgreSQL to the agent that comes next. */
    private static void restartAgent(Node node) {
        leave(node);
        node.startAgent();
    }

    private static void leave(Node node) {
        Processes.signal("USR1", List.of(node.requireAgent()));
        Await.until(
                "the agent of " + node + " leaves", SOON, () -> node.agentPid().isEmpty());
    }

    private static List<String> command(Node via, String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                cluster.directory().resolve("bin/matriarchctl").toString(),
                "-c",
                via.config().toString(),
                "migrate"));
        command.addAll(List.of(arguments));
        return command;
    }

    private static Commands.Result migrate(Node via, String... arguments) {
        return Commands.run(MOVE, Map.of(), command(via, arguments));
    }

    /** The command and the primary's agent end as soon as nobody can lead by the old store any more. */
    private static void migrateUntilTheOldStoreIsClosed(Node leader) throws IOException {
        Process first = new ProcessBuilder(command(leader, "--to", "raft", "--force"))
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("first.log").toFile())
                .start();
        try {
            Await.until("the old store is closed", SOON, () -> key("initialize").startsWith("00000"));
        } finally {
            first.destroyForcibly();
        }
        Processes.signal("KILL", List.of(leader.requireAgent()));
        Await.until(
                "the agent of " + leader + " ends",
                SOON,
                () -> leader.agentPid().isEmpty());
        leader.startAgent();
    }

    @Test
    void aRunningClusterMovesToTheBuiltInStoreAndBack() throws Exception {
        etcd = new EtcdServer(directory.resolve("etcd"));
        cluster = Cluster.startOnEtcd(etcd.address(), 3);
        Node leader = cluster.awaitWhole(WHOLE);
        String system = key("initialize");
        Commands.Result early = migrate(leader, "--to", "raft", "--force");
        assertEquals(1, early.exitCode(), early.output());
        for (Node node : cluster.nodes()) {
            assertTrue(early.output().contains(node.name() + ": "), early.output());
            addRaft(node);
        }
        assertTrue(early.output().contains("raft is missing"), early.output());
        assertFalse(key("config").contains("pause"), "nothing was changed");
        cluster.nodes().forEach(MigrateIT::restartAgent);
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        Map<String, Long> postmasters = postmasters();
        int timeline = cluster.timeline(leader);
        migrate(leader, "--to", "raft", "--dry-run").expectSuccess();

        try (Writer writer = Writer.start(cluster, "moved")) {
            migrateUntilTheOldStoreIsClosed(leader);
            Node other = cluster.othersThan(leader).getFirst();
            Commands.Result moved = migrate(other, "--to", "raft", "--force").expectSuccess();
            assertTrue(moved.output().contains("The cluster uses raft, led by " + leader.name()), moved.output());
            assertEquals(leader, cluster.awaitWhole(WHOLE));
            assertEquals(postmasters, postmasters(), "no server was restarted");
            assertEquals(timeline, cluster.timeline(leader));
            Await.until(
                    "the peers agree",
                    SOON,
                    () -> cluster.ctl("raft", "list-peers").exitCode() == 0);
            assertTrue(key("initialize").startsWith("00000"), key("initialize"));
            writer.stop();
            Violation.ifMissing(writer.missingOn(leader));
            assertTrue(writer.longestGapMillis(0) < SOON.toMillis());
        }

        // The agent that was killed could not give it back.
        Await.until("the old lock ends", SOON, () -> key("leader").isEmpty());

        Commands.Result back = migrate(leader, "--to", "etcd3", "--force").expectSuccess();
        assertTrue(back.output().contains("The cluster uses etcd3"), back.output());
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        assertEquals(postmasters, postmasters());
        assertEquals(system, key("initialize"));
        assertEquals(leader.name(), key("leader"));
        assertFalse(key("config").contains("pause"), key("config"));
    }
}
