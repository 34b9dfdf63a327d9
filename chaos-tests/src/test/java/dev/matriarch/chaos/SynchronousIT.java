package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The synchronous modes under load: standbys that die and return, leaders that die, modes that change meanwhile. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class SynchronousIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final Cluster.Profile PROFILE = Cluster.Profile.APPLIANCE;
    private static final Duration FAILOVER = PROFILE.ttl().plusSeconds(10);

    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Node leader;

    @BeforeAll
    static void up() {
        cluster = Cluster.start(PROFILE, 3);
    }

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @BeforeEach
    void whole() {
        for (Node node : cluster.nodes()) {
            if (node.agentPid().isEmpty()) {
                node.startAgent();
            }
        }
        configure("quorum", false);
        leader = cluster.awaitWhole(WHOLE);
    }

    private static void configure(String mode, boolean strict) {
        Await.value("the configuration is changed", SOON, () -> {
            Commands.Result result = cluster.ctl(
                    "edit-config",
                    "--force",
                    "-q",
                    "-s",
                    "synchronous_mode=" + mode,
                    "-s",
                    "synchronous_mode_strict=" + strict);
            return result.exitCode() == 0 ? Optional.of(result) : Optional.empty();
        });
    }

    private String names(Node node) {
        try (Connection connection = cluster.connect(node)) {
            return Cluster.query(connection, "show synchronous_standby_names");
        } catch (SQLException e) {
            return "unknown: " + e.getMessage();
        }
    }

    private Set<String> membersWithRole(String role) {
        return cluster.membersSeenBy(leader).stream()
                .filter(m -> m.role().equals(role))
                .map(MemberView::name)
                .collect(Collectors.toSet());
    }

    /** Waits until PostgreSQL, the store and the health checks agree that exactly one standby is waited for. */
    private Node awaitOneSynchronousStandby() {
        return Await.value(
                "one synchronous standby",
                SOON,
                () -> cluster.othersThan(leader).stream()
                        .filter(n -> names(leader).equals(n.name())
                                && membersWithRole("sync_standby").equals(Set.of(n.name()))
                                && n.healthCheck("/sync") == 200)
                        .findFirst());
    }

    private void awaitQuorum() {
        Await.until(
                "two quorum standbys",
                SOON,
                () -> names(leader).startsWith("ANY 1 (")
                        && membersWithRole("quorum_standby").size() == 2
                        && cluster.othersThan(leader).stream().allMatch(n -> n.healthCheck("/quorum") == 200));
    }

    private static void awaitCommits(Writer writer) {
        int before = writer.acknowledged().size();
        Await.until(
                "commits are acknowledged",
                FAILOVER,
                () -> writer.acknowledged().size() > before + 10);
    }

    @Test
    @Order(1)
    void modeOnLosesNothingWhenItsStandbyDiesAndThenTheLeader() {
        configure("on", false);
        Node standby = awaitOneSynchronousStandby();
        try (Writer writer = Writer.start(cluster, "sync_on")) {
            Faults.HOST.strike(standby);
            awaitCommits(writer);
            assertEquals(
                    Set.of(names(leader)),
                    cluster.othersThan(leader).stream()
                            .filter(n -> n != standby)
                            .map(Node::name)
                            .collect(Collectors.toSet()));
            standby.startAgent();
            cluster.awaitWhole(WHOLE);
            Node successor = awaitOneSynchronousStandby();
            Node old = leader;
            long moment = Faults.HOST.strike(old).done();
            writer.awaitElsewhere(old, moment, FAILOVER);
            leader = cluster.awaitPrimaryOtherThan(old, FAILOVER);
            assertEquals(successor, leader, "only the synchronous standby may follow");
            old.startAgent();
            assertEquals(leader, cluster.awaitWhole(WHOLE));
            awaitOneSynchronousStandby();
            writer.stop();
            Violation.ifMissing(writer.missingOn(leader));
        }
        assertTrue(
                cluster.ctl("list").expectSuccess().output().contains("Sync Standby"),
                cluster.ctl("list").output());
    }

    @Test
    @Order(2)
    void strictModeHoldsCommitsUntilAStandbyReturns() throws SQLException {
        configure("on", true);
        Node standby = awaitOneSynchronousStandby();
        try (Writer writer = Writer.start(cluster, "sync_strict")) {
            // While the cluster is paused nobody starts PostgreSQL again.
            cluster.ctl("pause", "--wait").expectSuccess();
            cluster.othersThan(leader).forEach(Faults.POSTMASTER::strike);
            Await.until("commits stop", SOON, () -> {
                int before = writer.acknowledged().size();
                Await.pause(3_000);
                return writer.acknowledged().size() == before;
            });
            String last = names(leader);
            assertTrue(last.equals(standby.name()) || !last.isEmpty(), last);
            assertEquals(200, leader.healthCheck("/primary"));
            cluster.ctl("resume", "--wait").expectSuccess();
            awaitCommits(writer);
            cluster.awaitWhole(WHOLE);
            writer.stop();
            Violation.ifMissing(writer.missingOn(leader));
        }
    }

    @Test
    @Order(3)
    void withoutStrictModeCommitsGoOnAlone() {
        awaitQuorum();
        try (Writer writer = Writer.start(cluster, "sync_alone")) {
            cluster.ctl("pause", "--wait").expectSuccess();
            cluster.othersThan(leader).forEach(Faults.POSTMASTER::strike);
            Await.until("nobody is waited for", SOON, () -> names(leader).isEmpty());
            awaitCommits(writer);
            cluster.ctl("resume", "--wait").expectSuccess();
            awaitQuorum();
            cluster.awaitWhole(WHOLE);
            writer.stop();
            Violation.ifMissing(writer.missingOn(leader));
        }
    }

    @Test
    @Order(4)
    void modesAreSwitchedUnderLoadAndTheLeaderDiesAfterwards() throws SQLException {
        try (Writer writer = Writer.start(cluster, "sync_switch")) {
            for (int round = 0; round < 2; round++) {
                configure("on", round == 1);
                awaitOneSynchronousStandby();
                configure("quorum", round == 1);
                awaitQuorum();
                configure("off", false);
                Await.until(
                        "nobody is waited for",
                        SOON,
                        () -> names(leader).isEmpty()
                                && membersWithRole("replica").size() == 2);
                configure("quorum", round == 0);
                awaitQuorum();
                awaitCommits(writer);
            }
            Node old = leader;
            long moment = Faults.HOST.strike(old).done();
            writer.awaitElsewhere(old, moment, FAILOVER);
            leader = cluster.awaitPrimaryOtherThan(old, FAILOVER);
            old.startAgent();
            assertEquals(leader, cluster.awaitWhole(WHOLE));
            writer.stop();
            Violation.ifMissing(writer.missingOn(leader));
        }
    }

    @Test
    @Order(5)
    void foreignListOfStandbysIsReplaced() throws Exception {
        configure("on", false);
        Node standby = awaitOneSynchronousStandby();
        try (Connection connection = cluster.connect(leader);
                Statement statement = connection.createStatement()) {
            statement.execute("set synchronous_commit = local");
            statement.execute("alter system set synchronous_standby_names = '*'");
            statement.execute("select pg_reload_conf()");
            Await.until("the star is in force", SOON, () -> names(leader).equals("*"));
        }
        Await.until(
                "the star is replaced",
                SOON,
                () -> List.of(standby.name(), "n1", "n2", "n3").contains(names(leader)));
        awaitOneSynchronousStandby();
    }

    @Test
    @Order(6)
    void standbyThatRestartsIsReleasedFirst() throws IOException {
        configure("on", false);
        Node standby = awaitOneSynchronousStandby();
        try (Writer writer = Writer.start(cluster, "sync_restart")) {
            cluster.ctl("restart", "demo", standby.name(), "--force").expectSuccess();
            awaitCommits(writer);
            cluster.awaitWhole(WHOLE);
            writer.stop();
            Violation.ifMissing(writer.missingOn(leader));
        }
        String log = Files.readString(standby.home().resolve("agent.log"));
        assertTrue(log.contains("Waiting for primary to release us from synchronous standby"), log);
    }
}
