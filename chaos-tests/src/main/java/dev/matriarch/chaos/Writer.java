package dev.matriarch.chaos;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A client that never gives up: one thread for each node, connected to that node alone, inserts numbered rows as long as
 * the node lets it, and notes when each commit was acknowledged. So two nodes that take commits at the same time are
 * seen, which a client with one multi-host connection would hide.
 *
 * <p>Between writes it pauses a few milliseconds: the machine should be busy with the failover, not with the load.
 */
public final class Writer implements AutoCloseable {
    private static final long PAUSE_MILLIS = 5;
    private static final long PROBE_PAUSE_MILLIS = 15;

    /**
     * A commit that the server acknowledged; times are {@link System#nanoTime()}.
     *
     * @param number the row's number, unique over all nodes
     * @param connectedNanos just before the session was opened that it was sent through
     */
    public record Acknowledged(long number, String node, long connectedNanos, long sentNanos, long acknowledgedNanos) {}

    private final Cluster cluster;
    private final String table;
    private final AtomicLong next = new AtomicLong();
    private final Queue<Acknowledged> acknowledged = new ConcurrentLinkedQueue<>();
    private final List<Thread> threads;
    private volatile boolean stopped;

    private Writer(Cluster cluster, String table) {
        this.cluster = cluster;
        this.table = table;
        this.threads = cluster.nodes().stream()
                .map(node -> Thread.ofPlatform().name("writer-" + node).daemon().unstarted(() -> writeTo(node)))
                .toList();
    }

    /** Creates the table on the present primary, starts writing, and waits until ten rows are acknowledged. */
    public static Writer start(Cluster cluster, String table) {
        Node primary = cluster.awaitPrimary(Duration.ofSeconds(20));
        try (Connection connection = cluster.connect(primary);
                Statement statement = connection.createStatement()) {
            statement.execute("create table if not exists " + table
                    + " (n bigint primary key, node text, at timestamptz default clock_timestamp())");
            statement.execute("truncate " + table);
        } catch (SQLException e) {
            throw new AssertionError("could not create the table on " + primary, e);
        }
        Writer writer = new Writer(cluster, table);
        writer.threads.forEach(Thread::start);
        try {
            Await.until("ten acknowledged rows", Duration.ofSeconds(20), () -> writer.acknowledged.size() >= 10);
        } catch (AssertionError e) {
            writer.close();
            throw e;
        }
        return writer;
    }

    private void writeTo(Node node) {
        while (!stopped) {
            long connected = System.nanoTime();
            try (Connection connection = cluster.connect(node)) {
                while (Cluster.query(connection, "select pg_is_in_recovery()").equals("t")) {
                    if (stopped) {
                        return;
                    }
                    Await.pause(PROBE_PAUSE_MILLIS);
                }
                insertUntilRefused(node, connection, connected);
            } catch (SQLException refused) {
                Await.pause(PROBE_PAUSE_MILLIS);
            }
        }
    }

    private void insertUntilRefused(Node node, Connection connection, long connected) throws SQLException {
        try (PreparedStatement insert =
                connection.prepareStatement("insert into " + table + "(n, node) values (?, ?)")) {
            while (!stopped) {
                long number = next.incrementAndGet();
                insert.setLong(1, number);
                insert.setString(2, node.name());
                long sent = System.nanoTime();
                insert.executeUpdate();
                // A commit that was cancelled while it waited for its standbys arrives with a warning: it is not safe.
                if (insert.getWarnings() == null) {
                    acknowledged.add(new Acknowledged(number, node.name(), connected, sent, System.nanoTime()));
                }
                insert.clearWarnings();
                Await.pause(PAUSE_MILLIS);
            }
        }
    }

    public List<Acknowledged> acknowledged() {
        return List.copyOf(acknowledged);
    }

    /** The first acknowledged commit through a session that was opened after this moment, on any node. */
    public Optional<Acknowledged> firstConnectedAfter(long nanos) {
        return acknowledged.stream()
                .filter(a -> a.connectedNanos() - nanos > 0)
                .min((a, b) -> Long.compare(a.acknowledgedNanos() - nanos, b.acknowledgedNanos() - nanos));
    }

    /** The first commit acknowledged by a node other than this one after the moment; waits for it. */
    public Acknowledged awaitElsewhere(Node old, long nanos, Duration deadline) {
        return Await.value(
                "a commit on another node than " + old,
                deadline,
                () -> acknowledged.stream()
                        .filter(a -> a.sentNanos() - nanos > 0 && !a.node().equals(old.name()))
                        .findFirst());
    }

    /** As {@link #firstConnectedAfter}; waits for it. What a dying server still acknowledged does not count. */
    public Acknowledged awaitConnectedAfter(long nanos, Duration deadline) {
        return Await.value("a commit in a new session", deadline, () -> firstConnectedAfter(nanos));
    }

    /** The last commit that this node acknowledged. */
    public Optional<Acknowledged> lastOf(Node node) {
        return acknowledged.stream()
                .filter(a -> a.node().equals(node.name()))
                .max((a, b) -> Long.compare(a.acknowledgedNanos(), b.acknowledgedNanos()));
    }

    /** The longest time without any acknowledgement that began or ended after the moment, in milliseconds. */
    public long longestGapMillis(long fromNanos) {
        List<Long> times = acknowledged.stream()
                .map(Acknowledged::acknowledgedNanos)
                .sorted((a, b) -> Long.compare(a - fromNanos, b - fromNanos))
                .toList();
        long longest = 0;
        for (int i = 1; i < times.size(); i++) {
            if (times.get(i) - fromNanos > 0) {
                longest = Math.max(longest, times.get(i) - times.get(i - 1));
            }
        }
        return longest / 1_000_000;
    }

    /** Numbers of acknowledged rows that the primary of now does not have. Call it after {@link #stop()}. */
    public Set<Long> missingOn(Node primary) {
        Set<Long> missing = new HashSet<>();
        acknowledged.forEach(a -> missing.add(a.number()));
        try (Connection connection = cluster.connect(primary);
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("select n from " + table)) {
            while (rows.next()) {
                missing.remove(rows.getLong(1));
            }
        } catch (SQLException e) {
            throw new AssertionError("could not read the rows from " + primary, e);
        }
        return missing;
    }

    @Override
    public void close() {
        stop();
    }

    /** Stops writing. What was acknowledged stays readable. */
    public void stop() {
        stopped = true;
        for (Thread thread : threads) {
            try {
                thread.join(Duration.ofSeconds(15));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }
}
