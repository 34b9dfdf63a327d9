package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** One cluster of which one member is Patroni's: the one that was ours, with its configuration as it is. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
abstract class MixedCluster {
    /** Where Debian's package is unpacked, as {@code ./check} says; else it is installed. */
    private static final String ROOT =
            Optional.ofNullable(System.getenv("MATRIARCH_PATRONI")).orElse("");

    /** The same of its clients of Consul and ZooKeeper. */
    private static final List<String> CLIENTS = List.of(
            Optional.ofNullable(System.getenv("MATRIARCH_PATRONI_CONSUL")).orElse(""),
            Optional.ofNullable(System.getenv("MATRIARCH_PATRONI_ZOOKEEPER")).orElse(""));

    static final Duration SOON = Duration.ofSeconds(60);
    private static final Duration FAILOVER = Cluster.Profile.EXTERNAL.ttl().plusSeconds(30);

    @TempDir
    static Path directory;

    Cluster cluster;
    Node theirs;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    /** Its store, and our members. */
    abstract Cluster start(Path home);

    abstract void endStore();

    @BeforeAll
    void up() {
        assertTrue(Files.isExecutable(program("patroni")), "./check unpacks Patroni, if it is not installed");
        cluster = start(directory);
        // Patroni 3 knows no votes.
        configure(settings());
        Node leader = cluster.awaitPrimary(SOON);
        theirs = cluster.othersThan(leader).getLast();
    }

    /** Of the cluster of both. */
    List<String> settings() {
        return List.of("synchronous_mode=off");
    }

    /** What is to be seen once these are the leader and those who follow it. */
    void settled(Node leader, List<Node> followers) {}

    private void configure(List<String> settings) {
        List<String> command = new ArrayList<>(List.of("edit-config", "--force", "-q"));
        settings.forEach(setting -> command.addAll(List.of("-s", setting)));
        Await.value("the configuration is changed", SOON, () -> {
            Commands.Result result = cluster.ctl(command.toArray(String[]::new));
            return result.exitCode() == 0 ? Optional.of(result) : Optional.empty();
        });
    }

    @AfterAll
    void down() {
        if (theirs != null) {
            theirs.agentPid().ifPresent(pid -> Processes.signal("TERM", List.of(pid)));
        }
        if (cluster != null) {
            cluster.close();
        }
        endStore();
    }

    private static Path program(String name) {
        return Path.of(ROOT + "/usr/bin/" + name);
    }

    private static Map<String, String> modules() {
        List<String> paths = new ArrayList<>();
        Stream.concat(Stream.of(ROOT), CLIENTS.stream())
                .filter(root -> !root.isEmpty())
                .forEach(root -> paths.add(root + "/usr/lib/python3/dist-packages"));
        return paths.isEmpty() ? Map.of() : Map.of("PYTHONPATH", String.join(":", paths));
    }

    /** As the user that owns the data. */
    private static void startPatroni(Node node) {
        try {
            List<String> command = new ArrayList<>(List.of("setsid"));
            String owner = Files.getOwner(node.config()).getName();
            if (System.getProperty("user.name").equals("root")) {
                command.addAll(List.of("setpriv", "--reuid=" + owner, "--regid=" + owner, "--init-groups"));
            }
            command.addAll(List.of(
                    "/usr/bin/python3",
                    program("patroni").toString(),
                    node.config().toString()));
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
            builder.environment().put("HOME", node.home().toString());
            builder.environment().putAll(modules());
            builder.directory(node.home().toFile());
            builder.redirectOutput(ProcessBuilder.Redirect.appendTo(
                            node.home().resolve("agent.log").toFile()))
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void stopAgent(Node node) {
        Processes.signal("TERM", List.of(node.requireAgent()));
        Await.until(
                "the agent of " + node + " ends", SOON, () -> node.agentPid().isEmpty());
    }

    private boolean streams(Node leader, Node replica) {
        try (Connection connection = cluster.connect(leader)) {
            return !Cluster.query(
                            connection,
                            "select 1 from pg_stat_replication where state = 'streaming' and application_name = '"
                                    + replica.name() + "'")
                    .isEmpty();
        } catch (SQLException notNow) {
            return false;
        }
    }

    private void awaitFollowers(Node leader, List<Node> replicas) {
        for (Node replica : replicas) {
            Await.until(replica + " follows " + leader, SOON, () -> streams(leader, replica));
            Await.until(replica + " says so", SOON, () -> replica.healthCheck("/replica") == 200);
        }
        if (replicas.size() > 1) {
            settled(leader, replicas);
        }
    }

    private Commands.Result patronictl(String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                "/usr/bin/python3",
                program("patronictl").toString(),
                "-c",
                theirs.config().toString()));
        command.addAll(List.of(arguments));
        Map<String, String> environment = new HashMap<>(modules());
        environment.put("LC_ALL", "C.UTF-8");
        return Commands.run(SOON, environment, command);
    }

    @Test
    @Order(1)
    void patroniTakesOverAMemberAndFollowsOurLeader() {
        Node leader = cluster.awaitPrimary(SOON);
        stopAgent(theirs);
        startPatroni(theirs);
        awaitFollowers(leader, cluster.othersThan(leader));
        String list = patronictl("list").expectSuccess().output();
        for (Node node : cluster.nodes()) {
            assertTrue(list.contains("| " + node.name() + " "), list);
        }
    }

    @Test
    @Order(2)
    void matriarchctlSwitchesOverToPatroni() {
        Node leader = cluster.awaitPrimary(SOON);
        cluster.ctl("switchover", "--leader", leader.name(), "--candidate", theirs.name(), "--force")
                .expectSuccess();
        Await.until("Patroni leads", SOON, () -> theirs.healthCheck("/primary") == 200);
        awaitFollowers(theirs, cluster.othersThan(theirs));
    }

    @Test
    @Order(3)
    void patronictlSwitchesOverToOurs() {
        Node ours = cluster.othersThan(theirs).getFirst();
        patronictl("switchover", "demo", "--candidate", ours.name(), "--force").expectSuccess();
        Await.until("ours leads", SOON, () -> ours.healthCheck("/primary") == 200);
        awaitFollowers(ours, cluster.othersThan(ours));
    }

    /** Leaves Patroni as the leader. */
    final void loseOurLeader() {
        Node leader = cluster.awaitPrimary(SOON);
        Node third = cluster.othersThan(leader).stream()
                .filter(n -> n != theirs)
                .findFirst()
                .orElseThrow();
        stopAgent(third);
        Faults.HOST.strike(leader);
        Await.until("Patroni leads", FAILOVER, () -> theirs.healthCheck("/primary") == 200);
        leader.startAgent();
        third.startAgent();
        awaitFollowers(theirs, List.of(leader, third));
    }

    /** While it leads. */
    final void losePatroni() {
        assertEquals(200, theirs.healthCheck("/primary"));
        Processes.signal("KILL", List.of(theirs.requireAgent(), theirs.requirePostmaster()));
        Node next = cluster.awaitPrimaryOtherThan(theirs, FAILOVER);
        startPatroni(theirs);
        awaitFollowers(next, cluster.othersThan(next));
    }
}
