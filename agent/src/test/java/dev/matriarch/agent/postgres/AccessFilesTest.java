package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.matriarch.agent.config.PostgresConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Unprivileged.class)
class AccessFilesTest {
    private static void apply(TestServers servers, PostgresServer server, PostgresConfig config) throws Exception {
        server.reconfigure(config);
        server.configuration().write(TestServers.parameters(servers.root()), null, Optional.of(""));
        server.configuration().reload();
    }

    private static void awaitLogin(PostgresConfig config, boolean possible) throws Exception {
        long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        while (true) {
            try (Connection connection = DriverManager.getConnection(
                    "jdbc:postgresql://127.0.0.1:" + config.port() + "/postgres", "app", "app")) {
                if (possible && connection.isValid(5)) {
                    return;
                }
            } catch (SQLException e) {
                if (!possible) {
                    return;
                }
            }
            if (System.nanoTime() - deadline > 0) {
                throw new AssertionError("login " + (possible ? "is still impossible" : "is still possible"));
            }
            Thread.sleep(20);
        }
    }

    @Test
    void changedLinesReachARunningServerAndRejectedOnesDoNot() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = servers.primary(config, "a");
            Path hba = servers.dataDir("a").resolve("pg_hba.conf");

            List<String> closed = new ArrayList<>(List.of("host postgres app 127.0.0.1/32 reject"));
            closed.addAll(config.pgHba());
            apply(servers, server, TestServers.withAccess(config, closed, List.of("m sys pg")));
            awaitLogin(config, false);
            assertEquals("m sys pg\n", Files.readString(servers.dataDir("a").resolve("pg_ident.conf")));

            apply(servers, server, config);
            awaitLogin(config, true);

            String good = Files.readString(hba);
            List<String> broken = new ArrayList<>(config.pgHba());
            broken.add("host all all 127.0.0.1/32 no-such-method");
            apply(servers, server, TestServers.withAccess(config, broken, List.of("only-two words")));
            assertEquals(good, Files.readString(hba), "the old file is back");
            assertEquals("m sys pg\n", Files.readString(servers.dataDir("a").resolve("pg_ident.conf")));
            apply(servers, server, TestServers.withAccess(config, broken, List.of()));
            assertEquals(good, Files.readString(hba), "and stays, as long as nobody corrects the lines");
            server.stop(StopMode.FAST, TestServers.LONG);
            server.start(TestServers.LONG);
            server.awaitReady(TestServers.LONG);

            broken.removeLast();
            broken.add("# corrected");
            apply(servers, server, TestServers.withAccess(config, broken, List.of()));
            assertEquals(good + "# corrected\n", Files.readString(hba));
        }
    }

    @Test
    void aChangedPasswordIsUsedAtOnce() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = servers.primary(config, "a");
            TestServers.sql(
                    config,
                    "ALTER ROLE postgres PASSWORD 'other'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            + " WHERE pid <> pg_backend_pid()");
            TestServers.await(
                    server, "loss of the old password", s -> s.status().isEmpty());
            server.reconfigure(TestServers.withSuperuserPassword(config, "other"));
            TestServers.await(
                    server, "answer with the new password", s -> s.status().isPresent());
            assertThrows(SQLException.class, () -> TestServers.sql(config, "SELECT 1"));
        }
    }
}
