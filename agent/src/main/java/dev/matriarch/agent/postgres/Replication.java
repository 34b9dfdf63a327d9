package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.dcs.Lsn;
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

    /** The first version that shows restore_command; before it stands in recovery.conf. */
    private static final int RESTORE_COMMAND_SHOWN = 12;

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

    Divergence checkDivergence(Upstream.Of leader, Monitor monitor, Deadline deadline) {
        LocalPostgres observed = monitor.observe(shorter(deadline, Duration.ofSeconds(3)));
        Optional<WalPlace> local;
        try {
            local = isReplaying(observed) ? replayed(deadline) : local(observed);
        } catch (SQLException e) {
            return new Divergence.Unknown("the local server does not say how far it has replayed: " + e.getMessage());
        }
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
            return switch (found) {
                case Divergence.NotDiverged well
                when observed.process() == LocalPostgres.Process.STOPPED ->
                    recoverable(well, leader, connection, deadline);
                case Divergence.NotDiverged well
                when observed.status().isPresent() ->
                    withGap(well, observed.status().get(), monitor, leader, connection, deadline);
                default -> found;
            };
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
        LeaderWal written = LeaderWal.of(replication);
        if (written.history().isEmpty()) {
            return notDiverged;
        }
        Optional<String> lacking;
        try (Connection asked = connections.remote(leader.host(), leader.port(), deadline)) {
            lacking = copy.lacking(written.history().get(), written.timeline(), written.position(), asked, deadline);
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

    /**
     * Whether it is for want of WAL that a standby does not stream; it is not asked whether it does, for it seems to for a
     * moment at each try. With a restore_command nothing is said: only PostgreSQL
     * finds out what the archive has.
     */
    private Divergence withGap(
            Divergence.NotDiverged well,
            LocalPostgres.Status status,
            Monitor monitor,
            Upstream.Of leader,
            Connection replication,
            Deadline deadline)
            throws SQLException {
        boolean waits = status.inRecovery()
                && !status.position().equals(Lsn.INVALID)
                && binaries.major() >= RESTORE_COMMAND_SHOWN;
        Optional<ControlData.Content> control = waits ? controlData.read(deadline) : Optional.empty();
        if (control.isEmpty()) {
            return well;
        }
        LeaderWal written = LeaderWal.of(replication);
        try (Connection asked = connections.remote(leader.host(), leader.port(), deadline)) {
            String archive = monitor.ask(c -> Monitor.single(c, "SHOW restore_command"), deadline);
            return archive.isEmpty()
                    ? new Divergence.NotDiverged(
                            well.reason(),
                            written.gap(status.position(), control.get().segmentSize(), LeaderWal.files(asked)))
                    : well;
        } catch (SQLException e) {
            log.info("{} does not say which WAL it has: {}", leader.member(), e.getMessage());
            return well;
        }
    }

    private static Duration shorter(Deadline deadline, Duration other) {
        return deadline.left().compareTo(other) < 0 ? deadline.left() : other;
    }

    /**
     * A standby that reads the archive shows the end of its WAL only while it waits for more, and it need not ever wait: not
     * where restore_command takes longer than wal_retrieve_retry_interval.
     */
    private static boolean isReplaying(LocalPostgres observed) {
        return observed.status()
                .filter(s -> s.inRecovery() && s.position().equals(Lsn.INVALID))
                .isPresent();
    }

    /** A pair that belongs together, which no function in SQL returns. */
    private Optional<WalPlace> replayed(Deadline deadline) throws SQLException {
        try (Connection connection = connections.localReplication(deadline);
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("IDENTIFY_SYSTEM")) {
            rows.next();
            Lsn position = Lsn.parse(rows.getString("xlogpos"));
            return position.equals(Lsn.INVALID)
                    ? Optional.empty()
                    : Optional.of(new WalPlace(rows.getInt("timeline"), position, WalPlace.Kind.REPLAYING));
        }
    }

    private static Optional<WalPlace> local(LocalPostgres observed) {
        if (observed.status().isPresent()) {
            LocalPostgres.Status status = observed.status().get();
            if (status.position().equals(Lsn.INVALID)) {
                return Optional.empty();
            }
            // What was received counts even before it is replayed: it is in pg_wal and would be replayed first.
            return Optional.of(new WalPlace(
                    status.timeline(),
                    status.position(),
                    status.inRecovery() ? WalPlace.Kind.REPLICA : WalPlace.Kind.CRASHED_PRIMARY));
        }
        if (observed.process() != LocalPostgres.Process.STOPPED) {
            return Optional.empty();
        }
        return observed.control().map(control -> {
            if (control.wasStandby() && !control.minRecoveryPoint().equals(Lsn.INVALID)) {
                return new WalPlace(control.minRecoveryTimeline(), control.minRecoveryPoint(), WalPlace.Kind.REPLICA);
            }
            return new WalPlace(
                    control.timeline(),
                    control.checkpoint(),
                    control.crashedAsPrimary() ? WalPlace.Kind.CRASHED_PRIMARY : WalPlace.Kind.CLEAN_PRIMARY);
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
            WalPlace local, String systemIdentifier, Upstream.Of leader, Connection connection, Deadline deadline)
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
        Optional<Divergence> byTimeline =
                local.byTimeline(leader.member(), leaderTimeline, opened.isOurs(local.timeline()));
        if (byTimeline.isPresent()) {
            return byTimeline.get();
        }
        Optional<String> history = LeaderWal.history(connection, leaderTimeline);
        if (history.isEmpty()) {
            return new Divergence.NotDiverged("the leader has no history of timeline " + leaderTimeline);
        }
        return local.byHistory(leaderTimeline, history.get())
                .orElseGet(() -> byEnd(
                        local,
                        WalPlace.switchpoint(history.get(), local.timeline()).orElseThrow(),
                        deadline));
    }

    /** Of a primary that was shut down in order, before the leader's history left its timeline. */
    private Divergence byEnd(WalPlace local, Lsn switchpoint, Deadline deadline) {
        String left = local.left(switchpoint);
        try {
            Lsn end = endOfRecord(local, deadline);
            return end.equals(switchpoint)
                    ? new Divergence.NotDiverged(local.words() + " ends where " + left)
                    : new Divergence.Diverged(local.words() + " ends at " + end + ", but " + left);
        } catch (PostgresException e) {
            return new Divergence.Unknown(e.getMessage());
        }
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
    private Lsn endOfRecord(WalPlace local, Deadline deadline) throws PostgresException {
        Child.Result result = Child.of(List.of(
                        binaries.path("pg_waldump"),
                        "-p",
                        data.path().resolve("pg_wal").toString(),
                        "-t",
                        Integer.toString(local.timeline()),
                        "-s",
                        local.position().toString(),
                        "-n",
                        "2"))
                .run(deadline);
        Lsn end = null;
        for (String line : result.output().split("\n")) {
            Matcher record = WALDUMP_LSN.matcher(line);
            Matcher problem = WALDUMP_END.matcher(line);
            if (record.find()) {
                Lsn start = Lsn.parse(record.group(1));
                end = start.equals(local.position()) ? end : start;
            } else {
                while (problem.find()) {
                    end = Lsn.parse(problem.group(1));
                }
            }
        }
        if (end == null) {
            throw new PostgresException("the end of the shutdown checkpoint at " + local.position()
                    + " cannot be found with pg_waldump: " + result.lastLines());
        }
        return end;
    }
}
