package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TagsSectionTest {
    private static final String FILE = """
            scope: demo
            name: n1
            restapi: {listen: '10.0.0.1:8008'}
            raft: {data_dir: /var/lib/demo/raft, self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222', '10.0.0.3:2222']}
            postgresql:
              listen: 10.0.0.1:5432
              data_dir: /var/lib/demo/data
              authentication:
                superuser: {username: postgres}
                replication: {username: replicator}
            tags: %s
            """;

    @TempDir
    Path dir;

    private Map<String, Object> read(String tags) throws Exception {
        return ConfigFile.load(Files.writeString(dir.resolve("n1.yml"), FILE.formatted(tags)), Map.of())
                .tags();
    }

    private List<String> problems(String tags) {
        return assertThrows(ConfigProblems.class, () -> read(tags)).problems().stream()
                .map(p -> p.key() + " " + p.sentence())
                .toList();
    }

    @Test
    void allTagsAreReadAndFalseFlagsLeftOut() throws Exception {
        assertEquals(
                Map.of(
                        "noloadbalance",
                        true,
                        "clonefrom",
                        true,
                        "replicatefrom",
                        "n2",
                        "failover_priority",
                        3,
                        "sync_priority",
                        2,
                        "rack",
                        7,
                        "region",
                        "eu"),
                read("{nofailover: false, noloadbalance: true, clonefrom: yes, nosync: false, nostream: no,"
                        + " replicatefrom: n2, failover_priority: 3, sync_priority: 2, rack: 7, region: eu}"));
        assertEquals(Map.of("nostream", true), read("{nostream: true, replicatefrom: ''}"));
    }

    @Test
    void tagsThatContradictEachOtherAreRefusedWithTheReason() {
        assertEquals(
                List.of("tags.failover_priority contradicts nofailover: true, which means 0; remove one of them"),
                problems("{nofailover: true, failover_priority: 1}"));
        assertEquals(
                List.of("tags.failover_priority contradicts nofailover: false, which means 1 or more; remove one of"
                        + " them"),
                problems("{nofailover: false, failover_priority: 0}"));
        assertEquals(
                List.of("tags.sync_priority contradicts nosync: true, which means 0; remove one of them"),
                problems("{nosync: true, sync_priority: 5}"));
        assertEquals(
                List.of("tags.replicatefrom contradicts nostream: true, with which this member streams from nobody;"
                        + " remove one of them"),
                problems("{nostream: true, replicatefrom: n2}"));
        assertEquals(
                List.of("tags.replicatefrom is this member itself; name another one, or leave it out"),
                problems("{replicatefrom: n1}"));
    }

    @Test
    void flagsAndPrioritiesThatSayTheSameAreAccepted() throws Exception {
        assertEquals(
                Map.of("nofailover", true, "failover_priority", 0), read("{nofailover: true, failover_priority: 0}"));
        assertEquals(Map.of("failover_priority", 2), read("{nofailover: false, failover_priority: 2}"));
    }
}
