package dev.matriarch.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.ConfigFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InvocationTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final List<Optional<Path>> started = new ArrayList<>();

    @TempDir
    private Path dir;

    private int run(Map<String, String> environment, String... arguments) {
        out.reset();
        err.reset();
        return Invocation.run(
                arguments,
                "1.2.3",
                environment,
                file -> {
                    started.add(file);
                    return 7;
                },
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    private int run(String... arguments) {
        return run(Map.of(), arguments);
    }

    private String minimal() {
        return """
                scope: demo
                name: n1
                restapi: {listen: '127.0.0.1:18008'}
                raft: {data_dir: %1$s/raft, self_addr: '127.0.0.1:12222', partner_addrs: ['127.0.0.2:12222']}
                postgresql:
                  listen: 127.0.0.1:15432
                  data_dir: %1$s/data
                  pgpass: %1$s/pgpass
                  authentication:
                    superuser: {username: postgres, password: top-secret-1}
                    replication: {username: replicator, password: top-secret-2}
                """.formatted(dir);
    }

    private String file(String yaml) throws IOException {
        return Files.writeString(dir.resolve("n1.yml"), yaml).toString();
    }

    @Test
    void helpAndVersion() {
        assertEquals(0, run("--version"));
        assertEquals("matriarch 1.2.3\n", out.toString());
        assertEquals(0, run("--help"));
        for (String option : List.of("--validate-config", "--generate-config", "--generate-sample-config", "--print")) {
            assertTrue(out.toString().contains(option), out::toString);
        }
    }

    @Test
    void wrongUsageIsSaidWithTheUsage() {
        assertEquals(2, run());
        assertTrue(err.toString().contains("there is no configuration"), err::toString);
        assertEquals(2, run("--nonsense"));
        assertEquals(2, run("--validate-config", "--generate-sample-config", "x"));
        assertEquals(2, run("--dsn", "host=x", "x.yml"));
        assertEquals(List.of(), started);
    }

    @Test
    void theAgentIsStartedWithAFileOrFromTheEnvironment() {
        assertEquals(7, run("x.yml"));
        assertEquals(7, run(Map.of("PATRONI_SCOPE", "x")));
        assertEquals(List.of(Optional.of(Path.of("x.yml")), Optional.empty()), started);
    }

    @Test
    void aGoodConfigurationIsValid() throws Exception {
        assertEquals(0, run("--validate-config", file(minimal())), err::toString);
        assertEquals("", out.toString() + err);
    }

    @Test
    void everyProblemIsOnALineOfItsOwn() throws Exception {
        Files.createDirectories(dir.resolve("data"));
        Files.writeString(dir.resolve("data/junk"), "");
        Files.createDirectories(dir.resolve("pgpass"));
        String yaml = minimal().replace("127.0.0.2:12222", "192.0.2.7:12222");
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            yaml = yaml.replace("127.0.0.1:15432", "127.0.0.1:" + taken.getLocalPort())
                    + "  bin_dir: /nowhere/bin\ncontrol: {listen: '192.0.2.1:18009'}\n";
            assertEquals(1, run("--validate-config", file(yaml)));
            List<String> lines = err.toString().lines().toList();
            assertEquals(8, lines.size(), err::toString);
            for (String part : List.of(
                    "control.listen: '192.0.2.1:18009' is no address of this host",
                    "Port " + taken.getLocalPort() + " is already in use.",
                    "restapi.connect_address: '127.0.0.1:18008' is reached on this host only",
                    "raft.self_addr: '127.0.0.1:12222' is reached on this host only",
                    "postgresql.bin_dir: '/nowhere/bin' cannot be used",
                    "has no PG_VERSION",
                    "pgpass: '" + dir + "/pgpass' is not a file")) {
                assertTrue(err.toString().contains(part), () -> part + " is not in: " + err);
            }
            run("--validate-config", "-i", file(yaml));
            assertFalse(err.toString().contains("already in use"), err::toString);
        }
    }

    @Test
    void aDataDirectoryOfAnotherVersionIsNamed() throws Exception {
        Files.createDirectories(dir.resolve("data/pg_wal"));
        Files.createDirectories(dir.resolve("data/global"));
        Files.writeString(dir.resolve("data/global/pg_control"), "");
        Files.writeString(dir.resolve("data/PG_VERSION"), "9.6\n");
        assertEquals(1, run("--validate-config", file(minimal())));
        assertTrue(err.toString().contains("was made by PostgreSQL 9.6, but the programs in"), err::toString);
        assertEquals(1, err.toString().lines().count(), err::toString);
    }

    @Test
    void anUnreadableOrWrongFileIsAProblem() throws Exception {
        assertEquals(1, run("--validate-config", dir + "/absent.yml"));
        assertTrue(err.toString().contains("does not exist"), err::toString);
        assertEquals(1, run("--validate-config", file("scope: [\n")));
        assertTrue(err.toString().contains("is not YAML"), err::toString);
    }

    @Test
    void whatIsPrintedIsMergedAndHoldsNoSecret() throws Exception {
        assertEquals(
                0,
                run(
                        Map.of(
                                "PATRONI_NAME",
                                "n9",
                                "PATRONI_RESTAPI_USERNAME",
                                "u",
                                "PATRONI_RESTAPI_PASSWORD",
                                "top-secret-3"),
                        "--validate-config",
                        "--print",
                        file(minimal())),
                err::toString);
        assertTrue(out.toString().contains("name: n9\n"), out::toString);
        assertFalse(out.toString().contains("top-secret"), out::toString);
        assertTrue(out.toString().contains("********"), out::toString);
    }

    @Test
    void theSampleStartsAnAgentOnceItIsFilledIn() throws Exception {
        assertEquals(0, run("--generate-sample-config"));
        String sample = out.toString();
        Path written = dir.resolve("deep/below/sample.yml");
        assertEquals(0, run("--generate-sample-config", written.toString()));
        assertEquals(sample, Files.readString(written));
        assertEquals(PosixFilePermissions.fromString("rw-------"), Files.getPosixFilePermissions(written));
        assertEquals(1, run("--generate-sample-config", written.toString()), "nothing is overwritten");

        assertEquals(1, run("--validate-config", "-i", written.toString()));
        assertTrue(err.toString().contains("scope still says #FIXME"), err::toString);
        String filled = sample.replace("#FIXME the second member's host", "10.9.9.2")
                .replace("#FIXME the third member's host", "10.9.9.3")
                .replace("data_dir: \"#FIXME\"", "data_dir: /d")
                .replace("#FIXME", "filled-in");
        ConfigFile.load(Files.writeString(dir.resolve("filled.yml"), filled), Map.of());
    }

    @Test
    void theSampleTakesValuesFromTheEnvironment() {
        assertEquals(
                0, run(Map.of("PATRONI_SCOPE", "blue", "PATRONI_SUPERUSER_PASSWORD", "p"), "--generate-sample-config"));
        assertTrue(out.toString().contains("scope: blue\n"), out::toString);
    }
}
