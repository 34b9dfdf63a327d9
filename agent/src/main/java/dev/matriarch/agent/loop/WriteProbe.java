package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.WritePath;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.agent.postgres.WriteCheck;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks, on a thread of its own, whether the local server still gets commits to its disk and how much room is left
 * there. The heartbeat takes the result from memory: nothing that hangs here holds it up.
 */
final class WriteProbe implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(WriteProbe.class);
    private static final Duration SHORTEST_INTERVAL = Duration.ofSeconds(1);
    private static final Duration LONGEST_ANSWER = Duration.ofSeconds(3);
    private static final long LOOK_FOR_STOPPED_NANOS = 30_000_000_000L;

    /** What an attempt means. */
    enum Meaning {
        PROOF,
        FAILURE,
        /** It answered, but neither that it writes nor that it does not. */
        NEITHER
    }

    private final PostgresServer server;
    private final Clock clock;
    private final Runnable wake;
    private final Thread thread;

    private boolean watching;
    private Duration interval = SHORTEST_INTERVAL;
    private Duration patience = LONGEST_ANSWER;
    private OptionalLong failingSince = OptionalLong.empty();
    private int failures;
    private String problem = "";
    private OptionalLong room = OptionalLong.empty();
    private OptionalLong attemptSince = OptionalLong.empty();
    private boolean closed;

    private boolean warnedOfRoom;
    private String warnedOfStopped = "";
    private long lookedForStopped;

    WriteProbe(PostgresServer server, Clock clock, Runnable wake) {
        this.server = server;
        this.clock = clock;
        this.wake = wake;
        this.thread = Thread.ofPlatform().daemon().name("write-probe").unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    /**
     * What the heartbeat sees, and so whether there is anything to probe: a server that runs and is, as far as is known, a
     * primary, while nothing is being done to it.
     */
    synchronized void seen(LocalPostgres postgres, boolean leading, boolean busy, Settings settings) {
        boolean wanted = leading
                && !busy
                && !settings.paused()
                && postgres.process() == LocalPostgres.Process.RUNNING
                && !postgres.isReplica();
        if (!wanted && watching) {
            forget();
        }
        interval = settings.loopWait().compareTo(SHORTEST_INTERVAL) > 0 ? settings.loopWait() : SHORTEST_INTERVAL;
        patience = settings.retryTimeout().compareTo(LONGEST_ANSWER) < 0 ? settings.retryTimeout() : LONGEST_ANSWER;
        if (wanted && !watching) {
            watching = true;
            notifyAll();
        }
        watching = wanted;
    }

    private void forget() {
        failingSince = OptionalLong.empty();
        failures = 0;
        problem = "";
    }

    /** What is known now. An attempt that does not even come back counts like those that did so without success. */
    synchronized WritePath state() {
        long now = clock.nanos();
        if (watching && attemptSince.isPresent()) {
            long hanging = (now - attemptSince.getAsLong()) / (2 * patience.toNanos());
            if (hanging > 0) {
                return new WritePath(
                        failingSince.isPresent() ? failingSince : attemptSince,
                        failures + (int) Math.min(hanging, 1000),
                        problem.isEmpty() ? "not even the question comes back" : problem,
                        room,
                        false);
            }
        }
        return new WritePath(failingSince, failures, problem, room, false);
    }

    private void run() {
        try {
            while (true) {
                Duration timeout;
                boolean probe;
                long began;
                synchronized (this) {
                    if (closed) {
                        return;
                    }
                    probe = watching;
                    timeout = patience;
                    began = clock.nanos();
                    attemptSince = OptionalLong.of(began);
                }
                if (probe) {
                    attempt(timeout, began);
                } else {
                    server.writeCheck().forget();
                }
                lookAround();
                synchronized (this) {
                    attemptSince = OptionalLong.empty();
                    long until = began + interval.toNanos();
                    boolean was = watching;
                    for (long left = until - clock.nanos(); left > 0 && !closed; left = until - clock.nanos()) {
                        wait(left / 1_000_000 + 1);
                        if (watching && !was) {
                            break;
                        }
                    }
                }
            }
        } catch (InterruptedException e) {
            // Only close() interrupts: nothing is left to do.
            Thread.currentThread().interrupt();
        }
    }

    private void attempt(Duration timeout, long began) {
        try {
            if (server.writeCheck().run(timeout) == WriteCheck.Finding.WRITES) {
                note(Meaning.PROOF, "", began);
            } else {
                note(Meaning.NEITHER, "", began);
            }
        } catch (IOException e) {
            note(Meaning.FAILURE, e.getMessage() + server.stoppedProcesses(), began);
        } catch (SQLException e) {
            Meaning meaning = meaning(e.getSQLState());
            String stopped = meaning == Meaning.FAILURE ? server.stoppedProcesses() : "";
            note(meaning, e.getMessage() + stopped, began);
        }
    }

    /** @param sqlState null: no answer at all */
    static Meaning meaning(String sqlState) {
        if (sqlState == null || sqlState.startsWith("08")) {
            return Meaning.FAILURE;
        }
        // Full or broken disk, or the client's own deadline for the statement.
        boolean cannotWrite = sqlState.startsWith("58")
                || sqlState.equals("53100")
                || sqlState.startsWith("XX")
                || sqlState.equals("57014");
        return cannotWrite ? Meaning.FAILURE : Meaning.NEITHER;
    }

    private synchronized void note(Meaning meaning, String what, long began) {
        if (!watching) {
            return;
        }
        switch (meaning) {
            case PROOF -> {
                if (failures > 0) {
                    LOG.info("PostgreSQL writes again");
                }
                forget();
            }
            case FAILURE -> {
                failures++;
                if (failingSince.isEmpty()) {
                    failingSince = OptionalLong.of(began);
                }
                problem = what;
                LOG.warn("PostgreSQL did not show that it can write: {}", what);
                wake.run();
            }
            case NEITHER -> {
                if (!what.isEmpty()) {
                    LOG.debug("The write probe was answered: {}", what);
                } else if (failures > 0) {
                    // It answers again, but has not written yet: the next attempt will.
                    LOG.debug("PostgreSQL answers again");
                }
            }
        }
    }

    private void lookAround() {
        OptionalLong free = server.freeBytes();
        synchronized (this) {
            room = free;
        }
        boolean tight = free.isPresent() && free.getAsLong() < WritePath.LEAST_ROOM;
        if (tight && !warnedOfRoom) {
            LOG.warn(
                    "Only {} MB are free on the volume of the data directory or its WAL: PostgreSQL will stop when it is"
                            + " full, and this member does not stand for leader. Free or add space",
                    free.getAsLong() >> 20);
        } else if (!tight && warnedOfRoom) {
            LOG.info("There is room on the volume of the data directory again");
        }
        warnedOfRoom = tight;
        long now = clock.nanos();
        if (now - lookedForStopped >= LOOK_FOR_STOPPED_NANOS || lookedForStopped == 0) {
            lookedForStopped = now;
            String stopped = server.stoppedProcesses();
            if (!stopped.isEmpty() && !stopped.equals(warnedOfStopped)) {
                LOG.warn("PostgreSQL runs{}. If nobody did so on purpose: kill -CONT", stopped);
            }
            warnedOfStopped = stopped;
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        thread.interrupt();
    }
}
