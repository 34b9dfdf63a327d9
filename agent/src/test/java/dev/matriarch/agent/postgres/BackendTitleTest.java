package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class BackendTitleTest {
    @Test
    void ownProcessesAreNoUsers() {
        for (String title : List.of(
                "postgres: checkpointer ",
                "postgres: demo: background writer ",
                "postgres: demo: walwriter ",
                "postgres: demo: logical replication launcher ",
                "postgres: demo: archiver last was 000000010000000000000002",
                "postgres: demo: startup recovering 000000010000000000000003",
                "postgres: demo: walreceiver streaming 0/3000148",
                "postgres: demo: walsender replicator 127.0.0.1(42110) streaming 0/3000148",
                "postgres: demo: autovacuum worker postgres",
                // PostgreSQL 12 and 11
                "postgres: demo: startup   recovering 000000010000000000000003",
                "postgres: demo: walreceiver   streaming 0/3000148",
                "postgres: demo: logical replication launcher   ",
                // PostgreSQL 10
                "postgres: demo: checkpointer process   ",
                "postgres: demo: writer process   ",
                "postgres: demo: wal writer process   ",
                "postgres: demo: autovacuum launcher process   ",
                "postgres: demo: stats collector process   ",
                "postgres: demo: archiver process   last was 000000010000000000000002",
                "postgres: demo: startup process   recovering 000000010000000000000003",
                "postgres: demo: wal receiver process   streaming 0/3000148",
                "postgres: demo: wal sender process replicator 127.0.0.1(42110) streaming 0/3000148",
                "postgres: demo: bgworker: logical replication launcher   ",
                "")) {
            assertFalse(BackendTitle.mayBeAUsers(title), title);
        }
    }

    @Test
    void whatIsNotKnownIsAUsers() {
        for (String title : List.of(
                "postgres: demo: alice bank 10.0.0.7(5123) idle in transaction",
                "postgres: demo: checkpointer bank [local] idle",
                "postgres: demo: parallel worker for PID 77",
                "postgres: demo: bgworker: parallel worker for PID 77   ",
                "postgres: demo: checkpointer process 127.0.0.1(7) idle",
                "/usr/lib/postgresql/15/bin/postgres -D /data")) {
            assertTrue(BackendTitle.mayBeAUsers(title), title);
        }
    }
}
