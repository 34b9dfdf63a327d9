package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The runbook for a lost quorum: two of three hosts are gone, with PostgreSQL writing, and come back later. */
class RecoverIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(30);

    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @BeforeAll
    static void up() {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 3);
        cluster.awaitWhole(WHOLE);
    }

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.close();
        }
    }

    private static Commands.Result ask(Node node, String... arguments) {
        List<String> all = new java.util.ArrayList<>(List.of(arguments));
        all.add("--endpoint");
        all.add(node.grpc());
        return cluster.ctl(Map.of(), all.toArray(String[]::new));
    }

    private static String names(Node node) {
        try (Connection connection = cluster.connect(node)) {
            return Cluster.query(connection, "show synchronous_standby_names");
        } catch (SQLException e) {
            return "unknown: " + e.getMessage();
        }
    }

    private static String log(Node node) {
        try {
            return Files.readString(node.home().resolve("agent.log"));
        } catch (IOException e) {
            return "";
        }
    }

    private static String peerAddress(Node node) throws IOException {
        return Files.readString(node.config())
                .lines()
                .filter(l -> l.contains("self_addr:"))
                .map(l -> l.substring(l.indexOf("self_addr:") + 10).strip())
                .findFirst()
                .orElseThrow();
    }

    @Test
    void theLastOfThreeGoesOnWithEveryAcknowledgedRowAndThoseWhoReturnCannotAct() throws Exception {
        ask(cluster.nodes().getFirst(), "edit-config", "--force", "-q", "-s", "synchronous_mode=on")
                .expectSuccess();
        Node leader = cluster.awaitWhole(WHOLE);
        Node survivor = Await.value(
                "a synchronous standby",
                SOON,
                () -> cluster.othersThan(leader).stream()
                        .filter(n -> names(leader).equals(n.name()) && n.healthCheck("/sync") == 200)
                        .findFirst());
        Node third = cluster.othersThan(leader).stream()
                .filter(n -> n != survivor)
                .findFirst()
                .orElseThrow();
        try (Writer writer = Writer.start(cluster, "recovered")) {
            Commands.Result early = ask(survivor, "recover", "--from-survivors", "--force");
            assertEquals(1, early.exitCode(), early.output());
            assertTrue(early.output().contains("the store is not lost"), early.output());

            Faults.HOST.strike(third);
            Faults.HOST.strike(leader);
            Commands.Result preview = Await.value("a preview", SOON, () -> {
                Commands.Result dry = ask(survivor, "recover", "--from-survivors", "--dry-run");
                return dry.exitCode() == 0 ? java.util.Optional.of(dry) : java.util.Optional.empty();
            });
            assertTrue(
                    preview.output().contains("Every acknowledged commit is on " + survivor.name()), preview.output());
            ask(survivor, "recover", "--from-survivors", "--force").expectSuccess();
            assertEquals(survivor, cluster.awaitPrimaryOtherThan(leader, SOON));
            assertEquals(Set.of(), writer.missingOn(survivor));

            for (Node dead : List.of(leader, third)) {
                dead.startAgent();
            }
            for (Node dead : List.of(leader, third)) {
                Await.until(
                        dead + " is told", SOON, () -> log(dead).contains("was given up with matriarchctl recover"));
            }
            Await.during(
                    "those who return start no primary",
                    Duration.ofSeconds(6),
                    () -> List.of(leader, third).stream().allMatch(n -> n.healthCheck("/primary") != 200)
                            && survivor.healthCheck("/primary") == 200);
            for (Node dead : List.of(leader, third)) {
                String address = peerAddress(dead);
                Await.until(
                        dead + " is taken in",
                        SOON,
                        () -> ask(survivor, "raft", "add-peer", address).exitCode() == 0);
            }
            assertEquals(survivor, cluster.awaitWhole(WHOLE));
            writer.stop();
            assertEquals(Set.of(), writer.missingOn(survivor));
        }
    }
}
