package dev.matriarch.agent.postgres;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether a standby still goes by what was written for it: whom it follows and how far is the agent's to say. What somebody
 * changed with ALTER SYSTEM, in an editor or on the command line is put back, by a reload where that is enough. Looked into
 * only when a file or the postmaster is another one than at the last look. One thread.
 */
final class RecoveryDrift {
    private static final Logger log = LoggerFactory.getLogger(RecoveryDrift.class);

    /** The server reads its files some moments after it was told to. */
    private static final Duration TAKEN_UP = Duration.ofSeconds(1);

    /** The server and its files. */
    interface Server {
        /** Another one whenever a file or the postmaster changes. */
        String fingerprint() throws PostgresException;

        /** Names of files, and of settings in postgresql.auto.conf, that are not as they were written. */
        List<String> changedFiles() throws PostgresException;

        /** Names of settings that the running server has from elsewhere than the file, or did not take up. */
        List<String> foreignSettings() throws PostgresException;

        void rewrite() throws PostgresException;

        void reload() throws PostgresException;
    }

    /**
     * @param again something was done, or is on its way: look again soon
     * @param restart why nothing less than a restart helps
     */
    record Finding(boolean again, Optional<String> restart) {
        static final Finding NONE = new Finding(false, Optional.empty());
        static final Finding SOON = new Finding(true, Optional.empty());
    }

    private final Server server;
    private final LongSupplier nanos;
    private String right = "";
    private Optional<Long> reloadedAt = Optional.empty();
    private String askedFor = "";

    /** @param nanos the monotonic clock */
    RecoveryDrift(Server server, LongSupplier nanos) {
        this.server = server;
        this.nanos = nanos;
    }

    Finding look() throws PostgresException {
        String now = server.fingerprint();
        if (now.equals(right)) {
            return Finding.NONE;
        }
        List<String> files = server.changedFiles();
        if (!files.isEmpty()) {
            log.warn(
                    "Settings of recovery were changed by somebody else and are put back: {}. Change them with"
                            + " matriarchctl edit-config, or in the agent's file",
                    String.join(", ", new TreeSet<>(files)));
            server.rewrite();
            return reload();
        }
        List<String> settings = server.foreignSettings();
        if (settings.isEmpty()) {
            right = now;
            reloadedAt = Optional.empty();
            askedFor = "";
            return Finding.NONE;
        }
        String named = String.join(", ", new TreeSet<>(new ArrayList<>(settings)));
        if (reloadedAt.isEmpty()) {
            log.warn("PostgreSQL does not go by what is written for it: {}. It is told to read its files", named);
            return reload();
        }
        if (nanos.getAsLong() - reloadedAt.get() < TAKEN_UP.toNanos()) {
            return Finding.SOON;
        }
        reloadedAt = Optional.empty();
        if (askedFor.equals(named)) {
            log.error("PostgreSQL does not go by what is written for it even after a restart: {}", named);
            // Nothing more can be done until something changes.
            right = now;
            askedFor = "";
            return Finding.NONE;
        }
        askedFor = named;
        return new Finding(true, Optional.of("settings of recovery that need a restart were changed: " + named));
    }

    private Finding reload() throws PostgresException {
        server.reload();
        reloadedAt = Optional.of(nanos.getAsLong());
        return Finding.SOON;
    }
}
