package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ScriptsConfig;
import dev.matriarch.agent.config.ServerHandling;
import dev.matriarch.agent.ha.LocalPostgres;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.slf4j.LoggerFactory;

/** The agent's own connections to its server. */
@Tag("slow")
@ExtendWith(Unprivileged.class)
class ControlConnectionsTest {
    private static final String HEARTBEAT = " FROM pg_stat_activity WHERE application_name = 'Matriarch heartbeat'";

    private static final ServerHandling THROUGH_SOCKET = new ServerHandling(
            Optional.of(true),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            ScriptsConfig.Given.NOTHING);

    private static PostgresConfig throughSocket(PostgresConfig c, List<String> hba) {
        return new PostgresConfig(
                        c.listenHosts(),
                        c.port(),
                        c.connectAddress(),
                        c.dataDir(),
                        c.binDir(),
                        c.pgpass(),
                        c.superuser(),
                        c.replication(),
                        c.rewind(),
                        c.parameters(),
                        hba,
                        c.pgIdent(),
                        c.handling(),
                        c.basebackupOptions(),
                        c.replicaMethods(),
                        c.proxyAddress(),
                        c.places(),
                        c.files(),
                        c.making())
                .with(THROUGH_SOCKET);
    }

    /** A running primary with further parameters. */
    private static PostgresServer primary(TestServers servers, PostgresConfig config, Map<String, String> more)
            throws Exception {
        PostgresServer server = servers.server(config, "a");
        server.initdb(TestServers.bootstrap(), TestServers.LONG);
        Map<String, String> parameters = new HashMap<>(TestServers.parameters(servers.root()));
        parameters.putAll(more);
        server.configuration().write(parameters, null, Optional.of(""));
        server.start(TestServers.LONG);
        server.awaitReady(TestServers.LONG);
        server.createRoles(TestServers.bootstrap(), TestServers.LONG);
        return server;
    }

    private static Connection app(PostgresConfig config) throws SQLException {
        return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + config.port() + "/postgres", "app", "app");
    }

    @Test
    void aServerThatRefusesTheAgentIsNamedOnceAndNotAskedWithoutPause() throws Exception {
        Logger log = (Logger) LoggerFactory.getLogger(Monitor.class);
        ListAppender<ILoggingEvent> lines = new ListAppender<>();
        lines.start();
        log.addAppender(lines);
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = TestServers.withAccess(
                    servers.config("a"), List.of("host all app 127.0.0.1/32 scram-sha-256"), List.of());
            PostgresServer server = servers.server(config, "a");
            server.initdb(TestServers.bootstrap(), TestServers.LONG);
            server.configuration().write(TestServers.parameters(servers.root()), null, Optional.of(""));
            server.start(TestServers.LONG);
            PostgresException e =
                    assertThrows(PostgresException.class, () -> server.awaitReady(Duration.ofMillis(1200)));
            assertTrue(e.getMessage().contains("pg_hba.conf"), e::getMessage);
            List<String> said = lines.list.stream()
                    .map(ILoggingEvent::getFormattedMessage)
                    .filter(line -> line.contains("refuses the agent"))
                    .toList();
            assertEquals(1, said.size(), said::toString);
            assertTrue(said.getFirst().contains("postgresql.pg_hba"), said::toString);
        } finally {
            log.detachAppender(lines);
        }
    }

    @Test
    void theSocketFileIsUsedWithItsTimeOuts() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = throughSocket(
                    servers.config("a"),
                    List.of(
                            "local all all scram-sha-256",
                            "host postgres app 127.0.0.1/32 scram-sha-256",
                            "host all postgres 127.0.0.1/32 reject"));
            PostgresServer server = primary(servers, config, Map.of());
            TestServers.await(server, "answer", s -> s.status().isPresent());
            int pid;
            try (Connection app = app(config)) {
                pid = Integer.parseInt(Monitor.single(app, "SELECT pid" + HEARTBEAT));
                assertEquals("", Monitor.single(app, "SELECT coalesce(client_addr::text, '')" + HEARTBEAT));
            }
            new ProcessBuilder("kill", "-STOP", Integer.toString(pid)).start().waitFor();
            long begun = System.nanoTime();
            LocalPostgres seen = server.observe(Duration.ofMillis(500));
            long millis = (System.nanoTime() - begun) / 1_000_000;
            assertTrue(seen.status().isEmpty() && seen.problem().contains("in time"), seen.problem());
            assertTrue(millis < 3000, millis + " ms");
            TestServers.await(
                    server, "answer from another backend", s -> s.status().isPresent());
        }
    }

    @Test
    void theAgentsQuestionsAreNotInTheStatistics() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = primary(servers, config, Map.of("shared_preload_libraries", "pg_stat_statements"));
            TestServers.sql(config, "CREATE EXTENSION pg_stat_statements");
            TestServers.sql(config, "SELECT pg_stat_statements_reset()");
            for (int i = 0; i < 3; i++) {
                assertTrue(server.observe(Duration.ofSeconds(5)).status().isPresent());
            }
            TestServers.sql(config, "SELECT 4711 AS by_a_user");
            assertEquals(
                    "1",
                    TestServers.sql(config, "SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%by_a_user%'"));
            assertEquals(
                    "0",
                    TestServers.sql(
                            config, "SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%pg_is_in_recovery%'"));
        }
    }

    @Test
    void aServerWithoutFreeConnectionsStillAnswersTheAgent() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server =
                    primary(servers, config, Map.of("max_connections", "10", "superuser_reserved_connections", "3"));
            // The kept connection is lost: the worst moment.
            TestServers.sql(
                    config, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
            List<Connection> all = new ArrayList<>();
            try {
                SQLException full = assertThrows(SQLException.class, () -> {
                    while (all.size() < 100) {
                        all.add(app(config));
                    }
                });
                assertEquals("53300", full.getSQLState());
                TestServers.await(server, "answer", s -> s.status().isPresent());
                server.checkpoint(TestServers.LONG);
                TestServers.slot(server, "one");
                assertThrows(SQLException.class, () -> app(config).close());
            } finally {
                for (Connection connection : all) {
                    connection.close();
                }
            }
        }
    }
}
