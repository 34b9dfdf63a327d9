package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.ha.Upstream;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What a server's files say, without any file. */
class PostgresqlConfTest {
    private static PostgresqlConf conf(
            int major,
            Map<String, String> parameters,
            Optional<Upstream> upstream,
            ServerFiles files,
            String... leftOut)
            throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("x");
            return new PostgresqlConf(
                    new PostgresqlConf.Owner(config, "herd", "Node-1", major),
                    new LibpqAccess(config, major, "Node-1"),
                    new ConfigurationFiles.Wanted(parameters, upstream, Optional.of("ANY 1 (b)"), true, files),
                    Set.of(leftOut));
        }
    }

    private static String text(PostgresqlConf conf) throws Exception {
        return conf.text(conf.recovery().parameters(), "it's.conf", name -> false);
    }

    @Test
    void whatMustBeAlikeOnAllMembersIsNeverLeftToAFile() throws Exception {
        PostgresqlConf conf = conf(
                15,
                Map.of(
                        "PORT", "1",
                        "cluster_name", "other",
                        "hot_standby", "off",
                        "wal_level", "minimal",
                        "max_connections", "7",
                        "synchronous_standby_names", "nobody",
                        "Work_Mem", "6MB"),
                Optional.empty(),
                ServerFiles.NONE);
        assertEquals("herd", conf.controlled().get("cluster_name"));
        assertEquals("on", conf.controlled().get("hot_standby"));
        assertEquals("replica", conf.controlled().get("wal_level"));
        assertEquals("7", conf.controlled().get("max_connections"));
        String text = text(conf);
        assertTrue(text.startsWith(PostgresqlConf.HEADER + "include 'it''s.conf'\n\n"), text);
        assertTrue(text.contains("\nsynchronous_standby_names = 'ANY 1 (b)'\n"), text);
        assertTrue(text.contains("\nwork_mem = '6MB'\n"), text);
        assertFalse(text.contains("port = '1'"), text);
        assertFalse(text.contains("'other'"), text);
    }

    @Test
    void whatPostgresqlDoesNotTakeIsLeftOutEverywhere() throws Exception {
        PostgresqlConf conf = conf(
                15,
                Map.of("work_mem", "none", "restore_command", "cp", "max_connections", "many"),
                Optional.of(new Upstream.Nobody()),
                ServerFiles.NONE,
                "work_mem",
                "restore_command",
                "max_connections");
        String text = text(conf);
        assertFalse(text.contains("work_mem"), text);
        assertFalse(text.contains("restore_command"), text);
        assertEquals("100", conf.controlled().get("max_connections"));
    }

    @Test
    void aStandbyIsToldWhomToFollowWhereItsVersionReadsIt() throws Exception {
        Optional<Upstream> upstream = Optional.of(new Upstream.Of("b", "10.0.0.2", 5433));
        RecoveryFiles now = conf(15, Map.of(), upstream, ServerFiles.NONE).recovery();
        assertEquals("node_1", now.parameters().get("primary_slot_name"));
        assertTrue(now.parameters().get("primary_conninfo").contains("10.0.0.2"), now.toString());
        assertEquals("", now.parameters().get("recovery_target_time"), "undoes what the included file says");
        assertEquals(Map.of(RecoveryFiles.STANDBY_SIGNAL, ""), now.present());
        RecoveryFiles before = conf(11, Map.of(), upstream, ServerFiles.NONE).recovery();
        assertEquals(Map.of(), before.parameters());
        assertTrue(before.present().get(RecoveryFiles.RECOVERY_CONF).contains("primary_slot_name = 'node_1'"));
    }

    @Test
    void aFileOfSomebodyElseNamesNoOtherAccessFileThanOurs() throws Exception {
        ServerFiles lines = new ServerFiles(Map.of(), Map.of("pg_hba", List.of("# ours")), Optional.empty());
        PostgresqlConf conf = conf(15, Map.of(), Optional.empty(), lines);
        assertTrue(conf.text(Map.of(), "a", Set.of("hba_file", "ident_file")::contains)
                .contains("\nhba_file = "));
        assertFalse(conf.text(Map.of(), "a", Set.of("hba_file", "ident_file")::contains)
                .contains("ident_file"));
        assertFalse(text(conf).contains("hba_file"));
    }
}
