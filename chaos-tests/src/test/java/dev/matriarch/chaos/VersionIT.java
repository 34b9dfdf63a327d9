package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * A cluster's life with PostgreSQL of another version than the installed one: {@code ./check} unpacks it and tells which in
 * {@code MATRIARCH_BIN_DIR}. Without that there is nothing to do here. PostgreSQL 11 comes without a pg_rewind: the member
 * that was primary is cloned.
 */
class VersionIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Cluster.Profile PROFILE = Cluster.Profile.APPLIANCE;

    private Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @AfterEach
    void down() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @Test
    void aClusterFailsOverRewindsSwitchesAndClones() throws SQLException {
        Optional<String> version = Optional.ofNullable(System.getenv("MATRIARCH_TEST_VERSION"));
        assumeTrue(version.isPresent(), "run by ./check for each further version");
        cluster = Cluster.start(PROFILE, 3);
        Node first = cluster.awaitWhole(WHOLE);
        assertEquals(version.get(), ask(first, "SELECT current_setting('server_version_num')::int / 10000"));
        execute(first, "CREATE TABLE t AS SELECT 1 AS x");

        Faults.AGENT_AND_POSTMASTER.strike(first);
        Node second = cluster.awaitPrimary(PROFILE.ttl().plusSeconds(15));
        assertNotEquals(first, second);
        Await.until(
                "it takes writes",
                WHOLE,
                () -> ask(second, "SELECT pg_is_in_recovery()").equals("f"));
        execute(second, "INSERT INTO t VALUES (2)");
        first.startAgent();
        assertEquals(second, cluster.awaitWhole(WHOLE));

        cluster.ctl("switchover", "--leader", second.name(), "--candidate", first.name(), "--force")
                .expectSuccess();
        assertEquals(first, cluster.awaitWhole(WHOLE));
        execute(first, "INSERT INTO t VALUES (3)");

        Node clone = cluster.othersThan(first).getFirst();
        cluster.ctl("reinit", clone.name(), "--force", "--wait").expectSuccess();
        assertEquals(first, cluster.awaitWhole(WHOLE));
        for (Node node : cluster.nodes()) {
            Await.until(
                    "all rows are on " + node,
                    WHOLE,
                    () -> ask(node, "SELECT sum(x) FROM t").equals("6"));
        }
        assertTrue(cluster.timeline(first) >= 3);
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
}
