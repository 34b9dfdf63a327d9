package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Unprivileged.class)
class ParameterJudgeTest {
    @Test
    void whatTheServerDoesNotTakeIsLeftOutAndTheRestIsInForce() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer a = servers.server(config, "a");
            a.initdb(TestServers.bootstrap(), TestServers.LONG);
            Map<String, String> wanted = new HashMap<>(TestServers.parameters(servers.root()));
            wanted.put("work_memm", "8MB");
            wanted.put("maintenance_work_mem", "plenty");
            wanted.put("wal_keep_size", "64MB");
            wanted.put("max_connections", "many");
            wanted.put("commit_delay", "1000000000");
            wanted.put("log_connections", "perhaps");
            wanted.put("my.setting", "yes");
            a.configuration().write(wanted, null, Optional.of(""));
            a.start(TestServers.LONG);
            a.awaitReady(TestServers.LONG);
            assertEquals("5MB", TestServers.sql(config, "SHOW work_mem"));
            assertEquals("64MB", TestServers.sql(config, "SHOW wal_keep_size"));
            assertEquals("100", TestServers.sql(config, "SHOW max_connections"));
            assertEquals("64MB", TestServers.sql(config, "SHOW maintenance_work_mem"));
            assertEquals("0", TestServers.sql(config, "SHOW commit_delay"));
            assertEquals("yes", TestServers.sql(config, "SHOW my.setting"));
            String file = Files.readString(config.dataDir().resolve("postgresql.conf"));
            assertTrue(!file.contains("work_memm") && !file.contains("plenty"), file);
            assertTrue(Files.notExists(config.dataDir().resolve("postgresql.conf.judged")));

            // A reload takes up what is right although something else is wrong.
            wanted.put("work_mem", "6MB");
            a.configuration().write(wanted, null, Optional.of(""));
            a.configuration().reload();
            TestServers.await(a, "the reload", seen -> {
                try {
                    return TestServers.sql(config, "SHOW work_mem").equals("6MB");
                } catch (java.sql.SQLException e) {
                    return false;
                }
            });
        }
    }
}
