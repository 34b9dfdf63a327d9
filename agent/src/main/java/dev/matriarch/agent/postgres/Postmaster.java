package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.postgres.linux.LinuxProcess;
import dev.matriarch.agent.postgres.linux.Pidfd;
import dev.matriarch.agent.postgres.linux.Signal;
import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The postmaster process of the data directory, whether this agent or an earlier one started it. */
final class Postmaster {
    private static final Logger log = LoggerFactory.getLogger(Postmaster.class);
    private static final int POLL_MILLIS = 20;
    /** Exit code of the launcher when it came too late. */
    private static final int TOO_LATE = 75;

    /**
     * Looks at the clock and becomes the server. The agent may have been paused between deciding and forking: a
     * primary must not appear after its lease.
     */
    private static final String LAUNCHER = "deadline=$1; shift; read -r now rest </proc/uptime || exit " + TOO_LATE
            + "; now=$((10#${now/./})); [ \"$now\" -lt \"$deadline\" ] || exit " + TOO_LATE + "; exec \"$@\"";

    private final PostgresConfig config;
    private final Binaries binaries;
    private final DataDirectory data;
    private final ControlData controlData;
    private final ConfigurationFiles files;
    private final Path stateDir;
    private volatile Process child;
    private volatile LinuxProcess known;

    Postmaster(
            PostgresConfig config,
            Binaries binaries,
            DataDirectory data,
            ControlData controlData,
            ConfigurationFiles files,
            Path stateDir) {
        this.config = config;
        this.binaries = binaries;
        this.data = data;
        this.controlData = controlData;
        this.files = files;
        this.stateDir = stateDir;
    }

    /** The living postmaster; empty if the pid file is left over, its process a zombie, or the pid reused. */
    Optional<LinuxProcess> current() {
        Optional<LinuxProcess> named = pidFile()
                .flatMap(lines -> parsePid(lines.getFirst()))
                .flatMap(LinuxProcess::find)
                .filter(this::worksHere);
        if (named.isPresent()) {
            known = named.get();
            return named;
        }
        // Ours, before it has written the pid file.
        Process started = child;
        Optional<LinuxProcess> unnamed = started != null && started.isAlive()
                ? LinuxProcess.find(started.pid())
                        .filter(p -> isServer(p.executableName().orElse("")))
                : Optional.empty();
        // Or its data directory was removed under it: it writes until it notices.
        return unnamed.or(this::known);
    }

    /** The postmaster that was last seen here, if it still lives. Reads the process table, no disk. */
    Optional<LinuxProcess> known() {
        LinuxProcess last = known;
        return last != null && last.isAlive() ? Optional.of(last) : Optional.empty();
    }

    /** @param what would be done with the data directory, as a participle */
    void requireStopped(String what) throws PostgresException {
        Optional<LinuxProcess> running = current();
        if (running.isPresent()) {
            throw new PostgresException("The data directory " + config.dataDir() + " was not " + what
                    + ": a postmaster runs on it (pid " + running.get().pid() + "). Stop it first.");
        }
    }

    /** Last line of postmaster.pid: {@code starting}, {@code stopping}, {@code ready}, {@code standby}; else empty. */
    String statusLine() {
        return pidFile()
                .filter(lines -> lines.size() >= 8)
                .map(lines -> lines.get(7).strip())
                .orElse("");
    }

    /** Waits until the server that was just started begins to work; false: it ended before. */
    boolean hasReadItsFiles(Deadline deadline) throws PostgresException {
        while (current().isPresent()) {
            if (!statusLine().isEmpty() || deadline.passed()) {
                return true;
            }
            deadline.pause(5);
        }
        return false;
    }

    boolean hasUserBackends() {
        return current().stream()
                .flatMap(p -> p.children().stream())
                .map(p -> String.join(" ", p.commandLine()))
                .anyMatch(BackendTitle::mayBeAUsers);
    }

    private boolean isServer(String executable) {
        return binaries.isOneOf(executable, Set.of("postgres"));
    }

    private boolean worksHere(LinuxProcess process) {
        if (!isServer(process.executableName().orElse("postgres"))) {
            return false;
        }
        Optional<Path> directory = process.workingDirectory();
        if (directory.isEmpty()) {
            // Another user's: the server's own lock has the last word.
            return process.commandLine().stream().findFirst().orElse("").endsWith("postgres");
        }
        try {
            return directory.get().equals(data.path().toRealPath());
        } catch (IOException e) {
            return false;
        }
    }

    private Optional<List<String>> pidFile() {
        try {
            List<String> lines = Files.readAllLines(data.path().resolve("postmaster.pid"));
            return lines.isEmpty() ? Optional.empty() : Optional.of(lines);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Optional<Long> parsePid(String text) {
        try {
            long pid = Long.parseLong(text.strip());
            // Negative: a stand-alone backend, not a postmaster.
            return pid > 0 ? Optional.of(pid) : Optional.empty();
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
    }

    /** @param notAfter hundredths of a second of /proc/uptime after which nothing may be started */
    Startup start(OptionalLong notAfter, Deadline deadline) throws PostgresException {
        DataDirectory.Condition condition = data.condition();
        if (!condition.problem().isEmpty()) {
            throw new PostgresException("PostgreSQL was not started. " + condition.problem());
        }
        return start(notAfter, Map.of(), deadline);
    }

    /** Starts a server on a data directory that is not complete before it has run, with settings for this time only. */
    Startup startUnfinished(OptionalLong notAfter, Map<String, String> settings, Deadline deadline)
            throws PostgresException {
        return start(notAfter, settings, deadline);
    }

    private Startup start(OptionalLong notAfter, Map<String, String> settings, Deadline deadline)
            throws PostgresException {
        Optional<LinuxProcess> running = current();
        if (running.isPresent()) {
            throw new PostgresException("PostgreSQL was not started: it runs already on " + data.path() + " (pid "
                    + running.get().pid() + ").");
        }
        endOrphans(deadline);
        requireFreePort();
        ProcessBuilder builder = new ProcessBuilder(command(notAfter, settings, deadline))
                .redirectInput(new File("/dev/null"))
                .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .directory(data.path().toFile());
        ChildEnvironment.scrubForPostgres(builder.environment());
        // Named in primary_conninfo if the key has a password.
        builder.environment()
                .put("PGSERVICEFILE", ServiceFile.beside(config.pgpass()).toString());
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new PostgresException("PostgreSQL cannot be started: " + e.getMessage(), e);
        }
        child = process;
        while (process.isAlive()) {
            if (pidFile()
                    .flatMap(lines -> parsePid(lines.getFirst()))
                    .filter(pid -> pid == process.pid())
                    .isPresent()) {
                return new Startup(process.pid());
            }
            if (deadline.passed()) {
                throw new PostgresException("PostgreSQL (pid " + process.pid()
                        + ") was started but did not write its pid file in time; it is still running.");
            }
            deadline.pause(5);
        }
        if (process.exitValue() == TOO_LATE) {
            throw new PostgresException(
                    "PostgreSQL was not started as primary: the moment up to which this was" + " allowed had passed.");
        }
        throw new EndedAtOnceException("PostgreSQL ended at once with exit code " + process.exitValue()
                + ". Its log says why (standard error of the agent, or log_directory).");
    }

    private List<String> command(OptionalLong notAfter, Map<String, String> settings, Deadline deadline)
            throws PostgresException {
        List<String> command = new ArrayList<>(List.of("setsid"));
        if (notAfter.isPresent()) {
            command.addAll(List.of("bash", "-c", LAUNCHER, "matriarch-launcher", Long.toString(notAfter.getAsLong())));
        }
        command.addAll(List.of(
                binaries.path("postgres"),
                "-D",
                data.path().toString(),
                ConfigPlaces.of(config).option()));
        boolean recovers = files.isStandby() || !settings.isEmpty();
        Optional<ControlData.Content> control = recovers ? controlData.read(deadline) : Optional.empty();
        Map<String, String> all = new LinkedHashMap<>(files.controlled());
        all.putAll(settings);
        for (Map.Entry<String, String> entry : all.entrySet()) {
            command.add("--" + entry.getKey() + "=" + notBelow(control, entry.getKey(), entry.getValue()));
        }
        return command;
    }

    /** A hot standby refuses to run with less than its primary had. */
    private static String notBelow(Optional<ControlData.Content> control, String name, String value) {
        String stored = ConfigurationFiles.NOT_BELOW_PRIMARY.get(name);
        if (stored == null || control.isEmpty()) {
            return value;
        }
        try {
            int wanted = Integer.parseInt(value.strip());
            int least = control.get().setting(stored).orElse(wanted);
            if (wanted < least) {
                log.info("Starting with {} = {}, as the primary had it, instead of {}", name, least, wanted);
                return Integer.toString(least);
            }
        } catch (NumberFormatException e) {
            log.debug("{} = {} is not a number", name, value);
        }
        return value;
    }

    /** Backends that survived their postmaster would keep the next one from starting. */
    private void endOrphans(Deadline deadline) throws PostgresException {
        for (int round = 0; ; round++) {
            List<Long> orphans = processesHere();
            if (orphans.isEmpty()) {
                return;
            }
            if (deadline.passed()) {
                throw new PostgresException("PostgreSQL was not started: processes of its predecessor do not end: "
                        + orphans + ". They may hang in disk access.");
            }
            // They notice the postmaster's death by themselves when they wait for something.
            if (round == 5) {
                signal(Signal.KILL, orphans);
            }
            deadline.pause(POLL_MILLIS);
        }
    }

    private List<Long> processesHere() throws PostgresException {
        Path real;
        try {
            real = data.path().toRealPath();
        } catch (IOException e) {
            throw new PostgresException("The data directory " + data.path() + " cannot be read: " + e, e);
        }
        return LinuxProcess.all().stream()
                .filter(p -> p.executableName().filter(this::isServer).isPresent()
                        && p.workingDirectory().filter(real::equals).isPresent())
                .map(LinuxProcess::pid)
                .toList();
    }

    private void requireFreePort() throws PostgresException {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(config.localHost(), config.port()), 300);
        } catch (IOException e) {
            return;
        }
        throw new PostgresException("PostgreSQL was not started: another program listens on " + config.localHost() + ":"
                + config.port() + ", which postgresql.listen names. Stop that program or choose another port.");
    }

    void stop(StopMode mode, Deadline deadline) throws PostgresException {
        Optional<LinuxProcess> running = current();
        if (running.isEmpty()) {
            return;
        }
        signal(
                mode == StopMode.FAST ? Signal.INT : Signal.QUIT,
                List.of(running.get().pid()));
        while (running.get().isAlive()) {
            if (deadline.passed()) {
                throw new PostgresException(
                        "PostgreSQL (pid " + running.get().pid() + ") did not stop in time; it is still stopping.");
            }
            deadline.pause(POLL_MILLIS);
        }
    }

    void kill(Deadline deadline) throws PostgresException {
        Optional<LinuxProcess> running = current();
        List<LinuxProcess> doomed = new ArrayList<>();
        if (running.isPresent()) {
            // Stopped first, so that it forks no more and writes nothing to its clients.
            signal(Signal.STOP, List.of(running.get().pid()));
            doomed.addAll(running.get().children());
            doomed.add(running.get());
        }
        try {
            processesHere()
                    .forEach(pid -> LinuxProcess.find(pid)
                            .filter(p -> !doomed.contains(p))
                            .ifPresent(doomed::add));
        } catch (PostgresException e) {
            log.debug("No data directory to look for more processes", e);
        }
        signal(Signal.KILL, doomed.stream().map(LinuxProcess::pid).toList());
        for (LinuxProcess process : doomed) {
            while (process.isAlive()) {
                if (deadline.passed()) {
                    throw new PostgresException("Process " + process.pid() + " of PostgreSQL does not end although it"
                            + " was killed. It probably hangs in disk access.");
                }
                deadline.pause(POLL_MILLIS);
            }
        }
    }

    void reload() throws PostgresException {
        Optional<LinuxProcess> running = current();
        if (running.isPresent()) {
            signal(Signal.HUP, List.of(running.get().pid()));
        }
    }

    boolean onExit(Runnable action) {
        Optional<LinuxProcess> running = current();
        if (running.isEmpty()) {
            return false;
        }
        Process started = child;
        if (started != null && started.pid() == running.get().pid()) {
            started.onExit().thenRun(action);
        } else {
            Pidfd.watch(running.get(), stateDir, action);
        }
        return true;
    }

    private static void signal(Signal signal, List<Long> pids) throws PostgresException {
        try {
            signal.send(pids);
        } catch (IOException e) {
            throw new PostgresException("Signal " + signal + " cannot be sent to PostgreSQL: " + e.getMessage(), e);
        }
    }
}
