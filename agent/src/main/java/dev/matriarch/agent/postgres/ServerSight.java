package dev.matriarch.agent.postgres;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.postgres.linux.LinuxProcess;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is seen of the local server, also when its disk does not answer: the process table does not hang. Any thread; no call
 * takes longer than its time by more than a few milliseconds.
 */
final class ServerSight {
    private static final Logger log = LoggerFactory.getLogger(ServerSight.class);

    /** What the look itself may take beyond the time that PostgreSQL is given for its answer. */
    private static final Duration LOOK = Duration.ofMillis(500);

    private final Monitor monitor;
    private final Postmaster postmaster;
    private final DiskCalls disk;
    private volatile Optional<LocalPostgres> lastSeen = Optional.empty();

    ServerSight(Monitor monitor, Postmaster postmaster, DiskCalls disk) {
        this.monitor = monitor;
        this.postmaster = postmaster;
        this.disk = disk;
    }

    /** Never throws. */
    LocalPostgres observe(Duration timeout) {
        try {
            LocalPostgres seen = disk.call(() -> monitor.observe(timeout), timeout.plus(LOOK));
            lastSeen = Optional.of(seen);
            return seen;
        } catch (DiskCalls.Hanging | PostgresException e) {
            return unseen(postmaster.known().isPresent(), lastSeen, e.getMessage());
        }
    }

    /**
     * What can be said without the disk.
     *
     * @param alive a postmaster is among the processes
     * @param before the last time that the disk answered
     */
    static LocalPostgres unseen(boolean alive, Optional<LocalPostgres> before, String why) {
        LocalPostgres.Process process = before.map(LocalPostgres::process).orElse(LocalPostgres.Process.RUNNING);
        return new LocalPostgres(
                alive
                        ? before.map(LocalPostgres::dataDirectory).orElse(LocalPostgres.DataDirectory.VALID)
                        : LocalPostgres.DataDirectory.UNUSABLE,
                before.flatMap(LocalPostgres::systemIdentifier),
                !alive
                        ? LocalPostgres.Process.STOPPED
                        : process == LocalPostgres.Process.STOPPED ? LocalPostgres.Process.RUNNING : process,
                Optional.empty(),
                Optional.empty(),
                why);
    }

    /** Pid of the living postmaster on the data directory, whoever started it. */
    OptionalLong postmasterPid() {
        Optional<LinuxProcess> process = postmaster.known();
        if (process.isEmpty()) {
            try {
                process = disk.call(postmaster::current, LOOK);
            } catch (DiskCalls.Hanging | PostgresException e) {
                log.debug("No postmaster known", e);
            }
        }
        return process.map(LinuxProcess::pid).map(OptionalLong::of).orElse(OptionalLong.empty());
    }

    /** Runs the action once, at once, when the postmaster that lives now has ended. False if none lives. */
    boolean onExit(Runnable action) {
        try {
            return disk.call(() -> postmaster.onExit(action), LOOK);
        } catch (DiskCalls.Hanging | PostgresException e) {
            log.debug("The postmaster cannot be watched", e);
            return false;
        }
    }
}
