package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.dcs.Lsn;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checkpoints and the comparison of histories. */
final class Replication {
    private static final Logger log = LoggerFactory.getLogger(Replication.class);
    private static final Pattern WALDUMP_LSN = Pattern.compile("lsn: ([0-9A-F]+/[0-9A-F]+)");
    private static final Pattern WALDUMP_PREVIOUS = Pattern.compile("prev ([0-9A-F]+/[0-9A-F]+)");
    private static final long SMALLEST_SEGMENT = 1 << 20;
    /** Offset of the first record of a WAL file. */
    private static final int LONG_PAGE_HEADER = 40;

    private static final Pattern WALDUMP_END = Pattern.compile(" at ([0-9A-F]+/[0-9A-F]+):");

    private static final String UNKNOWN_SETTING = "42704";

    private final Binaries binaries;
    private final DataDirectory data;
    private final Connections connections;
    private final ControlData controlData;
    private final OpenedTimeline opened;
    private final StoppedServer stopped;

    Replication(
            PostgresConfig config,
            Binaries binaries,
            DataDirectory data,
            Connections connections,
            ControlData controlData,
            OpenedTimeline opened) {
        this.stopped = new StoppedServer(config, binaries);
        this.opened = opened;
        this.binaries = binaries;
        this.data = data;
        this.connections = connections;
        this.controlData = controlData;
    }

    void checkpoint(Deadline deadline) throws PostgresException {
        try (Connection connection = connections.local("Matriarch checkpoint", deadline);
                Statement statement = connection.createStatement()) {
            statement.execute("CHECKPOINT");
        } catch (SQLException e) {
            throw new PostgresException("The checkpoint was not made: " + e.getMessage(), e);
        }
    }

    void checkpointOfNewTimeline(Deadline deadline) throws PostgresException {
        try (Connection connection = connections.local("Matriarch checkpoint", deadline);
                Statement statement = connection.createStatement()) {
            boolean behind;
            try (ResultSet rows = statement.executeQuery("SELECT timeline_id <> ('x' || pg_catalog.left("
                    + "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8))::bit(32)::int"
                    + " FROM pg_catalog.pg_control_checkpoint()")) {
                rows.next();
                behind = rows.getBoolean(1);
            }
            if (behind) {
                statement.execute("CHECKPOINT");
            }
        } catch (SQLException e) {
            throw new PostgresException("The checkpoint was not made: " + e.getMessage(), e);
        }
    }

    /** @param wal where the shutdown checkpoint of a stopped primary can be read */
    private record Local(int timeline, Lsn position, Kind kind, Optional<Path> wal) {}

    private enum Kind {
        REPLICA,
        CLEAN_PRIMARY,
        CRASHED_PRIMARY
    }

    Divergence checkDivergence(Upstream.Of leader, Monitor monitor, Deadline deadline) {
        LocalPostgres observed = monitor.observe(shorter(deadline, Duration.ofSeconds(3)));
        Optional<Local> local = local(observed);
        if (local.isEmpty()) {
            return new Divergence.Unknown("the local position is not known: "
                    + (observed.problem().isEmpty() ? "PostgreSQL is " + observed.process() : observed.problem()));
        }
        try (Connection connection = connections.replication(leader.host(), leader.port(), deadline)) {
            if (inRecovery(connection, leader, deadline)) {
                return new Divergence.Unknown(leader.member() + " is still in recovery");
            }
            Divergence found =
                    compare(local.get(), observed.systemIdentifier().orElse(""), leader, connection, deadline);
            return found instanceof Divergence.NotDiverged && observed.process() == LocalPostgres.Process.STOPPED
                    ? recoverable(found, leader, connection, deadline)
                    : found;
        } catch (PostgresException e) {
            return new Divergence.Unknown(e.getMessage());
        } catch (SQLException e) {
            return new Divergence.Unknown("the leader " + leader.member() + " did not answer: " + e.getMessage());
        }
    }

    /**
     * A copy that has not been recovered, and cannot be with what this leader has, would be started for nothing: the server that it
     * was made from no longer leads, and the next leader may have been cloned since.
     */
    private Divergence recoverable(
            Divergence notDiverged, Upstream.Of leader, Connection replication, Deadline deadline)
            throws SQLException, PostgresException {
        UnrecoveredCopy copy = new UnrecoveredCopy(data.path(), controlData);
        if (copy.begin(deadline).isEmpty()
                || !stopped.setting("restore_command", deadline).isEmpty()) {
            return notDiverged;
        }
        int timeline;
        Lsn position;
        try (Statement statement = replication.createStatement();
                ResultSet rows = statement.executeQuery("IDENTIFY_SYSTEM")) {
            rows.next();
            timeline = rows.getInt("timeline");
            position = Lsn.parse(rows.getString("xlogpos"));
        }
        Optional<String> history = timeline == 1 ? Optional.of("") : history(replication, timeline);
        if (history.isEmpty()) {
            return notDiverged;
        }
        Optional<String> lacking;
        try (Connection asked = connections.remote(leader.host(), leader.port(), deadline)) {
            lacking = copy.lacking(history.get(), timeline, position, asked, deadline);
        } catch (SQLException e) {
            log.warn("{} does not say which WAL it has: {}", leader.member(), e.getMessage());
            return notDiverged;
        }
        return lacking.<Divergence>map(name -> new Divergence.Diverged(
                        "it was copied or rewound and has not been recovered since, and " + leader.member()
                                + " no longer has the WAL file " + name + ", which that takes",
                        false))
                .orElse(notDiverged);
    }

    private static Optional<String> history(Connection replication, int timeline) throws SQLException {
        try (Statement statement = replication.createStatement();
                ResultSet rows = statement.executeQuery("TIMELINE_HISTORY " + timeline)) {
            return rows.next() ? Optional.of(rows.getString("content")) : Optional.empty();
        }
    }

    private static Duration shorter(Deadline deadline, Duration other) {
        return deadline.left().compareTo(other) < 0 ? deadline.left() : other;
    }

    private Optional<Local> local(LocalPostgres observed) {
        if (observed.status().isPresent()) {
            LocalPostgres.Status status = observed.status().get();
            if (status.position().equals(Lsn.INVALID)) {
                return Optional.empty();
            }
            // What was received counts even before it is replayed: it is in pg_wal and would be replayed first.
            return Optional.of(new Local(
                    status.timeline(),
                    status.position(),
                    status.inRecovery() ? Kind.REPLICA : Kind.CRASHED_PRIMARY,
                    Optional.empty()));
        }
        if (observed.process() != LocalPostgres.Process.STOPPED) {
            return Optional.empty();
        }
        return observed.control().map(control -> {
            if (control.wasStandby() && !control.minRecoveryPoint().equals(Lsn.INVALID)) {
                return new Local(
                        control.minRecoveryTimeline(), control.minRecoveryPoint(), Kind.REPLICA, Optional.empty());
            }
            Kind kind = control.crashedAsPrimary() ? Kind.CRASHED_PRIMARY : Kind.CLEAN_PRIMARY;
            return new Local(
                    control.timeline(),
                    control.checkpoint(),
                    kind,
                    Optional.of(data.path().resolve("pg_wal")));
        });
    }

    private boolean inRecovery(Connection replication, Upstream.Of leader, Deadline deadline) throws SQLException {
        try (Statement statement = replication.createStatement();
                ResultSet rows = statement.executeQuery("SHOW in_hot_standby")) {
            rows.next();
            return rows.getString(1).equals("on");
        } catch (SQLException e) {
            if (!UNKNOWN_SETTING.equals(e.getSQLState())) {
                throw e;
            }
        }
        // Before PostgreSQL 14 only SQL tells.
        try (Connection connection = connections.remote(leader.host(), leader.port(), deadline)) {
            return Monitor.single(connection, "SELECT pg_catalog.pg_is_in_recovery()")
                    .equals("t");
        }
    }

    private Divergence compare(
            Local local, String systemIdentifier, Upstream.Of leader, Connection connection, Deadline deadline)
            throws SQLException {
        int leaderTimeline;
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("IDENTIFY_SYSTEM")) {
            rows.next();
            String identifier = rows.getString("systemid");
            leaderTimeline = rows.getInt("timeline");
            if (!systemIdentifier.isEmpty() && !systemIdentifier.equals(identifier)) {
                return new Divergence.Unknown("the data directory " + data.path() + " has the system identifier "
                        + systemIdentifier + ", but the leader " + leader.member() + " has " + identifier
                        + ": it belongs to another cluster");
            }
        }
        String mine = "timeline " + local.timeline + " at " + local.position;
        if (local.timeline > leaderTimeline) {
            return new Divergence.Diverged(mine + " is later than the leader's timeline " + leaderTimeline);
        }
        boolean openedHere = local.kind != Kind.REPLICA || opened.isOurs(local.timeline);
        if (local.timeline == leaderTimeline && openedHere) {
            // Whoever leads after a primary was promoted to a later timeline than that primary's, unless it did not
            // know
            // of it: then the number has been taken twice.
            return new Divergence.Diverged(
                    mine + " was opened here, and the leader " + leader.member() + " opened another one of that number",
                    false);
        }
        if (local.timeline == leaderTimeline) {
            return new Divergence.NotDiverged(mine + " is the leader's timeline");
        }
        Optional<String> history = history(connection, leaderTimeline);
        if (history.isEmpty()) {
            return new Divergence.NotDiverged("the leader has no history of timeline " + leaderTimeline);
        }
        Optional<Lsn> end = switchpoint(history.get(), local.timeline);
        if (end.isEmpty()) {
            return new Divergence.Diverged(mine + " is not in the history of the leader's timeline " + leaderTimeline);
        }
        return judge(local, mine, end.get(), deadline);
    }

    /** Where the leader's history leaves the given timeline; empty if it never was on it. */
    static Optional<Lsn> switchpoint(String history, int timeline) {
        for (String line : history.split("\n")) {
            String[] fields = line.strip().split("\\s+", 3);
            if (fields.length >= 2 && fields[0].equals(Integer.toString(timeline))) {
                return Optional.of(Lsn.parse(fields[1]));
            }
        }
        return Optional.empty();
    }

    private Divergence judge(Local local, String mine, Lsn switchpoint, Deadline deadline) {
        String left = "the leader left timeline " + local.timeline + " at " + switchpoint;
        switch (local.kind) {
            case REPLICA -> {
                return local.position.isAfter(switchpoint)
                        ? new Divergence.Diverged(mine + " is ahead: " + left)
                        : new Divergence.NotDiverged(mine + " is part of the leader's history: " + left);
            }
            case CRASHED_PRIMARY -> {
                // WAL after the last checkpoint may go on behind the switchpoint.
                return new Divergence.Diverged(mine + " was primary and not shut down cleanly: " + left);
            }
            case CLEAN_PRIMARY -> {
                if (local.position.compareTo(switchpoint) >= 0) {
                    return new Divergence.Diverged(mine + " is the shutdown checkpoint of a former primary: " + left);
                }
                try {
                    Lsn end = endOfRecord(local, deadline);
                    return end.equals(switchpoint)
                            ? new Divergence.NotDiverged(mine + " ends where " + left)
                            : new Divergence.Diverged(mine + " ends at " + end + ", but " + left);
                } catch (PostgresException e) {
                    return new Divergence.Unknown(e.getMessage());
                }
            }
        }
        throw new IllegalStateException();
    }

    /** Start of the WAL switch before the checkpoint, if that is what made it the first record of a WAL file. */
    Lsn endBefore(Lsn checkpoint, Deadline deadline) {
        if ((checkpoint.value() & (SMALLEST_SEGMENT - 1)) != LONG_PAGE_HEADER) {
            return checkpoint;
        }
        try {
            ControlData.Content content = controlData.read(deadline).orElseThrow();
            if (!content.control().checkpoint().equals(checkpoint)) {
                return checkpoint;
            }
            int timeline = content.control().timeline();
            Matcher before = WALDUMP_PREVIOUS.matcher(record(checkpoint, timeline, deadline));
            if (!before.find()) {
                return checkpoint;
            }
            Lsn previous = Lsn.parse(before.group(1));
            return record(previous, timeline, deadline).contains("desc: SWITCH") ? previous : checkpoint;
        } catch (PostgresException | RuntimeException e) {
            log.warn("The record before the shutdown checkpoint cannot be read: {}", e.getMessage());
            return checkpoint;
        }
    }

    private String record(Lsn position, int timeline, Deadline deadline) throws PostgresException {
        return Child.of(List.of(
                        binaries.path("pg_waldump"),
                        "-p",
                        data.path().resolve("pg_wal").toString(),
                        "-t",
                        Integer.toString(timeline),
                        "-s",
                        position.toString(),
                        "-n",
                        "1"))
                .run(deadline)
                .output();
    }

    /** Where the record ends that starts at the position: WAL is read up to the first thing that is no record. */
    private Lsn endOfRecord(Local local, Deadline deadline) throws PostgresException {
        Child.Result result = Child.of(List.of(
                        binaries.path("pg_waldump"),
                        "-p",
                        local.wal.orElseThrow().toString(),
                        "-t",
                        Integer.toString(local.timeline),
                        "-s",
                        local.position.toString(),
                        "-n",
                        "2"))
                .run(deadline);
        Lsn end = null;
        for (String line : result.output().split("\n")) {
            Matcher record = WALDUMP_LSN.matcher(line);
            Matcher problem = WALDUMP_END.matcher(line);
            if (record.find()) {
                Lsn start = Lsn.parse(record.group(1));
                end = start.equals(local.position) ? end : start;
            } else {
                while (problem.find()) {
                    end = Lsn.parse(problem.group(1));
                }
            }
        }
        if (end == null) {
            throw new PostgresException("the end of the shutdown checkpoint at " + local.position
                    + " cannot be found with pg_waldump: " + result.lastLines());
        }
        return end;
    }
}
