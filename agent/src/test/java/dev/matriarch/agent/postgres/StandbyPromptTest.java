package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Unprivileged.class)
class StandbyPromptTest {
    /** Far from wal_receiver_status_interval, after which it would be released anyway. */
    private static final int SOON_SECONDS = 5;

    @Test
    void commitThatWaitsIsReleasedWhenAStandbyThatHasItIsNamed() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig configA = servers.config("a");
            PostgresConfig configB = servers.config("b");
            PostgresServer a = servers.primary(configA, "a");
            TestServers.slot(a, "b");
            PostgresServer b = servers.server(configB, "b");
            b.baseBackup(TestServers.upstream("a", configA), TestServers.LONG);
            b.configuration()
                    .write(TestServers.parameters(servers.root()), TestServers.upstream("a", configA), Optional.of(""));
            b.start(TestServers.LONG);
            b.awaitReady(TestServers.LONG);
            TestServers.await(
                    b,
                    "streaming",
                    s -> s.status().map(LocalPostgres.Status::streaming).orElse(false));

            a.configuration().setSynchronousStandbyNames("ANY 1 (nobody)", TestServers.LONG);
            CompletableFuture<String> commit = CompletableFuture.supplyAsync(() -> {
                try {
                    return TestServers.sql(configA, "CREATE TABLE t AS SELECT 1 AS x");
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
            // The standby has it and has said so; nothing more is written.
            TestServers.await(b, "the table", s -> {
                try {
                    return TestServers.sql(configB, "SELECT count(*) FROM pg_class WHERE relname = 't'")
                            .equals("1");
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
            TestServers.await(a, "the report", s -> {
                try {
                    return TestServers.sql(
                                    configA,
                                    "SELECT count(*) FROM pg_stat_replication WHERE flush_lsn = pg_current_wal_flush_lsn()"
                                            + " AND replay_lsn = flush_lsn")
                            .equals("1");
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
            assertFalse(commit.isDone());
            a.configuration().setSynchronousStandbyNames("ANY 1 (b)", TestServers.LONG);
            commit.get(SOON_SECONDS, TimeUnit.SECONDS);
        }
    }
}
