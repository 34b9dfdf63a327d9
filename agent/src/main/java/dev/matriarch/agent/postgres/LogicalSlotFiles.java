package dev.matriarch.agent.postgres;

import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.dcs.Lsn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies of the leader's logical slots. A slot is one file, {@code pg_replslot/NAME/state}, the same on both ends of physical
 * replication; a server reads it when it starts.
 */
final class LogicalSlotFiles {
    private static final Logger log = LoggerFactory.getLogger(LogicalSlotFiles.class);

    /** @param restart where the WAL begins that decoding needs */
    private record State(String name, Lsn restart, byte[] content) {}

    private final Connections connections;
    private final Path slots;
    private final Monitor monitor;
    private final Postmaster postmaster;

    LogicalSlotFiles(Connections connections, Path dataDirectory, Monitor monitor, Postmaster postmaster) {
        this.connections = connections;
        this.slots = dataDirectory.resolve("pg_replslot");
        this.monitor = monitor;
        this.postmaster = postmaster;
    }

    /** As {@link PostgresServer#copyLogicalSlots}. */
    Set<String> copy(Upstream.Of leader, Set<String> names, Deadline deadline, PostgresServer.Stop stop)
            throws PostgresException, InterruptedException {
        List<State> states = usable(read(leader, names, deadline), deadline);
        Set<String> copied = new TreeSet<>();
        if (!states.isEmpty()) {
            stop.run();
            postmaster.requireStopped("given logical slots");
            try {
                write(states);
                states.forEach(s -> copied.add(s.name()));
            } catch (PostgresException e) {
                log.warn("{}", e.getMessage());
            }
        }
        return copied;
    }

    /** 0: none. A slot that is not there, or a server that is no primary, has no entry. */
    Map<String, Long> catalogXmins(Upstream.Of leader, Set<String> names, Deadline deadline) throws PostgresException {
        Map<String, Long> xmins = new HashMap<>();
        try (Connection connection = connections.remote(leader.host(), leader.port(), deadline);
                PreparedStatement statement = connection.prepareStatement(
                        "SELECT slot_name, coalesce(catalog_xmin::text, '0') FROM pg_catalog.pg_replication_slots"
                                + " WHERE slot_name = ANY(?) AND NOT pg_catalog.pg_is_in_recovery()")) {
            statement.setArray(1, names(connection, names));
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    xmins.put(rows.getString(1), Long.parseLong(rows.getString(2)));
                }
            }
        } catch (SQLException e) {
            throw new PostgresException(
                    "the slots of " + leader.member() + " cannot be looked at: " + e.getMessage(), e);
        }
        return xmins;
    }

    private List<State> read(Upstream.Of leader, Set<String> names, Deadline deadline) throws PostgresException {
        List<State> states = new ArrayList<>();
        try (Connection connection = connections.remote(leader.host(), leader.port(), deadline);
                PreparedStatement statement = connection.prepareStatement(
                        "SELECT slot_name, restart_lsn::text, pg_catalog.pg_read_binary_file("
                                + "'pg_replslot/' || slot_name || '/state') FROM pg_catalog.pg_replication_slots"
                                + " WHERE slot_name = ANY(?) AND slot_type = 'logical' AND restart_lsn IS NOT NULL"
                                + " AND NOT pg_catalog.pg_is_in_recovery()")) {
            statement.setArray(1, names(connection, names));
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    states.add(new State(rows.getString(1), Lsn.parse(rows.getString(2)), rows.getBytes(3)));
                }
            }
        } catch (SQLException e) {
            throw new PostgresException(
                    "the logical slots " + names + " of " + leader.member() + " cannot be read: " + e.getMessage(), e);
        }
        return states;
    }

    private static Array names(Connection connection, Set<String> names) throws SQLException {
        return connection.createArrayOf("text", names.toArray());
    }

    /** Leaves out what could not be decoded here because the WAL is not there. */
    private List<State> usable(List<State> states, Deadline deadline) throws PostgresException {
        List<State> usable = new ArrayList<>();
        for (State state : states) {
            try {
                boolean there = monitor.ask(connection -> hasWal(connection, state.restart), deadline);
                if (there) {
                    usable.add(state);
                } else {
                    log.warn(
                            "The logical slot {} is not copied: the WAL from {} on that it needs is not here. It will be when"
                                    + " its reader has come far enough",
                            state.name,
                            state.restart);
                }
            } catch (SQLException e) {
                throw new PostgresException("pg_wal cannot be looked at: " + e.getMessage(), e);
            }
        }
        return usable;
    }

    private static boolean hasWal(Connection connection, Lsn position) throws SQLException {
        long size = Long.parseLong(Monitor.single(
                connection, "SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))"));
        long segment = Long.divideUnsigned(position.value(), size);
        long perLog = (1L << 32) / size;
        String file = String.format(Locale.ROOT, "%08X%08X", segment / perLog, segment % perLog);
        return !Monitor.single(
                        connection,
                        "SELECT count(*) FROM pg_catalog.pg_ls_waldir() WHERE pg_catalog.substr(name, 9, 16) = '" + file
                                + "'")
                .equals("0");
    }

    /** The server must not run. A slot of that name is replaced. */
    private void write(List<State> states) throws PostgresException {
        for (State state : states) {
            Path target = slots.resolve(state.name);
            Path aside = slots.resolve(state.name + ".new.tmp");
            try {
                DataDirectory.deleteTree(aside, false);
                Files.createDirectory(aside);
                Path file = aside.resolve("state");
                Files.write(file, state.content, StandardOpenOption.CREATE_NEW, StandardOpenOption.SYNC);
                DurableFile.syncDirectory(aside);
                DataDirectory.deleteTree(target, false);
                Files.move(aside, target);
                DurableFile.syncDirectory(slots);
            } catch (IOException e) {
                throw new PostgresException("The logical slot " + state.name + " cannot be written: " + e, e);
            }
        }
    }
}
