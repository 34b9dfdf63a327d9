package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.postgres.linux.LinuxProcess;
import dev.matriarch.dcs.Lsn;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.postgresql.PGConnection;

/**
 * Finds out whether a primary still takes connections and gets commits to its disk. For one thread, which it may hold
 * up to the deadline.
 *
 * <p>A busy server proves it by itself: its flushed position moves. Only an idle or a stuck one is asked to write, and
 * an idle one rarely, because each write keeps checkpoints and {@code archive_timeout} from resting.
 */
public final class WriteCheck {
    /*
     * Either is answered with one byte by a process that the postmaster must fork, and needs no user (PostgreSQL's documentation,
     * "Message Flow"). Who hangs up after the second one leaves a line in the log of a server with ssl = on, and after the
     * first one none; but servers before 12 do not know it.
     */
    private static final int GSSENC_REQUEST = 80877104;
    private static final int SSL_REQUEST = 80877103;

    private static final String POSITIONS = "SELECT pg_catalog.pg_is_in_recovery(),"
            + " CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_flush_lsn()::text END,"
            + " CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_insert_lsn()::text END";

    /*
     * A transactional message is WAL, and so its commit waits for the disk; a bare transaction id would not. Local:
     * waiting for standbys is no fault of this server.
     */
    private static final String WRITE = "SELECT pg_catalog.set_config('synchronous_commit', 'local', true),"
            + " pg_catalog.pg_logical_emit_message(true, 'matriarch', '')";

    /** Backends of ours that hang: more would only use up connections. */
    private static final int MOST_HANGING = 3;

    /** What was found. Everything else is thrown. */
    public enum Finding {
        /** A commit reached the disk. */
        WRITES,
        /** It answers, and nobody has anything to write. */
        IDLE,
        /** In recovery: there is nothing to prove. */
        NO_PRIMARY
    }

    private final PostgresConfig config;
    private final byte[] knock;
    private final Monitor monitor;
    private final Duration idleInterval;
    private final List<LinuxProcess> hanging = new CopyOnWriteArrayList<>();
    private Lsn flushed = Lsn.INVALID;
    private long lastWrite;
    private boolean written;
    private volatile Optional<LinuxProcess> backend = Optional.empty();

    WriteCheck(PostgresConfig config, int major, Monitor monitor, Duration idleInterval) {
        this.config = config;
        this.knock = ByteBuffer.allocate(8)
                .putInt(8)
                .putInt(major < 12 ? SSL_REQUEST : GSSENC_REQUEST)
                .array();
        this.monitor = monitor;
        this.idleInterval = idleInterval;
    }

    /**
     * @throws SQLException what PostgreSQL answered, or that it did not
     * @throws IOException the postmaster takes no connections
     */
    public Finding run(Duration timeout) throws SQLException, IOException {
        Deadline deadline = Deadline.in(timeout);
        knock(deadline);
        hanging.removeIf(p -> !p.isAlive());
        if (hanging.size() >= MOST_HANGING) {
            throw new SQLException(
                    "its processes " + hanging.stream().map(LinuxProcess::pid).toList() + " do not come to an end");
        }
        try {
            Lsn[] now = monitor.ask(this::positions, deadline);
            if (now.length == 0) {
                written = false;
                return Finding.NO_PRIMARY;
            }
            boolean moved = now[0].isAfter(flushed);
            boolean first = flushed.equals(Lsn.INVALID);
            flushed = now[0];
            if (moved && !first) {
                return Finding.WRITES;
            }
            boolean due = !written || System.nanoTime() - lastWrite > idleInterval.toNanos();
            if (!due && !now[1].isAfter(now[0])) {
                return Finding.IDLE;
            }
            monitor.ask(WriteCheck::write, deadline);
            written = true;
            lastWrite = System.nanoTime();
            return Finding.WRITES;
        } catch (SQLException e) {
            if (deadline.passed()) {
                backend.filter(LinuxProcess::isAlive).ifPresent(hanging::add);
            }
            // After a failure, words do not do: only a write proves that it writes.
            written = false;
            throw e;
        }
    }

    private void knock(Deadline deadline) throws IOException {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(config.localHost(), config.port()), deadline.leftMillis());
            socket.setSoTimeout(deadline.leftMillis());
            socket.getOutputStream().write(knock);
            if (socket.getInputStream().read() < 0) {
                throw new IOException("the connection was closed");
            }
        } catch (IOException e) {
            throw new IOException("it takes no connections: " + e.getMessage(), e);
        }
    }

    private Lsn[] positions(Connection connection) throws SQLException {
        backend = LinuxProcess.find(connection.unwrap(PGConnection.class).getBackendPID());
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(POSITIONS)) {
            row.next();
            return row.getBoolean(1)
                    ? new Lsn[0]
                    : new Lsn[] {Lsn.parse(row.getString(2)), Lsn.parse(row.getString(3))};
        }
    }

    private static boolean write(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(WRITE)) {
            return row.next();
        }
    }

    /** Forgets what was known of an earlier life of the server, and closes the connection. */
    public void forget() {
        monitor.forget();
        written = false;
        flushed = Lsn.INVALID;
        backend = Optional.empty();
    }

    /** The process that answered last. */
    Optional<LinuxProcess> backend() {
        return backend;
    }

    /** The postmaster and those of its children that a signal or a debugger has stopped, in words; empty: none. */
    static String stopped(LinuxProcess postmaster) {
        List<String> found = new ArrayList<>();
        if (postmaster.isStopped()) {
            found.add("the postmaster (pid " + postmaster.pid() + ")");
        }
        for (LinuxProcess child : postmaster.children()) {
            if (child.isStopped()) {
                String title = child.commandLine().stream()
                        .findFirst()
                        .orElse("a process")
                        .strip();
                found.add(title.replaceFirst("^postgres: ", "") + " (pid " + child.pid() + ")");
            }
        }
        return String.join(", ", found);
    }
}
