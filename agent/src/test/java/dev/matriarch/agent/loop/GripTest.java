package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigFile;
import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.Settings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The deadline of a lease, renewed in the store or moved on by promises. */
class GripTest {
    private static final long SECOND = 1_000_000_000L;
    private static final long SENT = 100 * SECOND;

    @TempDir
    Path dir;

    private Settings settings;
    private final Grip grip = new Grip();

    @BeforeEach
    void settings() throws Exception {
        settings = settingsOf("{\"ttl\": 5, \"loop_wait\": 1, \"retry_timeout\": 2}");
        grip.confirmed(7, SENT, 10_000, settings);
    }

    private Settings settingsOf(String dynamic) throws Exception {
        AgentConfig config = ConfigFile.load(Files.writeString(dir.resolve("n1.yml"), """
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
                """), Map.of());
        return new SettingsSource(config, dynamic).current().settings();
    }

    @Test
    void aRenewalWithAShorterTtlCountsAsSoonAsItIsSent() throws Exception {
        Settings shorter = settingsOf("{\"ttl\": 3, \"loop_wait\": 1, \"retry_timeout\": 1}");
        assertFalse(grip.renewing(SENT + SECOND, 10_100, settings, Duration.ZERO));
        assertFalse(grip.renewing(SENT + 2 * SECOND, 10_200, shorter, Duration.ZERO));
        assertEquals(OptionalLong.of(SENT + 5 * SECOND), grip.deadline());

        assertTrue(grip.renewing(SENT + SECOND, 10_100, shorter, Duration.ZERO));
        assertEquals(OptionalLong.of(SENT + 4 * SECOND), grip.deadline());
        assertTrue(grip.guardTimes().killAtCentis() < 10_400);
        assertEquals(7, grip.epoch());
    }

    /** The ttl may have been changed since: the lease in the store lasts as long as its renewal asked for. */
    @Test
    void theLeaseLastsAsLongAsItsRenewalAskedFor() {
        grip.endEarlier(Duration.ZERO);
        assertEquals(Duration.ofSeconds(5), grip.ttl());
        assertEquals(OptionalLong.of(SENT + 5 * SECOND), grip.deadline());
        grip.endEarlier(Duration.ofSeconds(1));
        assertEquals(OptionalLong.of(SENT + 4 * SECOND), grip.deadline());
        assertEquals(10_355, grip.startNotAfterCentis());
    }

    @Test
    void withoutALeaseNothingIsShortened() {
        grip.drop();
        assertFalse(grip.renewing(SENT, 10_000, settings, Duration.ofSeconds(2)));
        assertTrue(grip.deadline().isEmpty());
    }

    @Test
    void theLeaseCountsFromBeforeTheRenewalWasSent() {
        assertEquals(OptionalLong.of(SENT + 5 * SECOND), grip.deadline());
        assertInstanceOf(Lease.Held.class, grip.lease(SENT + 5 * SECOND - 1, Duration.ofSeconds(1)));
        assertInstanceOf(Lease.NotHeld.class, grip.lease(SENT + 5 * SECOND, Duration.ofSeconds(1)));
        assertEquals(10_455, grip.startNotAfterCentis());
    }

    /** Before, a server that began to start then became writable after the guards had looked for it in vain. */
    @Test
    void nothingIsStartedAsAPrimaryOnceTheGuardsHaveActed() {
        assertEquals(grip.guardTimes().quitAtCentis(), grip.startNotAfterCentis());
        assertTrue(grip.startNotAfterCentis() < 10_500, "after the end of the lease");
    }

    @Test
    void promisesMoveTheDeadlineFromBeforeTheyWereAskedFor() {
        assertTrue(grip.promised(SENT + 4 * SECOND, SENT + 3 * SECOND, 10_300, settings));
        Lease.Held held = assertInstanceOf(Lease.Held.class, grip.lease(SENT + 4 * SECOND, Duration.ofSeconds(1)));
        assertEquals(SENT + 8 * SECOND, held.deadline());
        assertTrue(held.byPromise());
        // Only the store renews a lock.
        assertFalse(held.renewed());
        assertEquals(10_755, grip.startNotAfterCentis());
    }

    @Test
    void promisesThatComeAfterTheEndOfTheLeaseAreTooLate() {
        assertFalse(grip.promised(SENT + 5 * SECOND, SENT + 3 * SECOND, 10_300, settings));
        assertInstanceOf(Lease.NotHeld.class, grip.lease(SENT + 5 * SECOND, Duration.ofSeconds(1)));
        grip.drop();
        assertFalse(grip.promised(SENT, SENT, 10_000, settings));
    }

    @Test
    void aYoungRenewalCountsAsOldWhenAnotherIsNeeded() {
        assertEquals(7, grip.epoch());
        assertTrue(renewed());
        grip.renewAgain();
        assertFalse(renewed());
        grip.promised(SENT + 1, SENT, 10_000, settings);
        assertFalse(renewed());
        grip.confirmed(7, SENT, 10_000, settings);
        assertTrue(renewed());
    }

    private boolean renewed() {
        return assertInstanceOf(Lease.Held.class, grip.lease(SENT + 1, Duration.ofDays(1)))
                .renewed();
    }

    @Test
    void aLockThatIsFreeIsNotLostWhilePromisesLast() {
        grip.promised(SENT + 4 * SECOND, SENT + 3 * SECOND, 10_300, settings);
        assertFalse(grip.lost("", SENT + 6 * SECOND));
        assertTrue(grip.held());
        assertTrue(grip.lost("n2", SENT + 6 * SECOND));
        assertFalse(grip.held());
    }

    @Test
    void withoutPromisesAFreeLockIsLost() {
        assertTrue(grip.lost("", SENT + SECOND));
        grip.confirmed(7, SENT, 10_000, settings);
        grip.promised(SENT + 4 * SECOND, SENT + 3 * SECOND, 10_300, settings);
        // A confirmation by the store ends what the promises were for.
        grip.confirmed(8, SENT + 7 * SECOND, 10_700, settings);
        assertTrue(grip.lost("", SENT + 8 * SECOND));
    }
}
