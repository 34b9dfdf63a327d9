package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Situation;
import dev.matriarch.agent.ha.Store;
import dev.matriarch.agent.ha.WritePath;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.sim.SimConfig;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PerceptionTest {
    private static final Settings SETTINGS = new SettingsSource(SimConfig.of("n1", false), "{\"ttl\": 5}")
            .current()
            .settings();
    private static final Duration TTL = SETTINGS.ttl();

    private final Memory memory = new Memory(0);
    private int checkpoints;
    private final AfterPromotion afterPromotion = new AfterPromotion(() -> checkpoints++, work -> work.run(), () -> {});
    private final Perception perception = new Perception("n1", memory, afterPromotion);

    private static LocalPostgres server(LocalPostgres.Process process, Optional<Boolean> inRecovery) {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                Optional.of("7"),
                process,
                Optional.empty(),
                inRecovery.map(recovers -> new LocalPostgres.Status(
                        recovers,
                        1,
                        new Lsn(10),
                        Lsn.INVALID,
                        new Lsn(10),
                        false,
                        Optional.empty(),
                        false,
                        "ANY 1 (n2)",
                        true,
                        "on",
                        List.of(),
                        List.of(),
                        150_000,
                        "then",
                        Map.of())),
                "");
    }

    private static final LocalPostgres PRIMARY = server(LocalPostgres.Process.RUNNING, Optional.of(false));
    private static final LocalPostgres REPLICA = server(LocalPostgres.Process.RUNNING, Optional.of(true));
    private static final LocalPostgres STOPPED = server(LocalPostgres.Process.STOPPED, Optional.empty());
    private static final LocalPostgres SILENT = server(LocalPostgres.Process.RUNNING, Optional.empty());

    private Duration look(LocalPostgres seen, long now) {
        return perception.server(seen, false, true, SETTINGS, now);
    }

    private Situation situation() {
        return memory.situation(false);
    }

    private void moment(Store store, LocalPostgres postgres, Lease lease, long now) {
        perception.moment(
                new Perception.Moment(store, postgres, lease, false, WritePath.unknown(), Duration.ofSeconds(60), now));
    }

    private static Store known(String leader, Member... members) {
        return new Store.Known(new ClusterView(
                1,
                Optional.empty(),
                Optional.empty(),
                Optional.of(new Leader(leader, 5)),
                List.of(members),
                ClusterStatus.NONE,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Map.of("n2", "http://n2")));
    }

    @Test
    void aPrimaryIsLookedAtAgainUntilItsStandbysCount() {
        assertFalse(look(PRIMARY, 0).isZero());
        assertEquals(Optional.empty(), situation().standbyNamesSince());
        assertTrue(look(PRIMARY, 200_000_000L).isZero());
        assertEquals(Optional.of(new Lsn(10)), situation().standbyNamesSince());
        assertEquals(OptionalLong.of(0), situation().primarySince());
        assertEquals(1, checkpoints, "once for each promotion");
    }

    /** Else every lost answer would look like a demotion. */
    @Test
    void aServerThatDoesNotAnswerKeepsTheRoleItHad() {
        look(PRIMARY, 0);
        assertTrue(look(SILENT, 1).isZero());
        assertEquals(OptionalLong.of(0), situation().primarySince());
        look(REPLICA, 2);
        assertEquals(OptionalLong.empty(), situation().primarySince());
        look(PRIMARY, 3);
        assertEquals(2, checkpoints);
    }

    @Test
    void aLeadersTroubleBeginsWhenItsServerIsDown() {
        look(PRIMARY, 0);
        look(STOPPED, 7);
        look(STOPPED, 8);
        assertEquals(OptionalLong.of(7), situation().lifecycle().downSince());
        perception.server(STOPPED, false, false, SETTINGS, 9);
        assertEquals(OptionalLong.empty(), situation().lifecycle().downSince(), "it leads no more");
    }

    @Test
    void whoIsInTheStoreIsRememberedButForThoseThatDoNotStream() {
        Member silent = Member.named("n3").tags(Map.of("nostream", true)).build();
        moment(known("n2", Member.named("n2").build(), silent), REPLICA, new Lease.NotHeld(), 10);
        assertEquals(Set.of("n2"), situation().recentMembers());
        assertEquals(Map.of("n2", "http://n2"), situation().failsafe().listed());
        moment(new Store.Unreachable("away"), REPLICA, new Lease.NotHeld(), 20);
        assertEquals(OptionalLong.of(20), situation().storeLostSince());
        assertEquals(Set.of("n2"), situation().recentMembers());
    }

    @Test
    void theLockIsHeldSinceItWasFirstSeenSo() {
        Lease held = new Lease.Held(5, TTL.toNanos(), true);
        moment(known("n1"), PRIMARY, held, 10);
        moment(known("n1"), PRIMARY, held, 20);
        assertEquals(OptionalLong.of(10), situation().lockSince());
        memory.steppingDown(true);
        moment(known("n2"), PRIMARY, new Lease.NotHeld(), 30);
        assertEquals(OptionalLong.empty(), situation().lockSince());
        assertTrue(situation().steppingDown(), "a primary without the lock is still on its way down");
        moment(known("n2"), STOPPED, new Lease.NotHeld(), 40);
        assertFalse(situation().steppingDown());
    }
}
