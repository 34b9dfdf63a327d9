package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.config.PostgresConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import org.postgresql.util.PasswordUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A first data directory that the operator's own command makes, usually out of a backup, and that is then recovered up to
 * its target.
 *
 * <p>Until it is promoted nothing is archived: the archive may be that of the cluster it comes from. What is archived later
 * includes everything since the promotion. Nobody but the roles that came with the data can connect meanwhile.
 */
final class CustomBootstrap {
    private static final Logger log = LoggerFactory.getLogger(CustomBootstrap.class);
    private static final int POLL_MILLIS = 100;
    private static final Duration OPEN_FOR_READING = Duration.ofSeconds(60);
    private static final Duration STOP = Duration.ofMinutes(10);
    private static final int ARCHIVE_LIBRARY = 15;

    private final PostgresConfig config;
    private final String scope;
    private final Binaries binaries;
    private final DataDirectory data;
    private final ConfigurationFiles files;
    private final LibpqAccess libpq;
    private final Postmaster postmaster;
    private final ControlData control;
    private final OperatorCommand command;

    CustomBootstrap(
            PostgresConfig config,
            String scope,
            Binaries binaries,
            DataDirectory data,
            ConfigurationFiles files,
            LibpqAccess libpq,
            Postmaster postmaster,
            ControlData control,
            OperatorCommand command) {
        this.config = config;
        this.scope = scope;
        this.binaries = binaries;
        this.data = data;
        this.files = files;
        this.libpq = libpq;
        this.postmaster = postmaster;
        this.control = control;
        this.command = command;
    }

    /**
     * Leaves a data directory that was promoted and shut down.
     *
     * @param notAfter asked just before the server starts: hundredths of a second of uptime
     */
    void run(BootstrapConfig.Method method, Map<String, String> parameters, LongSupplier notAfter, Deadline deadline)
            throws PostgresException {
        data.requireEmpty("custom bootstrap");
        data.markUnfinished("creating the cluster with " + method.name());
        try {
            libpq.writePassfile();
        } catch (IOException e) {
            throw new PostgresException("The password file " + config.pgpass() + " cannot be written: " + e, e);
        }
        Child.Result result = command.run(method.name(), words(method), config.pgpass(), "", deadline, line -> {});
        if (result.exitCode() != 0) {
            throw new PostgresException("the bootstrap method " + method.name() + " ended with exit code "
                    + result.exitCode() + ": " + result.lastLines());
        }
        if (!Files.exists(data.path().resolve("PG_VERSION"))) {
            throw new PostgresException("the bootstrap method " + method.name() + " ended with exit code 0, but "
                    + data.path() + " holds no PostgreSQL data directory");
        }
        String defect = data.defect();
        if (!defect.isEmpty()) {
            throw new PostgresException(defect);
        }
        recover(method, parameters, notAfter, deadline);
        files.removeRecovery();
        setSuperuserPassword(deadline);
        data.markFinished();
    }

    private List<String> words(BootstrapConfig.Method method) {
        List<String> words = new ArrayList<>(method.command());
        if (!method.noParams()) {
            words.add("--scope=" + scope);
            words.add("--datadir=" + data.path());
            words.addAll(method.arguments());
        }
        return words;
    }

    private void recover(
            BootstrapConfig.Method method, Map<String, String> parameters, LongSupplier notAfter, Deadline deadline)
            throws PostgresException {
        ConfigBackups.restore(ConfigPlaces.of(config));
        files.writeForRecovery(parameters, method.recoveryConf(), method.keepRecoveryConf());
        log.info("starting after custom bootstrap");
        postmaster.startUnfinished(
                OptionalLong.of(notAfter.getAsLong()), settings(method), Deadline.in(config.startStopTimeout()));
        awaitPromotion(method, deadline);
        log.info("The recovery has ended and the server was promoted; it is started again with its own settings");
        postmaster.stop(StopMode.FAST, Deadline.in(STOP));
        String state = control.read(Deadline.in(Duration.ofSeconds(10)))
                .map(c -> c.control().state())
                .orElse("unknown");
        if (!state.equals("shut down")) {
            throw new PostgresException("after its recovery the new server is in the state '" + state + "'");
        }
    }

    private Map<String, String> settings(BootstrapConfig.Method method) {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("archive_command", "false");
        if (binaries.major() >= ARCHIVE_LIBRARY) {
            settings.put("archive_library", "");
        }
        boolean promotes = method.keepRecoveryConf()
                || method.recoveryConf()
                        .getOrDefault("recovery_target_action", "")
                        .equalsIgnoreCase("promote");
        if (promotes) {
            // Parameters lower than those of the server that wrote the WAL would stop a hot standby.
            settings.put("hot_standby", "off");
        }
        return settings;
    }

    private void awaitPromotion(BootstrapConfig.Method method, Deadline deadline) throws PostgresException {
        log.info("waiting for end of recovery after bootstrap");
        Deadline patient = Deadline.in(OPEN_FOR_READING);
        boolean said = false;
        while (!deadline.passed()) {
            if (postmaster.current().isEmpty()) {
                throw new PostgresException("PostgreSQL ended while it recovered what " + method.name()
                        + " had restored. Its log says why; a recovery target that cannot be reached is one reason");
            }
            String status = postmaster.statusLine();
            if (status.equals("ready")) {
                return;
            }
            if (!said && status.equals("standby") && patient.passed()) {
                said = true;
                log.warn(
                        "The new server is still in recovery. If it has stopped at its target, 'recovery_target_action:"
                                + " promote' would have ended that; SELECT pg_wal_replay_resume() does it now.");
            }
            deadline.pause(POLL_MILLIS);
        }
        throw new PostgresException("the recovery after the bootstrap did not end in time");
    }

    /** The password that came with the data may be another. Set while nobody can connect; only its hash is sent. */
    private void setSuperuserPassword(Deadline deadline) throws PostgresException {
        Optional<String> password = config.superuser().password();
        if (password.isEmpty()) {
            return;
        }
        String user = config.superuser().username();
        String hash;
        try {
            hash = PasswordUtil.encodePassword(user, password.get().toCharArray(), "scram-sha-256");
        } catch (SQLException e) {
            throw new PostgresException("the password of " + user + " cannot be hashed: " + e.getMessage(), e);
        }
        String sql = "DO $matriarch$ BEGIN"
                + " IF EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = " + literal(user) + ") THEN"
                + " ALTER ROLE " + Roles.identifier(user) + " WITH SUPERUSER LOGIN PASSWORD " + literal(hash) + ";"
                + " ELSE CREATE ROLE " + Roles.identifier(user) + " WITH SUPERUSER LOGIN PASSWORD " + literal(hash)
                + "; END IF; END $matriarch$;\n";
        if (user.contains("$matriarch$")) {
            throw new PostgresException("the superuser's name " + user + " cannot be used");
        }
        Child.Result result = Child.of(List.of(
                        binaries.path("postgres"),
                        "--single",
                        "-D",
                        data.path().toString(),
                        ConfigPlaces.of(config).option(),
                        "-c",
                        "logging_collector=off",
                        "-c",
                        "log_statement=none",
                        "-c",
                        "log_min_error_statement=panic",
                        "template1"))
                .input(sql.getBytes(StandardCharsets.UTF_8))
                .run(deadline);
        if (result.exitCode() != 0 || result.output().contains("ERROR:")) {
            throw new PostgresException(
                    "the password of " + user + " cannot be set in the new cluster: " + result.lastLines());
        }
    }

    private static String literal(String text) {
        return "'" + text.replace("'", "''") + "'";
    }
}
