package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Permanent slots through a failover, slots of others, and the slot of a member that is away. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class SlotsIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration FAILOVER = Cluster.Profile.APPLIANCE.ttl().plusSeconds(20);

    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Node leader;

    @BeforeAll
    static void up() {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 3);
        cluster.ctl(
                        "edit-config",
                        "-p",
                        "wal_level=logical",
                        "-s",
                        "slots={backup: {type: physical}, cdc: {type: logical, database: postgres, plugin: test_decoding}}",
                        "-s",
                        "ignore_slots=[{name: mine}]",
                        "--force")
                .expectSuccess();
        cluster.ctl("restart", "demo", "--force").expectSuccess();
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
        leader = cluster.awaitWhole(WHOLE);
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

    private static void await(Node node, String sql, String expected) {
        Await.until(
                node + ": " + sql + " is " + expected,
                WHOLE,
                () -> ask(node, sql).equals(expected));
    }

    private static String log(Node node) {
        try {
            return Files.readString(node.home().resolve("agent.log"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    @Order(1)
    void aLogicalConsumerAndAPhysicalOneGoOnAfterAFailover() throws Exception {
        for (Node node : cluster.nodes()) {
            await(node, "select count(*) from pg_replication_slots where slot_name in ('backup', 'cdc')", "2");
        }
        run(leader, "create table changes (text text)");
        run(leader, "insert into changes values ('consumed')");
        String consumed =
                ask(leader, "select string_agg(data, ' ') from pg_logical_slot_get_changes('cdc', null, null)");
        assertTrue(consumed.contains("consumed"), consumed);
        String confirmed = ask(leader, "select confirmed_flush_lsn from pg_replication_slots where slot_name = 'cdc'");
        for (Node node : cluster.othersThan(leader)) {
            assertEquals("on", ask(node, "show hot_standby_feedback"));
            await(node, "select confirmed_flush_lsn from pg_replication_slots where slot_name = 'cdc'", confirmed);
            Await.until(
                    node + " has proved its copy",
                    WHOLE,
                    () -> log(node).contains("The logical replication slot cdc can be used here"));
        }
        run(leader, "insert into changes values ('pending')");
        Faults.AGENT_AND_POSTMASTER.strike(leader);
        Node next = cluster.awaitPrimaryOtherThan(leader, FAILOVER);
        // The lock comes first, the promotion a moment later.
        await(next, "select pg_is_in_recovery()", "f");
        String pending = ask(next, "select string_agg(data, ' ') from pg_logical_slot_get_changes('cdc', null, null)");
        assertTrue(pending.contains("pending"), pending);
        assertTrue(!pending.contains("consumed"), pending);
        assertEquals("reserved", ask(next, "select wal_status from pg_replication_slots where slot_name = 'backup'"));
        assertTrue(!log(next).contains("might be unsafe"), "the copy was proved");
        leader.startAgent();
        cluster.awaitWhole(WHOLE);
    }

    @Test
    @Order(2)
    void straySlotsAreDroppedAndIgnoredOnesAreNot() throws Exception {
        run(leader, "select pg_create_physical_replication_slot('mine', true)");
        run(leader, "select pg_create_physical_replication_slot('stray', true)");
        await(leader, "select count(*) from pg_replication_slots where slot_name = 'stray'", "0");
        assertEquals("1", ask(leader, "select count(*) from pg_replication_slots where slot_name = 'mine'"));
        assertTrue(log(leader).contains("dropping stray: it is neither of a member"));
        run(leader, "select pg_drop_replication_slot('mine')");
    }

    @Test
    @Order(3)
    void theSlotOfADeadMemberDoesNotFillTheDisk() throws Exception {
        Node dead = cluster.othersThan(leader).getFirst();
        cluster.ctl("edit-config", "-s", "member_slots_max_wal=32MB", "--force").expectSuccess();
        Faults.AGENT_AND_POSTMASTER.strike(dead);
        run(leader, "create table filler (id int)");
        for (int i = 0; i < 4; i++) {
            run(leader, "insert into filler values (1)");
            run(leader, "select pg_switch_wal()");
        }
        for (Node node : cluster.othersThan(dead)) {
            await(node, "select count(*) from pg_replication_slots where slot_name = '" + dead.name() + "'", "0");
        }
        assertTrue(log(leader).contains("more than member_slots_max_wal (32 MB)"), "the log has the reason");
        dead.startAgent();
        cluster.awaitWhole(WHOLE);
        await(leader, "select active::text from pg_replication_slots where slot_name = '" + dead.name() + "'", "true");
    }
}
