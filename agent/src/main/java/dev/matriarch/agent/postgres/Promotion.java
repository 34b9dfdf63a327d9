package dev.matriarch.agent.postgres;

import dev.matriarch.agent.ha.LocalPostgres;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/**
 * Ends the recovery of a running replica.
 *
 * <p>From PostgreSQL 12 on a function does that. Before, {@code pg_ctl promote} does. Up to PostgreSQL 12 a replay that
 * somebody has paused also has to be resumed, or the promotion would wait for that somebody.
 */
final class Promotion {
    private static final int HAS_FUNCTION = 12;
    private static final int ENDS_A_PAUSE = 13;
    private static final int POLL_MILLIS = 20;

    private static final String RESUME = "SELECT CASE WHEN pg_catalog.pg_is_wal_replay_paused()"
            + " THEN pg_catalog.pg_wal_replay_resume()::text END";

    private final Binaries binaries;
    private final Path dataDir;
    private final Monitor monitor;
    private final OpenedTimeline opened;
    private final TakenTimelines taken;

    Promotion(Binaries binaries, Path dataDir, Monitor monitor, OpenedTimeline opened, TakenTimelines taken) {
        this.binaries = binaries;
        this.dataDir = dataDir;
        this.monitor = monitor;
        this.opened = opened;
        this.taken = taken;
    }

    /**
     * Returns when the server is no longer in recovery; at once if it never was.
     *
     * @param before as it was seen just now; empty if it did not answer
     * @param timeline the new timeline gets no lower number than this
     * @throws PostgresException if it could not be told, or is still in recovery at the deadline
     */
    void run(Optional<LocalPostgres.Status> before, int timeline, Deadline deadline) throws PostgresException {
        if (before.isPresent() && before.get().inRecovery()) {
            opened.note(before.get().timeline());
            taken.leaveOut(before.get().timeline(), timeline);
        }
        try {
            if (!monitor.inRecovery(deadline)) {
                return;
            }
            if (binaries.major() < ENDS_A_PAUSE) {
                monitor.ask(connection -> Monitor.single(connection, RESUME), deadline);
            }
            begin(deadline);
            while (monitor.inRecovery(deadline)) {
                if (deadline.passed()) {
                    throw new PostgresException(
                            "PostgreSQL was told to promote, but is still in recovery. It may finish later.");
                }
                deadline.pause(POLL_MILLIS);
            }
        } catch (SQLException e) {
            throw new PostgresException("PostgreSQL cannot be promoted: " + e.getMessage(), e);
        }
    }

    private void begin(Deadline deadline) throws PostgresException, SQLException {
        if (binaries.major() >= HAS_FUNCTION) {
            monitor.ask(connection -> Monitor.single(connection, "SELECT pg_catalog.pg_promote(false)"), deadline);
            return;
        }
        Child.Result result = Child.of(
                        List.of(binaries.path("pg_ctl"), "promote", "--no-wait", "--silent", "-D", dataDir.toString()))
                .run(deadline);
        if (result.exitCode() != 0) {
            throw new PostgresException("PostgreSQL cannot be promoted: pg_ctl promote failed: " + result.lastLines());
        }
    }
}
