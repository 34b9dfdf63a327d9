package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What real servers make of history files of timelines that nobody here has. */
@ExtendWith(Unprivileged.class)
class TakenTimelinesTest {
    private static final Duration LONG = TestServers.LONG;

    @Test
    void takenNumbersAreLeftOutAndStandbysFollow() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig configA = servers.config("a");
            PostgresConfig configB = servers.config("b");
            PostgresServer a = servers.primary(configA, "a");
            PostgresServer b = servers.server(configB, "b");
            TestServers.slot(a, "b");
            b.baseBackup(TestServers.upstream("a", configA), LONG);
            b.configuration()
                    .write(TestServers.parameters(servers.root()), TestServers.upstream("a", configA), Optional.of(""));

            // As an attempt to promote leaves it that came to nothing: recovery would aim for timeline 2.
            Path left = configB.dataDir().resolve("pg_wal/00000002.history");
            new TakenTimelines(configB.dataDir()).leaveOut(1, 3);
            assertTrue(Files.exists(left));
            b.start(LONG);
            b.awaitReady(LONG);
            assertFalse(Files.exists(left));
            streaming(b);

            // A running server does not mind it.
            new TakenTimelines(configB.dataDir()).leaveOut(1, 3);
            TestServers.sql(configA, "CREATE TABLE t AS SELECT 1 AS x");
            a.stop(StopMode.FAST, LONG);
            b.promote(4, LONG);
            assertEquals(4, b.observe(LONG).status().orElseThrow().timeline());
            b.checkpointOfNewTimeline(LONG);
            TestServers.slot(b, "a");

            a.configuration()
                    .write(TestServers.parameters(servers.root()), TestServers.upstream("b", configB), Optional.of(""));
            a.start(LONG);
            a.awaitReady(LONG);
            TestServers.await(
                    a,
                    "timeline 4",
                    s -> s.status().map(LocalPostgres.Status::timeline).orElse(0) == 4);
            streaming(a);

            // It has all files, and starts with them.
            a.stop(StopMode.FAST, LONG);
            a.start(LONG);
            a.awaitReady(LONG);
            streaming(a);
            b.stop(StopMode.FAST, LONG);
            a.promote(5, LONG);
            assertEquals(5, a.observe(LONG).status().orElseThrow().timeline());
            assertThrows(PostgresException.class, () -> new TakenTimelines(configA.dataDir()).leaveOut(5, 5000));
        }
    }

    private static void streaming(PostgresServer server) throws Exception {
        TestServers.await(
                server,
                "streaming",
                s -> s.status().map(LocalPostgres.Status::streaming).orElse(false));
    }
}
