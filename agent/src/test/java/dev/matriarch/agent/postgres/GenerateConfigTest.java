package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.cli.Invocation;
import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigFile;
import dev.matriarch.agent.config.Conninfo;
import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ServerPlaces;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@Tag("slow")
@ExtendWith(Unprivileged.class)
class GenerateConfigTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int run(Map<String, String> environment, String... arguments) {
        out.reset();
        err.reset();
        return Invocation.run(
                arguments,
                "1",
                environment,
                file -> 0,
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    @Test
    void aRunningServerIsDescribedAndTheDescriptionStartsAnAgent() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            servers.primary(config, "a");
            TestServers.sql(config, "ALTER SYSTEM SET statement_timeout = '77min'");
            Files.writeString(
                    servers.dataDir("a").resolve("postgresql.base.conf"),
                    "pg_x.odd = 'it''s'\n",
                    StandardOpenOption.APPEND);
            TestServers.sql(config, "ALTER SYSTEM SET archive_command = 'cp %p /tmp/it''s \"odd\"'");
            TestServers.sql(config, "ALTER SYSTEM SET max_locks_per_transaction = 128");
            TestServers.sql(config, "SELECT pg_reload_conf()");
            Map<String, String> parts = new LinkedHashMap<>();
            parts.put("host", "127.0.0.1");
            parts.put("port", Integer.toString(config.port()));
            parts.put("user", "postgres");
            parts.put("password", TestServers.PASSWORD);
            Path file = servers.root().resolve("generated.yml");
            assertEquals(
                    0,
                    run(Map.of(), "--generate-config", "--dsn", Conninfo.write(parts), file.toString()),
                    err::toString);
            String text = Files.readString(file);
            assertFalse(text.contains(TestServers.PASSWORD), text);
            assertTrue(text.contains("#FIXME"), text);
            String filled = text.replace("#FIXME the second member's host", "10.9.9.2")
                    .replace("#FIXME the third member's host", "10.9.9.3")
                    .replace("#FIXME", "filled-in");
            AgentConfig described =
                    ConfigFile.load(Files.writeString(servers.root().resolve("f.yml"), filled), Map.of());
            assertEquals("test", described.scope());
            assertEquals(servers.dataDir("a"), described.postgres().dataDir());
            assertEquals(config.port(), described.postgres().port());
            assertTrue(described.postgres().listenHosts().contains("127.0.0.1"));
            assertEquals(config.pgHba(), described.postgres().pgHba());
            assertEquals(
                    "cp %p /tmp/it's \"odd\"", described.postgres().parameters().get("archive_command"));
            DynamicConfig dynamic =
                    DynamicConfigJson.parse(described.bootstrap().dcsJson());
            assertEquals("77min", dynamic.parameters().get("statement_timeout"));
            assertEquals("5MB", dynamic.parameters().get("work_mem"));
            assertEquals("it's", dynamic.parameters().get("pg_x.odd"));
            assertFalse(dynamic.parameters().containsKey("max_connections"), "20 is too few for a cluster");
            assertTrue(err.toString().contains("max_connections = '20' is left out"), err::toString);
            assertTrue(
                    Binaries.find(described.postgres().binDir()).major() >= 10,
                    "the server's programs are found again");
        }
    }

    /** As Debian lays a server out. */
    @Test
    void filesOutsideTheDataDirectoryAreFound() throws Exception {
        try (TestServers servers = new TestServers()) {
            Path etc = servers.root().resolve("etc of a");
            PostgresConfig config = TestServers.withPlaces(
                    servers.config("a"),
                    Optional.empty(),
                    new ServerPlaces(Optional.of(etc), "server", "postgres", Map.of()));
            servers.primary(config, "a");
            Map<String, String> environment = Map.of(
                    "PGHOST",
                    "127.0.0.1",
                    "PGPORT",
                    Integer.toString(config.port()),
                    "PGUSER",
                    "postgres",
                    "PGPASSWORD",
                    TestServers.PASSWORD);
            assertEquals(0, run(environment, "--generate-config"), err::toString);
            String filled = out.toString(StandardCharsets.UTF_8)
                    .replace("#FIXME the second member's host", "10.9.9.2")
                    .replace("#FIXME the third member's host", "10.9.9.3")
                    .replace("#FIXME", "filled-in");
            PostgresConfig described = ConfigFile.load(
                            Files.writeString(servers.root().resolve("f.yml"), filled), Map.of())
                    .postgres();
            assertEquals(Optional.of(etc), described.places().configDir());
            assertEquals("server", described.places().configBaseName());
            assertEquals(config.pgHba(), described.pgHba());
            assertFalse(err.toString().contains("not copied"), err::toString);
        }
    }

    @Test
    void whoIsNoSuperuserIsRefused() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            servers.primary(config, "a");
            Map<String, String> environment = Map.of(
                    "PGHOST",
                    "127.0.0.1",
                    "PGPORT",
                    Integer.toString(config.port()),
                    "PGUSER",
                    "app",
                    "PGPASSWORD",
                    "app");
            assertEquals(1, run(environment, "--generate-config"));
            assertTrue(err.toString().contains("The provided user does not have superuser privilege"), err::toString);
            assertEquals(1, run(Map.of(), "--generate-config", "--dsn", "host=127.0.0.1 port=1"));
            assertTrue(err.toString().contains("cannot be described"), err::toString);
            assertEquals(1, run(Map.of(), "--generate-config", "--dsn", "host='x"));
            assertTrue(err.toString().contains("not closed"), err::toString);
        }
    }
}
