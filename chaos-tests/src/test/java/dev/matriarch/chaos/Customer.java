package dev.matriarch.chaos;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;

/**
 * Whom a cluster is run for: one session after the other through a connection string that names all hosts, with certificates
 * verified, writing numbered rows as fast as a person types and remembering those that were acknowledged.
 */
final class Customer implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final long PAUSE_MILLIS = 10;

    private final String url;
    private final Properties properties = new Properties();
    private final Queue<Long> acknowledged = new ConcurrentLinkedQueue<>();
    private final Thread thread = Thread.ofPlatform().name("customer").daemon().unstarted(this::write);
    private volatile boolean stopped;
    private long next;

    /**
     * Makes a table and begins.
     *
     * @param hosts of all servers that there will ever be; those that are not there refuse connections
     * @param authority whose certificates the servers show
     */
    Customer(List<String> hosts, int port, String password, Path authority) {
        url = hosts.stream().map(h -> h + ":" + port).collect(Collectors.joining(",", "jdbc:postgresql://", ""))
                + "/postgres?targetServerType=primary&hostRecheckSeconds=0&connectTimeout=2&loginTimeout=10"
                + "&socketTimeout=10&sslmode=verify-full&sslrootcert=" + authority;
        properties.put("user", "postgres");
        properties.put("password", password);
        Await.until("the customer has a table", PATIENCE, this::begins);
        thread.start();
    }

    /** The first server of a cluster answers before it takes writes. */
    private boolean begins() {
        try (Connection connection = DriverManager.getConnection(url, properties);
                Statement statement = connection.createStatement()) {
            statement.execute("create table if not exists life (n bigint primary key)");
            return true;
        } catch (SQLException notYet) {
            return false;
        }
    }

    private void write() {
        while (!stopped) {
            try (Connection connection = DriverManager.getConnection(url, properties);
                    PreparedStatement insert = connection.prepareStatement("insert into life values (?)")) {
                while (!stopped) {
                    insert.setLong(1, ++next);
                    insert.executeUpdate();
                    // A commit that was cancelled while it waited for its standbys arrives with a warning: it is not
                    // safe.
                    if (insert.getWarnings() == null) {
                        acknowledged.add(next);
                    }
                    insert.clearWarnings();
                    Await.pause(PAUSE_MILLIS);
                }
            } catch (SQLException refused) {
                Await.pause(100);
            }
        }
    }

    /** Rows are acknowledged again, after this call. */
    void awaitServed() {
        int before = acknowledged.size();
        Await.until("the customer's rows are acknowledged", PATIENCE, () -> acknowledged.size() > before + 3);
    }

    int served() {
        return acknowledged.size();
    }

    /** Acknowledged rows that this server, which leads, does not have. */
    Set<Long> missingOn(Node primary) throws SQLException {
        Set<Long> missing = new HashSet<>(acknowledged);
        Properties one = new Properties();
        one.putAll(properties);
        try (Connection connection = DriverManager.getConnection(primary.jdbcUrl(), one);
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("select n from life")) {
            while (rows.next()) {
                missing.remove(rows.getLong(1));
            }
        }
        return missing;
    }

    @Override
    public void close() {
        stopped = true;
        try {
            thread.join(PATIENCE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
