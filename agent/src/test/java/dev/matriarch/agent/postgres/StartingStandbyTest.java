package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Upstream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Unprivileged.class)
class StartingStandbyTest {
    @Test
    void aStandbyThatLacksWalComesUpOnceItIsStoppedAndStartedWithAnUpstream() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig configA = servers.config("a");
            PostgresServer a = servers.primary(configA, "a");
            TestServers.slot(a, "b");
            PostgresServer b = servers.server(servers.config("b"), "b");
            Upstream.Of upstream = TestServers.upstream("a", configA);
            b.baseBackup(upstream, TestServers.LONG);
            for (Path segment : segments(servers.dataDir("b"))) {
                Files.delete(segment);
            }
            b.configuration().write(TestServers.parameters(servers.root()), new Upstream.Nobody(), Optional.of(""));
            b.start(TestServers.LONG);
            assertEquals(
                    LocalPostgres.Process.STARTING, b.observe(TestServers.LONG).process());

            b.stop(StopMode.IMMEDIATE, TestServers.LONG);
            b.configuration().write(TestServers.parameters(servers.root()), upstream, Optional.of(""));
            b.start(TestServers.LONG);
            b.awaitReady(TestServers.LONG);
            TestServers.await(
                    b,
                    "streaming",
                    s -> s.status().map(LocalPostgres.Status::streaming).orElse(false));
        }
    }

    private static List<Path> segments(Path dataDir) throws Exception {
        try (Stream<Path> files = Files.list(dataDir.resolve("pg_wal"))) {
            return files.filter(f -> f.getFileName().toString().matches("[0-9A-F]{24}"))
                    .toList();
        }
    }
}
