package dev.matriarch.agent.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes standbys report at once after another list of synchronous standbys came into force.
 *
 * <p>PostgreSQL releases waiting commits when a standby reports, not when the list changes. If everything had been
 * reported before and every client waits, nothing new is written, and the next report comes after
 * {@code wal_receiver_status_interval}, 10 s by default. A few bytes of WAL bring it immediately.
 */
final class StandbyPrompt {
    private static final Logger LOG = LoggerFactory.getLogger(StandbyPrompt.class);
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    /* Local: this commit must not wait itself. In recovery there is nobody to release. */
    private static final String WRITE = "SELECT pg_catalog.set_config('synchronous_commit', 'local', true),"
            + " CASE WHEN NOT pg_catalog.pg_is_in_recovery()"
            + " THEN pg_catalog.pg_logical_emit_message(true, 'matriarch', '') END";

    private final Connections connections;
    private final AtomicBoolean underWay = new AtomicBoolean();

    StandbyPrompt(Connections connections) {
        this.connections = connections;
    }

    /** Returns at once: a disk that hangs must not hold the heartbeat up. A failure only means waiting for the usual report. */
    void send() {
        if (!underWay.compareAndSet(false, true)) {
            return;
        }
        Thread.ofVirtual().name("standby-prompt").start(() -> {
            try (Connection connection = connections.local("Matriarch prompt", Deadline.in(PATIENCE));
                    Statement statement = connection.createStatement()) {
                statement.execute(WRITE);
            } catch (SQLException e) {
                LOG.debug("The standbys were not prompted", e);
            } finally {
                underWay.set(false);
            }
        });
    }
}
