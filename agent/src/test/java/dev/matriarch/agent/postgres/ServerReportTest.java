package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.dcs.Lsn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a real server says when it is examined. */
@ExtendWith(Unprivileged.class)
class ServerReportTest {
    @Test
    void positionAndCollations() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = servers.primary(config, "a");
            ServerReport report = server.report(TestServers.LONG);
            assertTrue(report.position().isAfter(Lsn.INVALID), report.toString());
            assertEquals("", report.archiveProblem());
            assertEquals("", report.collation(), "nothing is sorted by a library");
            TestServers.sql(
                    config,
                    "CREATE DATABASE d TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C' ENCODING"
                            + " 'UTF8'");
            ServerReport icu = server.report(TestServers.LONG);
            assertTrue(icu.collation().matches("ICU [0-9.]+"), icu.toString());
            assertTrue(icu.position().isAfter(report.position()), icu.toString());
        }
    }
}
