package dev.matriarch.agent.postgres;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.postgres.linux.LinuxProcess;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent's one kept connection to its server, and what is asked through it.
 *
 * <p>Each question runs on a thread of its own; the asker waits until its deadline and then cuts the connection, so that
 * a stopped or stuck backend holds nobody.
 */
final class Monitor {
    private static final Logger log = LoggerFactory.getLogger(Monitor.class);
    private static final java.time.Duration LONGEST_QUERY = java.time.Duration.ofSeconds(3);
    private static final String CANNOT_CONNECT_NOW = "57P03";
    private static final Logger LOG = LoggerFactory.getLogger(Monitor.class);
    private static final int POLL_MILLIS = 20;
    private static final int REFUSED_MILLIS = 500;

    interface Question<T> {
        T ask(Connection connection) throws SQLException;
    }

    private final String applicationName;
    private final Connections connections;
    private final DataDirectory data;
    private final Postmaster postmaster;
    private final ControlData controlData;
    private final ReentrantLock asking = new ReentrantLock();
    private volatile Connection kept;

    Monitor(
            String applicationName,
            Connections connections,
            DataDirectory data,
            Postmaster postmaster,
            ControlData controlData) {
        this.applicationName = applicationName;
        this.connections = connections;
        this.data = data;
        this.postmaster = postmaster;
        this.controlData = controlData;
    }

    LocalPostgres observe(java.time.Duration timeout) {
        Deadline deadline = Deadline.in(timeout);
        DataDirectory.Condition condition = data.condition();
        Optional<LinuxProcess> process = postmaster.current();
        if (process.isEmpty()) {
            forget();
            Optional<ControlData.Content> control = condition.kind() == LocalPostgres.DataDirectory.VALID
                    ? controlData.read(deadline)
                    : Optional.empty();
            return new LocalPostgres(
                    condition.kind(),
                    control.map(ControlData.Content::systemIdentifier),
                    LocalPostgres.Process.STOPPED,
                    control.map(ControlData.Content::control),
                    Optional.empty(),
                    condition.problem());
        }
        Optional<String> identifier = controlData.systemIdentifier(deadline);
        LocalPostgres.Process state = LocalPostgres.Process.RUNNING;
        Optional<LocalPostgres.Status> status = Optional.empty();
        Optional<LocalPostgres.ControlFile> control = Optional.empty();
        String problem = condition.problem();
        switch (postmaster.statusLine()) {
            case "stopping" -> {
                state = LocalPostgres.Process.STOPPING;
                // Says when the shutdown checkpoint is written; the postmaster may outlive it for long.
                control = controlData.read(deadline).map(ControlData.Content::control);
            }
            case "starting", "standby", "" -> state = LocalPostgres.Process.STARTING;
            default -> {
                try {
                    StatusQuery.Answer answer = ask(StatusQuery::run, deadline);
                    if (identifier.isPresent() && !identifier.get().equals(answer.systemIdentifier())) {
                        problem = "The server that answers on the port of postgresql.listen has the system identifier "
                                + answer.systemIdentifier() + ", but the data directory " + data.path() + " has "
                                + identifier.get() + ": another server uses the port.";
                        forget();
                    } else {
                        status = Optional.of(answer.status());
                        identifier = Optional.of(answer.systemIdentifier());
                    }
                } catch (SQLException e) {
                    if (CANNOT_CONNECT_NOW.equals(e.getSQLState())) {
                        state = postmaster.statusLine().equals("stopping")
                                ? LocalPostgres.Process.STOPPING
                                : LocalPostgres.Process.STARTING;
                    }
                    problem = "PostgreSQL did not answer the monitoring query: " + e.getMessage();
                }
            }
        }
        if (!process.get().isAlive()) {
            state = LocalPostgres.Process.STOPPED;
            status = Optional.empty();
            control = controlData.read(deadline).map(ControlData.Content::control);
        }
        return new LocalPostgres(condition.kind(), identifier, state, control, status, problem);
    }

    void awaitReady(Deadline deadline) throws PostgresException {
        String last = "it is still starting";
        boolean refused = false;
        while (!deadline.passed()) {
            Optional<LinuxProcess> process = postmaster.current();
            if (process.isEmpty()) {
                throw new PostgresException("PostgreSQL ended while it was starting. Its log says why (standard error"
                        + " of the agent, or log_directory).");
            }
            if (postmaster.statusLine().equals("ready")) {
                try {
                    ask(connection -> single(connection, "SELECT 1"), deadline);
                    return;
                } catch (SQLException e) {
                    boolean refusal = isRefusal(e);
                    if (refusal && !refused) {
                        LOG.warn(
                                "PostgreSQL refuses the agent: {}. Let the superuser in by a line of postgresql.pg_hba, or"
                                        + " correct its password",
                                e.getMessage());
                    }
                    if (refusal || !refused) {
                        // At the end of the time the last attempt may merely have been cut off.
                        last = e.getMessage();
                    }
                    refused |= refusal;
                }
            }
            deadline.pause(refused ? REFUSED_MILLIS : POLL_MILLIS);
        }
        throw new PostgresException("PostgreSQL does not accept connections yet: " + last + ".");
    }

    /** Class 28: no line of pg_hba.conf for this user, or a wrong password. It rarely changes by waiting. */
    private static boolean isRefusal(SQLException e) {
        return e.getSQLState() != null && e.getSQLState().startsWith("28");
    }

    boolean inRecovery(Deadline deadline) throws SQLException {
        return ask(connection -> single(connection, "SELECT pg_catalog.pg_is_in_recovery()"), deadline)
                .equals("t");
    }

    void awaitSetting(String name, String value, Deadline deadline) throws PostgresException {
        String seen = "unknown";
        while (!deadline.passed()) {
            try {
                seen = ask(
                        connection -> single(connection, "SELECT pg_catalog.current_setting('" + name + "')"),
                        deadline);
                if (seen.equals(value)) {
                    return;
                }
            } catch (SQLException e) {
                seen = "unknown (" + e.getMessage() + ")";
            }
            deadline.pause(10);
        }
        throw new PostgresException("PostgreSQL did not take the new value of " + name + " in time: it is " + seen
                + ", wanted is '" + value + "'. A syntax error would be in its log.");
    }

    /** Runs the question; a connection found broken is replaced once. */
    <T> T ask(Question<T> question, Deadline deadline) throws SQLException {
        try {
            if (!asking.tryLock(deadline.left().toNanos(), TimeUnit.NANOSECONDS)) {
                throw new SQLException("the connection is busy with an earlier question");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SQLException("cancelled", e);
        }
        try {
            Connection reused = kept;
            if (reused != null && !reused.isClosed()) {
                try {
                    return await(reused, question, deadline);
                } catch (SQLException e) {
                    if (deadline.passed() || !(kept == null || reused.isClosed())) {
                        throw e;
                    }
                    log.debug("The monitoring connection was lost; opening another", e);
                }
            }
            return await(null, question, deadline);
        } finally {
            asking.unlock();
        }
    }

    private <T> T await(Connection reused, Question<T> question, Deadline deadline) throws SQLException {
        Connection[] used = {reused};
        boolean[] abandoned = {false};
        FutureTask<T> task = new FutureTask<>(() -> {
            Connection connection =
                    reused != null ? reused : connections.local(applicationName, Deadline.in(LONGEST_QUERY));
            synchronized (used) {
                used[0] = connection;
                if (abandoned[0]) {
                    connection.abort(Runnable::run);
                    throw new SQLException("abandoned");
                }
            }
            return question.ask(connection);
        });
        Thread.ofVirtual().name("postgres-question").start(task);
        try {
            T answer = task.get(deadline.left().toNanos(), TimeUnit.NANOSECONDS);
            kept = used[0];
            return answer;
        } catch (ExecutionException e) {
            SQLException cause = e.getCause() instanceof SQLException sql
                    ? sql
                    : new SQLException(e.getCause().toString(), e);
            synchronized (used) {
                // A failed question keeps the connection, unless the connection itself was the problem.
                if (used[0] != null && !used[0].isClosed() && !endsConnection(cause)) {
                    kept = used[0];
                } else {
                    drop(used[0]);
                }
            }
            throw cause;
        } catch (TimeoutException e) {
            synchronized (used) {
                abandoned[0] = true;
                drop(used[0]);
            }
            throw new SQLException("no answer in time", e);
        } catch (InterruptedException e) {
            synchronized (used) {
                abandoned[0] = true;
                drop(used[0]);
            }
            Thread.currentThread().interrupt();
            throw new SQLException("cancelled", e);
        }
    }

    private static boolean endsConnection(SQLException e) {
        String state = e.getSQLState();
        return state == null || state.startsWith("08") || state.startsWith("57P");
    }

    /** Closes the kept connection; the next question opens another. */
    void forget() {
        drop(kept);
    }

    private void drop(Connection connection) {
        kept = null;
        if (connection != null) {
            try {
                connection.abort(Runnable::run);
            } catch (SQLException e) {
                log.debug("Closing the monitoring connection failed", e);
            }
        }
    }

    static String single(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            String value = rows.getString(1);
            return value == null ? "" : value;
        }
    }
}
