package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Compares a running standby and its files with what was written last. */
final class StandbyAsWritten implements RecoveryDrift.Server {
    /**
     * What is in force as written has the main file as its source, whatever its value. What can be set at a start only and
     * is written as the server has it by default keeps that as its source until the next start.
     */
    private static final String FOREIGN = "SELECT name FROM pg_catalog.pg_settings WHERE name = ANY(?)"
            + " AND (pending_restart OR sourcefile IS DISTINCT FROM pg_catalog.current_setting('config_file')"
            + " AND NOT (source = 'default' AND context = 'postmaster'))";

    /**
     * Before PostgreSQL 12 no setting of recovery can be asked for, and recovery.conf is read at a start only: what was
     * written into it since is not in force.
     */
    private static final String STARTED_BEFORE =
            "SELECT pg_catalog.pg_postmaster_start_time() < pg_catalog.to_timestamp(?)";

    private static final List<String> UPSTREAM = List.of("primary_conninfo", "primary_slot_name");

    private static final Duration ANSWER = Duration.ofSeconds(1);
    private static final int SETTINGS_IN_POSTGRESQL_CONF = 12;

    interface Step {
        void run() throws PostgresException;
    }

    private final ConfigurationFiles files;
    private final ConfigPlaces places;
    private final Monitor monitor;
    private final Step rewrite;
    private final Step reload;
    private final int major;
    private volatile String postmaster = "";

    StandbyAsWritten(
            ConfigurationFiles files, ConfigPlaces places, Monitor monitor, int major, Step rewrite, Step reload) {
        this.files = files;
        this.places = places;
        this.monitor = monitor;
        this.major = major;
        this.rewrite = rewrite;
        this.reload = reload;
    }

    /** @param startTime of the postmaster that is looked at */
    void of(String startTime) {
        postmaster = startTime;
    }

    @Override
    public String fingerprint() throws PostgresException {
        StringBuilder print = new StringBuilder(postmaster);
        try {
            for (Path file : List.of(places.main(), AutoConf.in(places.data()), signal())) {
                print.append(' ');
                if (Files.exists(file)) {
                    print.append(Files.getLastModifiedTime(file))
                            .append('/')
                            .append(Files.size(file))
                            .append('/')
                            .append(Files.getAttribute(file, "unix:ino"));
                }
            }
        } catch (IOException e) {
            throw new PostgresException("The configuration in " + places.directory() + " cannot be read: " + e, e);
        }
        return print.toString();
    }

    private Path signal() {
        return places.data()
                .resolve(
                        major < SETTINGS_IN_POSTGRESQL_CONF
                                ? RecoveryFiles.RECOVERY_CONF
                                : RecoveryFiles.STANDBY_SIGNAL);
    }

    @Override
    public List<String> changedFiles() throws PostgresException {
        try {
            List<String> changed = new ArrayList<>(AutoConf.foreign(places.data()));
            ConfigurationFiles.Written written = files.written();
            if (!Files.exists(places.main())
                    || !Files.readString(places.main(), StandardCharsets.UTF_8).equals(written.text())) {
                changed.add(places.main().getFileName().toString());
            }
            for (Map.Entry<String, String> file : written.recovery().present().entrySet()) {
                Path path = places.data().resolve(file.getKey());
                boolean holdsSettings = !file.getValue().isEmpty();
                if (!Files.exists(path)
                        || holdsSettings
                                && !Files.readString(path, StandardCharsets.UTF_8)
                                        .equals(file.getValue())) {
                    changed.add(file.getKey());
                }
            }
            return changed;
        } catch (IOException e) {
            throw new PostgresException("The configuration in " + places.directory() + " cannot be read: " + e, e);
        }
    }

    @Override
    public List<String> foreignSettings() throws PostgresException {
        if (major < SETTINGS_IN_POSTGRESQL_CONF) {
            return newerThanTheServer() ? List.of(RecoveryFiles.RECOVERY_CONF) : List.of();
        }
        String[] names = files.written().recovery().parameters().keySet().toArray(String[]::new);
        try {
            return monitor.ask(connection -> foreign(connection, names), Deadline.in(ANSWER));
        } catch (SQLException e) {
            throw new PostgresException("PostgreSQL could not be asked about its settings: " + e.getMessage(), e);
        }
    }

    /** False if the running server follows another one than its files name; after a start it does as they say. */
    boolean upstreamIsInForce() throws PostgresException {
        if (major < SETTINGS_IN_POSTGRESQL_CONF) {
            return !newerThanTheServer();
        }
        Map<String, String> wanted = files.written().recovery().parameters();
        try {
            return monitor.ask(
                    connection -> {
                        for (String name : UPSTREAM) {
                            if (!Monitor.single(connection, "SHOW " + name).equals(wanted.getOrDefault(name, ""))) {
                                return false;
                            }
                        }
                        return true;
                    },
                    Deadline.in(ANSWER));
        } catch (SQLException e) {
            throw new PostgresException("PostgreSQL could not be asked whom it follows: " + e.getMessage(), e);
        }
    }

    private boolean newerThanTheServer() throws PostgresException {
        try {
            double written = Files.getLastModifiedTime(signal()).to(TimeUnit.MICROSECONDS) / 1e6;
            return monitor.ask(connection -> startedBefore(connection, written), Deadline.in(ANSWER));
        } catch (IOException e) {
            throw new PostgresException(signal() + " cannot be looked at: " + e, e);
        } catch (SQLException e) {
            throw new PostgresException("PostgreSQL could not be asked since when it runs: " + e.getMessage(), e);
        }
    }

    private static boolean startedBefore(Connection connection, double epochSeconds) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(STARTED_BEFORE)) {
            query.setDouble(1, epochSeconds);
            try (ResultSet row = query.executeQuery()) {
                row.next();
                return row.getBoolean(1);
            }
        }
    }

    private static List<String> foreign(Connection connection, String[] names) throws SQLException {
        List<String> found = new ArrayList<>();
        try (PreparedStatement query = connection.prepareStatement(FOREIGN)) {
            query.setArray(1, connection.createArrayOf("text", names));
            try (ResultSet rows = query.executeQuery()) {
                while (rows.next()) {
                    found.add(rows.getString(1));
                }
            }
        }
        return found;
    }

    @Override
    public void rewrite() throws PostgresException {
        rewrite.run();
    }

    @Override
    public void reload() throws PostgresException {
        reload.run();
    }
}
