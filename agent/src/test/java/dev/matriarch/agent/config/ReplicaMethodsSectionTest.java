package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReplicaMethodsSectionTest {
    @TempDir
    Path dir;

    private PostgresConfig load(String postgresql) throws Exception {
        Path file = Files.writeString(dir.resolve("m.yml"), """
                scope: demo
                name: n1
                restapi: {listen: '10.0.0.1:8008'}
                raft: {data_dir: /tmp/r, self_addr: '10.0.0.1:2222'}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: /tmp/data
                  authentication:
                    replication: {username: replicator, password: r}
                """ + postgresql);
        return ConfigFile.load(file, Map.of()).postgres();
    }

    private String problem(String postgresql) {
        return assertThrows(ConfigProblems.class, () -> load(postgresql)).getMessage();
    }

    @Test
    void methodsKeepTheirOrderAndTheirArguments() throws Exception {
        PostgresConfig c = load("""
                  create_replica_methods: [pgbackrest, wal_e, basebackup]
                  pgbackrest:
                    command: pgbackrest --stanza=demo --delta restore
                    keep_data: true
                    no_params: true
                  wal_e:
                    envdir: /etc/wal-e
                    no_leader: 1
                  unused: {command: /bin/true}
                """);
        assertEquals(
                List.of(
                        new ReplicaMethod(
                                "pgbackrest",
                                List.of("pgbackrest", "--stanza=demo", "--delta", "restore"),
                                true,
                                true,
                                false,
                                List.of("--keep_data=1")),
                        new ReplicaMethod(
                                "wal_e",
                                List.of("wal_e"),
                                false,
                                false,
                                true,
                                List.of("--envdir=/etc/wal-e", "--no_leader=1")),
                        ReplicaMethod.BASEBACKUP),
                c.replicaMethods());
        assertTrue(c.making().withoutServer());
        assertTrue(c.making().overData());
    }

    @Test
    void olderNamesMeanTheSame() throws Exception {
        PostgresConfig c = load("""
                  create_replica_method: a, basebackup
                  a: {command: /x, no_master: true}
                """);
        assertEquals(
                List.of("a", "basebackup"),
                c.replicaMethods().stream().map(ReplicaMethod::name).toList());
        assertTrue(c.making().withoutServer());
        PostgresConfig standard = load("");
        assertEquals(List.of(ReplicaMethod.BASEBACKUP), standard.replicaMethods());
        assertFalse(standard.making().withoutServer());
    }

    @Test
    void whatCannotWorkIsNamed() {
        assertTrue(problem("  create_replica_methods: [nowhere]\n")
                .contains("postgresql.nowhere does not say how it works"));
        assertTrue(problem("  create_replica_methods: [a]\n  create_replica_method: [b]\n"
                        + "  a: {command: /x}\n  b: {command: /x}\n")
                .contains("older name"));
        for (String blocked : List.of("pgdata", "format", "wal-method", "xlog-method", "gzip", "host", "username")) {
            assertTrue(
                    problem("  basebackup: [{" + blocked + ": x}]\n").contains("holds the option " + blocked), blocked);
        }
        assertTrue(problem("  basebackup: {compress: 5}\n").contains("server-gzip"));
    }

    @Test
    void optionsOfPgBasebackupAreAListOrAMap() throws Exception {
        assertEquals(
                List.of("--verbose", "--max-rate=100M", "--compress=server-gzip:5"),
                load("  basebackup: [verbose, {max-rate: 100M}, compress=server-gzip:5]\n")
                        .basebackupOptions());
        assertEquals(
                List.of("--verbose", "--max-rate=100M"),
                load("  basebackup: {verbose: true, max-rate: 100M, no-sync: false}\n")
                        .basebackupOptions());
    }

    @Test
    void whatTheClusterSaysHoldsWhereAMemberSaysNothing() throws Exception {
        ReplicaMaking cluster = DynamicConfigJson.parse("""
                {"postgresql": {"create_replica_methods": ["shared", "own", "basebackup"], "basebackup": {"max-rate": "9M"},
                 "shared": {"command": "/shared", "no_leader": true}, "own": {"command": "/theirs"}}}
                """).replicas();
        PostgresConfig member = load("  own: {command: /mine}\n");
        ReplicaMaking both = cluster.under(member.making());
        assertEquals(
                List.of(List.of("/shared"), List.of("/mine"), List.of()),
                both.methods().stream().map(ReplicaMethod::command).toList());
        assertEquals(List.of("--max-rate=9M"), both.basebackupOptions());
        assertTrue(both.withoutServer());

        ReplicaMaking other = cluster.under(load("""
                  create_replica_methods: [basebackup]
                  basebackup: [verbose]
                """).making());
        assertEquals(List.of(ReplicaMethod.BASEBACKUP), other.methods());
        assertEquals(List.of("--verbose"), other.basebackupOptions());

        ReplicaMaking standbyLeader = both.inOrder(List.of("own", "nowhere"));
        assertEquals(
                List.of("own"),
                standbyLeader.methods().stream().map(ReplicaMethod::name).toList());
        assertEquals(List.of("nowhere"), standbyLeader.undescribed());
        assertEquals(both, both.inOrder(List.of()));
    }
}
