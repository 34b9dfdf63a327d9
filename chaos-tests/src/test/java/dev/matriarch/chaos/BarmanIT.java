package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * docs/backups.md, block by block as it stands there, with Barman itself: only hosts, passwords and directories are put in. SSH
 * is replaced by a script that runs the command here.
 */
class BarmanIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final Path PROGRAM = Path.of("/usr/bin/barman");

    private Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Path home;
    private Path bin;

    @AfterEach
    void stop() {
        if (cluster != null) {
            endReceiver();
            cluster.close();
        }
    }

    @Test
    void barmanGoesOnAfterTheLeadersDeathAndAMemberIsMadeFromItsBackup() throws Exception {
        Assumptions.assumeTrue(Files.isExecutable(PROGRAM), "barman is not installed");
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 3);
        Node leader = cluster.awaitWhole(WHOLE);
        prepare(leader);
        cluster.ctl(
                        "edit-config",
                        "-p",
                        "wal_keep_size=16MB",
                        "-s",
                        option("matriarchctl edit-config -s '(.*)' "),
                        "--force")
                .expectSuccess();
        for (Node node : cluster.nodes()) {
            edit(node, "  pg_hba:\n", "  pg_hba:\n    - host replication barman 127.0.0.0/8 scram-sha-256\n");
            cluster.ctl("reload", "demo", node.name(), "--force").expectSuccess();
        }
        execute(leader, block("sql"));
        Await.until("Barman is let in, and every member has its slot", WHOLE, () -> {
            barman("cron");
            return barman("check main").exitCode() == 0 || onlyWaitsForWal();
        });
        barman("switch-wal --archive main").expectSuccess();
        Await.until("Barman is content", WHOLE, () -> barman("check main").exitCode() == 0);
        barman("backup --wait main").expectSuccess();
        execute(leader, "CREATE TABLE kept AS SELECT 1 AS x");
        for (Node node : cluster.othersThan(leader)) {
            Await.until(
                    node + " has the slot",
                    WHOLE,
                    () -> ask(node, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'barman'")
                            .equals("1"));
        }

        Faults.AGENT_AND_POSTMASTER.strike(leader);
        Node next = cluster.awaitPrimaryOtherThan(
                leader, Cluster.Profile.APPLIANCE.ttl().plusSeconds(20));
        // The lock comes first, the promotion a moment later.
        Await.until(
                "it takes writes",
                SOON,
                () -> ask(next, "SELECT pg_is_in_recovery()").equals("f"));
        Await.until("the receiver notices", SOON, () -> receivers().isEmpty());
        // What Barman has not seen is kept for it, though nobody else needs it.
        for (int i = 0; i < 3; i++) {
            execute(next, "INSERT INTO kept VALUES (" + i + ")");
            execute(next, "SELECT pg_switch_wal()");
            execute(next, "CHECKPOINT");
        }
        Await.until("Barman is content with the new leader", WHOLE, () -> {
            barman("cron");
            return barman("check main").exitCode() == 0;
        });
        barman("switch-wal --archive main").expectSuccess();
        List<String> archived = barman("list-files main latest --target wal")
                .expectSuccess()
                .output()
                .lines()
                .filter(l -> l.matches(".*/[0-9A-F]{24}"))
                .map(l -> l.substring(l.length() - 16))
                .sorted()
                .distinct()
                .toList();
        for (int i = 1; i < archived.size(); i++) {
            assertEquals(segment(archived.get(i - 1)) + 1, segment(archived.get(i)), "no gap in " + archived);
        }

        edit(leader, "\npostgresql:\n", "\n" + methods(leader));
        edit(leader, "  parameters:\n    unix", "  parameters:\n    " + restoreCommand() + "\n    unix");
        leader.startAgent(Map.of("PATH", bin + ":" + System.getenv("PATH")));
        cluster.awaitWhole(WHOLE);
        cluster.ctl("reinit", leader.name(), "--force", "--wait").expectSuccess();
        assertEquals(next, cluster.awaitWhole(WHOLE));
        assertLogged(leader, "replica has been created using barman");
        assertLogged(leader, "restored log file \"00000002");
        assertEquals("4", ask(leader, "SELECT count(*) FROM kept"));
    }

    private static long segment(String name) {
        return Long.parseLong(name.substring(0, 8), 16) * 256 + Long.parseLong(name.substring(8), 16);
    }

    /** The very first check fails for want of any WAL. */
    private boolean onlyWaitsForWal() {
        List<String> failed = barman("check main")
                .output()
                .lines()
                .filter(l -> l.contains("FAILED"))
                .toList();
        return failed.size() == 1 && failed.getFirst().contains("WAL archive");
    }

    // --- the page ---

    private static String page() throws IOException {
        return Files.readString(Cluster.top().resolve("docs/backups.md"));
    }

    private static String block(String language) throws IOException {
        return first("(?s)```" + language + "\n(.*?)```", page());
    }

    private static String option(String pattern) throws IOException {
        return first(pattern, block("sh"));
    }

    private static String first(String pattern, String text) {
        Matcher found = Pattern.compile(pattern).matcher(text);
        assertTrue(found.find(), pattern + " in\n" + text);
        return found.group(1);
    }

    private String methods(Node node) throws IOException {
        String yaml = block("yaml");
        return replaced(
                yaml.substring(0, yaml.indexOf("  parameters:")),
                Map.of(
                        "/var/lib/postgresql/data",
                        node.dataDirectory().toString(),
                        "postgres@pg1",
                        "postgres@" + node));
    }

    private static String restoreCommand() throws IOException {
        return first("\n    (restore_command: .*)", block("yaml"));
    }

    private static String replaced(String text, Map<String, String> replacements) {
        String result = text;
        for (var replacement : replacements.entrySet()) {
            assertTrue(result.contains(replacement.getKey()), replacement.getKey() + " in\n" + text);
            result = result.replace(replacement.getKey(), replacement.getValue());
        }
        return result;
    }

    // --- Barman ---

    private void prepare(Node any) throws IOException {
        home = Files.createDirectory(cluster.directory().resolve("barman"));
        bin = Files.createDirectory(home.resolve("bin"));
        Files.createDirectory(home.resolve("home"));
        Files.createDirectory(home.resolve("conf.d"));
        Object user = Files.getOwner(any.home()).getName();
        Files.writeString(home.resolve("barman.conf"), """
                [barman]
                barman_home = %1$s/home
                barman_user = %2$s
                log_file = %1$s/barman.log
                configuration_files_directory = %1$s/conf.d
                """.formatted(home, user));
        String hosts = cluster.nodes().stream().map(Node::host).collect(Collectors.joining(","));
        Files.writeString(
                home.resolve("conf.d/main.conf"),
                replaced(
                        block("ini"),
                        Map.of(
                                "host=pg1,pg2,pg3 port=5432",
                                "host=" + hosts + " port=" + any.port() + " passfile=" + home.resolve("pgpass"),
                                "/usr/lib/postgresql/15/bin",
                                binDir(any))));
        Files.writeString(home.resolve("pgpass"), "*:*:*:barman:change-me\n");
        script("barman", "exec " + PROGRAM + " -c " + home.resolve("barman.conf") + " \"$@\"\n");
        script(
                "ssh",
                "while [[ ${1:-} == -* ]]; do case $1 in -o | -p | -l | -i) shift 2 ;; *) shift ;; esac; done\nshift\n"
                        + "exec sh -c \"$*\"\n");
        Files.setPosixFilePermissions(home.resolve("pgpass"), PosixFilePermissions.fromString("rw-------"));
        Object uid = Files.getAttribute(any.home(), "unix:uid");
        Object gid = Files.getAttribute(any.home(), "unix:gid");
        Commands.run(SOON, "chown", "-R", uid + ":" + gid, home.toString()).expectSuccess();
    }

    private void script(String name, String text) throws IOException {
        Path file = Files.writeString(bin.resolve(name), "#!/bin/bash\n" + text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** As the servers' user, whom the folder belongs to. */
    private Commands.Result barman(String arguments) {
        try {
            List<String> command = new ArrayList<>();
            if (Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0)) {
                command.addAll(List.of(
                        "setpriv",
                        "--reuid=" + Files.getAttribute(home, "unix:uid"),
                        "--regid=" + Files.getAttribute(home, "unix:gid"),
                        "--clear-groups"));
            }
            command.add(bin.resolve("barman").toString());
            command.addAll(List.of(arguments.split(" ")));
            return Commands.run(WHOLE, Map.of("HOME", home.toString()), command);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private List<Processes.Found> receivers() {
        return Processes.mentioning(home + "/").stream()
                .filter(p -> p.arguments().getFirst().endsWith("pg_receivewal"))
                .toList();
    }

    /** Both the program and what watches over it. */
    private void endReceiver() {
        if (home != null) {
            Processes.signal(
                    "TERM",
                    Processes.mentioning(home + "/").stream()
                            .map(Processes.Found::pid)
                            .toList());
            Await.until("Barman's receiver ends", SOON, () -> receivers().isEmpty());
        }
    }

    // --- small parts ---

    private static String binDir(Node node) throws IOException {
        return first("(?m)^ *bin_dir: *(.*)$", Files.readString(node.config()));
    }

    /** Keeps owner and mode of the file. */
    private static void edit(Node node, String before, String after) throws IOException {
        String text = Files.readString(node.config());
        assertTrue(text.contains(before), text);
        assertFalse(after.isEmpty());
        Files.writeString(node.config(), text.replaceFirst(Pattern.quote(before), Matcher.quoteReplacement(after)));
    }

    private String ask(Node node, String sql) {
        try (Connection connection = cluster.connect(node)) {
            return Cluster.query(connection, sql);
        } catch (SQLException notNow) {
            return "";
        }
    }

    private void execute(Node node, String sql) throws SQLException {
        try (Connection connection = cluster.connect(node);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static void assertLogged(Node node, String text) throws IOException {
        String log = Files.readString(node.home().resolve("agent.log"));
        assertTrue(log.contains(text), "the log of " + node + " does not say: " + text);
    }
}
