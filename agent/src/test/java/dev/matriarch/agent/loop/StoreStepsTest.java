package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.callbacks.Callbacks;
import dev.matriarch.agent.config.ConfigFile;
import dev.matriarch.agent.config.WatchdogConfig;
import dev.matriarch.agent.fencing.GuardPair;
import dev.matriarch.agent.fencing.KernelWatchdog;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.SafetyMargin;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Store;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.WriteResult;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The lock given back to a store that does what a test says. */
class StoreStepsTest {
    private static final Decision.ReleaseLease RELEASE =
            new Decision.ReleaseLease(5, Optional.empty(), "handing the lock over");

    @TempDir
    Path dir;

    private GuardPair guard;
    private final Memory memory = new Memory(0);
    private LeaseKeeper keeper;
    private StoreSteps steps;
    private Settings settings;
    private boolean takesItBack = true;
    private Optional<?> written = Optional.empty();

    @BeforeEach
    void open() throws Exception {
        guard = GuardPair.open(dir, Files.createDirectories(dir.resolve("data")));
        KernelWatchdog watchdog = new KernelWatchdog(
                () -> new WatchdogConfig(WatchdogConfig.Mode.OFF, dir, new SafetyMargin.Narrowest()),
                path -> {
                    throw new IOException("there is none");
                },
                () -> 0,
                dir);
        Clock clock = new Clock() {
            @Override
            public long nanos() {
                return 7_000_000_000L;
            }

            @Override
            public long uptimeCentis() {
                // Far ahead, so that no guard acts during the test.
                return 1_000_000_000_000L;
            }

            @Override
            public Instant wall() {
                return Instant.EPOCH;
            }
        };
        keeper = new LeaseKeeper(store(), "n1", clock, guard, watchdog, () -> 0);
        SettingsSource source = settings();
        settings = source.current().settings();
        steps = new StoreSteps(new Heartbeat.Parts(
                "n1",
                store(),
                null,
                source,
                keeper,
                memory,
                null,
                null,
                new Peerage(null),
                null,
                null,
                clock,
                new Callbacks(() -> null, "demo"),
                null,
                null,
                null,
                Sharding.NONE));
        keeper.acquire(settings, 1);
        memory.steppingDown(true);
    }

    @AfterEach
    void close() {
        guard.close(true);
    }

    private SettingsSource settings() throws Exception {
        return new SettingsSource(
                ConfigFile.load(Files.writeString(dir.resolve("n1.yml"), """
                scope: demo
                name: n1
                restapi: {listen: '10.0.0.1:8008'}
                raft: {data_dir: /var/lib/demo/raft, self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222']}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: /var/lib/demo/data
                  authentication:
                    superuser: {username: postgres}
                    replication: {username: replicator}
                """), Map.of()),
                "{\"ttl\": 5, \"loop_wait\": 1, \"retry_timeout\": 2}");
    }

    private Dcs store() {
        return (Dcs) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {Dcs.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "acquireLeader", "renewLeader" -> new LeaseResult.Held(5);
                    case "releaseLeader" -> takesItBack;
                    case "read" -> ClusterView.empty();
                    case "writeSync" -> {
                        written = (Optional<?>) arguments[2];
                        yield new WriteResult.Written(1);
                    }
                    default -> throw new UnsupportedOperationException(method.getName());
                });
    }

    private Lease lease() {
        return keeper.lease(Duration.ofDays(1));
    }

    private void release() throws Exception {
        steps.carryOut(RELEASE, new StoreSteps.Seen(new Store.Known(ClusterView.empty())));
    }

    @Test
    void lockThatWasTakenBackIsGone() throws Exception {
        release();
        assertEquals(new Lease.NotHeld(), lease());
        assertFalse(memory.situation(false).steppingDown());
        assertTrue(memory.situation(false).releasedAt().isPresent());
    }

    /** Before, the member took its lock up again, had forgotten why its server was stopped, and started it. */
    @Test
    void lockThatWasNotTakenBackIsLookedAtAndGivenBackAgain() throws Exception {
        takesItBack = false;
        release();
        assertTrue(lease() instanceof Lease.Held held && !held.renewed(), () -> lease().toString());
        assertTrue(memory.situation(false).steppingDown());
        assertTrue(memory.situation(false).releasedAt().isEmpty());
        // The renewal shows that the lock is still its own.
        assertTrue(keeper.renew(5, settings, Optional.empty()));
        takesItBack = true;
        release();
        assertEquals(new Lease.NotHeld(), lease());
        assertFalse(memory.situation(false).steppingDown());
    }

    /** Patroni's readers compare them as they are. */
    @Test
    void synchronousStandbysAreWrittenAsTheySpellTheirNames() throws Exception {
        ClusterView nobody = ClusterView.empty();
        ClusterView view = new ClusterView(
                1,
                nobody.initialize(),
                nobody.config(),
                nobody.leader(),
                List.of(
                        Member.named("n1").build(),
                        Member.named("Node-B").build(),
                        Member.named("n3").build()),
                nobody.status(),
                nobody.failover(),
                nobody.history(),
                nobody.sync(),
                nobody.failsafe());
        SyncState decided = new SyncState("n1", new TreeSet<>(List.of("gone", "n3", "node-b")), 1);
        steps.carryOut(
                new Decision.WriteSync(Optional.of(decided), Expected.absent(), "for a test"),
                new StoreSteps.Seen(new Store.Known(view)));
        assertEquals(Optional.of(new SyncState("n1", new TreeSet<>(List.of("Node-B", "gone", "n3")), 1)), written);
    }
}
