package dev.matriarch.chaos;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/** An application behind a PgBouncer: inserts a row at a time, keeps its connection, and makes a new one when it breaks. */
final class PooledClient implements AutoCloseable {
    private static final long PAUSE_MILLIS = 10;

    private final String url;
    private final Properties properties = new Properties();
    private final List<String> errors = new CopyOnWriteArrayList<>();
    private final AtomicLong acknowledged = new AtomicLong();
    private final AtomicLong slowestMillis = new AtomicLong();
    private final Thread thread;
    private volatile boolean stopped;

    PooledClient(int port, String password) {
        url = "jdbc:postgresql://127.0.0.1:" + port + "/postgres";
        properties.put("user", "postgres");
        properties.put("password", password);
        properties.put("sslmode", "disable");
        properties.put("connectTimeout", "3");
        properties.put("loginTimeout", "5");
        // Longer than a client may be made to wait.
        properties.put("socketTimeout", "90");
        // Each transaction may have another server connection.
        properties.put("prepareThreshold", "0");
        thread = Thread.ofPlatform().daemon().name("pooled-client").start(this::work);
    }

    private void work() {
        while (!stopped) {
            try (Connection connection = DriverManager.getConnection(url, properties);
                    Statement statement = connection.createStatement()) {
                while (!stopped) {
                    long begun = System.nanoTime();
                    statement.executeUpdate("insert into pooled default values");
                    acknowledged.incrementAndGet();
                    slowestMillis.accumulateAndGet((System.nanoTime() - begun) / 1_000_000, Math::max);
                    Await.pause(PAUSE_MILLIS);
                }
            } catch (SQLException e) {
                errors.add(e.getMessage());
                Await.pause(PAUSE_MILLIS * 10);
            }
        }
    }

    long acknowledged() {
        return acknowledged.get();
    }

    List<String> errors() {
        return errors;
    }

    long slowestMillis() {
        return slowestMillis.get();
    }

    @Override
    public void close() {
        stopped = true;
        try {
            thread.join(10_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
