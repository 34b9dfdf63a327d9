package dev.matriarch.agent.fencing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.agent.postgres.TestServers;
import dev.matriarch.agent.postgres.Unprivileged;
import dev.matriarch.agent.postgres.linux.Signal;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Unprivileged.class)
class GuardedServerTest {
    @Test
    void aRealServerIsStoppedEvenIfItHangs() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresServer server = servers.primary("a");
            GuardPair pair = GuardPair.open(
                    servers.root().resolve("guards"), servers.root().resolve("a"));
            try {
                stoppedAtDeadline(server, pair, 300, 3000, 600);
                // A server that does not react is killed.
                pair.disarm();
                server.start(TestServers.LONG);
                server.awaitReady(TestServers.LONG);
                stoppedAtDeadline(server, pair, 300, 300, 600);
                // Even one that is stopped hears SIGQUIT.
                pair.disarm();
                server.start(TestServers.LONG);
                server.awaitReady(TestServers.LONG);
                Signal.STOP.send(server.postmasterPid().orElseThrow());
                stoppedAtDeadline(server, pair, 200, 400, 600);
            } finally {
                pair.close(true);
            }
        }
    }

    private static void stoppedAtDeadline(PostgresServer server, GuardPair pair, int quit, int kill, int within)
            throws Exception {
        CountDownLatch ended = new CountDownLatch(1);
        assertTrue(server.onExit(ended::countDown));
        long quitAt = Uptime.centisIn(Duration.ofMillis(quit));
        pair.arm(
                quitAt,
                Uptime.centisIn(Duration.ofMillis(kill)),
                server.postmasterPid().orElse(0));
        assertTrue(ended.await(5, TimeUnit.SECONDS));
        long took = (Uptime.centis() - quitAt) * 10;
        assertTrue(took >= 0 && took < within, "ended " + took + " ms after the deadline");
        assertEquals(
                LocalPostgres.Process.STOPPED, server.observe(TestServers.LONG).process());
    }
}
