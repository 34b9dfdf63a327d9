package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Tags on real processes: who streams from whom, who is cloned, who leads next. Tags are changed live, by reload. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class CascadeIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Cluster.Profile PROFILE = Cluster.Profile.APPLIANCE;
    private static final Duration FAILOVER = PROFILE.ttl().plusSeconds(10);

    /** A member that died without a word is one until its record has expired, after twice the ttl. */
    private static final Duration RECORD = PROFILE.ttl().multipliedBy(2).plusSeconds(10);

    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Node leader;
    private Node first;
    private Node second;

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
    void whole() throws IOException {
        for (Node node : cluster.nodes()) {
            if (node.agentPid().isEmpty()) {
                node.startAgent();
            }
        }
        cluster.awaitWhole(WHOLE);
        for (Node node : cluster.nodes()) {
            if (Files.readString(node.config()).contains("tags: {") && !untagged(node)) {
                tag(node, "{}");
            }
        }
        leader = cluster.awaitWhole(WHOLE);
        first = cluster.othersThan(leader).getFirst();
        second = cluster.othersThan(leader).getLast();
    }

    private static boolean untagged(Node node) throws IOException {
        return Files.readString(node.config()).contains("tags: {}");
    }

    /** Gives the node these tags and has them taken up. */
    private static void tag(Node node, String tags) throws IOException {
        edit(node, "(?m)^tags:.*\\R|\\z", "tags: " + tags + "\n");
        reload(node);
    }

    /** Replaces the first place that matches. */
    private static void edit(Node node, String pattern, String replacement) throws IOException {
        String text = Files.readString(node.config());
        String changed = Pattern.compile(pattern).matcher(text).replaceFirst(Matcher.quoteReplacement(replacement));
        Files.writeString(node.config(), changed);
    }

    private static void reload(Node node) throws IOException {
        cluster.ctl("reload", scope(node), node.name(), "--force").expectSuccess();
    }

    private static String scope(Node node) throws IOException {
        return Files.readAllLines(node.config()).stream()
                .filter(l -> l.startsWith("scope: "))
                .findFirst()
                .orElseThrow()
                .substring("scope: ".length());
    }

    private static String ask(Node node, String sql) {
        try (Connection connection = cluster.connect(node)) {
            return Cluster.query(connection, sql);
        } catch (SQLException notNow) {
            return "";
        }
    }

    private static void run(Node node, String sql) throws SQLException {
        try (Connection connection = cluster.connect(node);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static void awaitStreamsFrom(Node node, Node source, Duration deadline) {
        Await.until(
                node + " streams from " + source,
                deadline,
                () -> ask(node, "select sender_host from pg_stat_wal_receiver where status = 'streaming'")
                        .equals(source.host()));
    }

    private static String log(Node node) throws IOException {
        return Files.readString(node.home().resolve("agent.log"));
    }

    @Test
    @Order(1)
    void cascadedMemberFallsBackToTheLeaderAndReturnsToItsSource() throws Exception {
        awaitStreamsFrom(second, leader, WHOLE);
        tag(second, "{replicatefrom: " + first.name() + "}");
        awaitStreamsFrom(second, first, WHOLE);
        assertEquals(
                "true",
                ask(first, "select active::text from pg_replication_slots where slot_name = '" + second.name() + "'"));
        assertEquals(
                "false",
                ask(leader, "select active::text from pg_replication_slots where slot_name = '" + second.name() + "'"));
        run(leader, "create table cascade_test (id int)");
        Await.until(
                "the change passes through " + first,
                WHOLE,
                () -> ask(second, "select count(*) from pg_class where relname = 'cascade_test'")
                        .equals("1"));

        Faults.AGENT_AND_POSTMASTER.strike(first);
        awaitStreamsFrom(second, leader, RECORD);

        first.startAgent();
        awaitStreamsFrom(second, first, WHOLE);
    }

    @Test
    @Order(2)
    void aCircleOfSourcesIsNotFollowed() throws Exception {
        tag(first, "{replicatefrom: " + second.name() + "}");
        awaitStreamsFrom(first, second, WHOLE);
        tag(second, "{replicatefrom: " + first.name() + "}");
        awaitStreamsFrom(first, leader, WHOLE);
        awaitStreamsFrom(second, leader, WHOLE);
        assertTrue(log(first).contains("leads back to me") || log(second).contains("leads back to me"));
        Await.until(
                "commits wait for both",
                WHOLE,
                () -> ask(leader, "select count(*) from pg_stat_replication where sync_state = 'quorum'")
                        .equals("2"));
    }

    @Test
    @Order(3)
    void priorityAndNofailoverDecideWhoLeadsNext() throws Exception {
        tag(second, "{failover_priority: 7}");
        Await.until("both replicas have everything", WHOLE, () -> inStep(leader, first) && inStep(leader, second));
        Faults.AGENT_AND_POSTMASTER.strike(leader);
        assertEquals(second, cluster.awaitPrimaryOtherThan(leader, FAILOVER));
        leader.startAgent();
        cluster.awaitWhole(WHOLE);

        tag(first, "{nofailover: true, failover_priority: 0}");
        Await.until("both replicas have everything", WHOLE, () -> inStep(second, first) && inStep(second, leader));
        Faults.AGENT_AND_POSTMASTER.strike(second);
        assertEquals(leader, cluster.awaitPrimaryOtherThan(second, FAILOVER));
        assertFalse(log(first).contains("promoted self to leader"), "the nofailover member has led");
    }

    private static boolean inStep(Node primary, Node replica) {
        String written = ask(primary, "select pg_current_wal_lsn()");
        return !written.isEmpty() && written.equals(ask(replica, "select pg_last_wal_replay_lsn()"));
    }

    @Test
    @Order(4)
    void aNewCopyIsMadeFromTheTaggedReplica() throws Exception {
        tag(first, "{clonefrom: true}");
        cluster.ctl("reinit", scope(second), second.name(), "--force", "--wait").expectSuccess();
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        assertTrue(log(second).contains("trying to bootstrap from replica '" + first.name() + "'"));
        awaitStreamsFrom(second, leader, WHOLE);
    }

    @Test
    @Order(5)
    void aNostreamMemberLivesOnTheArchive() throws Exception {
        Path archive = Files.createDirectory(
                cluster.directory().resolve("archive"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxrwxrwx")));
        Files.setPosixFilePermissions(archive, PosixFilePermissions.fromString("rwxrwxrwx"));
        cluster.ctl(
                        "edit-config",
                        "--force",
                        "--quiet",
                        "-p",
                        "archive_mode=always",
                        "-p",
                        "archive_command=test -f " + archive + "/%f || cp %p " + archive + "/%f")
                .expectSuccess();
        cluster.ctl("restart", scope(leader), leader.name(), "--force").expectSuccess();
        leader = cluster.awaitWhole(WHOLE);
        edit(
                second,
                "    unix_socket_directories: ''",
                "    unix_socket_directories: ''\n    restore_command: cp " + archive + "/%f %p");
        tag(second, "{nostream: true}");
        Await.until(
                "nothing streams any more and the slot is gone",
                WHOLE,
                () -> ask(second, "select count(*) from pg_stat_wal_receiver").equals("0")
                        && ask(
                                        leader,
                                        "select count(*) from pg_replication_slots where slot_name = '" + second.name()
                                                + "'")
                                .equals("0")
                        && ask(second, "show restore_command").contains("archive"));
        run(leader, "create table archive_test (id int)");
        run(leader, "select pg_switch_wal()");
        Await.until(
                "the change arrives through the archive",
                WHOLE,
                () -> ask(second, "select count(*) from pg_class where relname = 'archive_test'")
                        .equals("1"));
        assertEquals("0", ask(second, "select count(*) from pg_stat_wal_receiver"));
        tag(second, "{}");
        awaitStreamsFrom(second, leader, WHOLE);
    }

    @Test
    @Order(6)
    void aPrimaryThatSomebodyElseNamedIsNotFollowed() throws Exception {
        String right = ask(first, "SHOW primary_conninfo");
        run(first, "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'");
        run(first, "ALTER SYSTEM SET recovery_target_name = 'nowhere'");
        run(first, "SELECT pg_reload_conf()");
        Await.until(
                "the settings are put back",
                FAILOVER,
                () -> ask(first, "SHOW primary_conninfo").equals(right)
                        && ask(
                                        first,
                                        "SELECT count(*) FROM pg_settings"
                                                + " WHERE pending_restart AND name = 'recovery_target_name'")
                                .equals("0"));
        awaitStreamsFrom(first, leader, FAILOVER);
    }
}
