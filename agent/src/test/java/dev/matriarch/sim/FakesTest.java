package dev.matriarch.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.ClusterCommands;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The simulated parts behave as what they stand for. */
class FakesTest {
    private static final long SECOND = 1_000_000_000L;

    /** Three hosts without agents; seed 5 is one of three nodes. */
    private final World world = new World(threeNodes(), false);

    private static Plan threeNodes() {
        for (long seed = 1; ; seed++) {
            Plan plan = Plan.of(seed);
            if (plan.nodes() == 3) {
                return plan;
            }
        }
    }

    private void pass(long nanos) {
        long until = world.events().now() + nanos;
        while (world.events().step(until)) {
            // Everything happens in the events.
        }
    }

    private void storeRuns() {
        for (int i = 0; i < 3; i++) {
            world.raft().start(i);
        }
        pass(5 * SECOND);
        assertTrue(world.raft().leader() >= 0);
    }

    private List<Reply> write(int from, String value) {
        List<Reply> replies = new ArrayList<>();
        world.raft()
                .propose(
                        from,
                        ClusterCommands.write(ClusterKeys.CONFIG, value, Expected.anything()),
                        SECOND,
                        replies::add);
        return replies;
    }

    private SimPostgres primary() {
        SimPostgres pg = world.host(0).postgres();
        pg.data.initdb("77");
        pg.start(false, () -> {});
        pass(10 * SECOND);
        assertTrue(pg.writable());
        return pg;
    }

    private SimPostgres standby(int host, SimPostgres source) {
        SimPostgres pg = world.host(host).postgres();
        pg.data.becomeCopyOf(source.data);
        pg.data.configure(source.host(), "");
        pg.start(true, () -> {});
        pass(12 * SECOND);
        assertTrue(pg.streamsFrom(source.host()));
        return pg;
    }

    private void cutOff(int host) {
        for (int i = 0; i < 3; i++) {
            for (int plane = 0; plane < 2; plane++) {
                world.network().cut(plane, i, host);
                world.network().cut(plane, host, i);
            }
        }
        world.network().changed();
    }

    @Test
    void aMajorityCommitsAndAMinorityDoesNot() {
        storeRuns();
        List<Reply> first = write(0, "one");
        pass(2 * SECOND);
        assertNotNull(first.getFirst());
        int alone = (world.raft().leader() + 1) % 3;
        cutOff(alone);
        List<Reply> cut = write(alone, "two");
        List<Reply> rest = write(world.raft().leader(), "three");
        pass(3 * SECOND);
        assertNull(cut.getFirst());
        assertNotNull(rest.getFirst());
        assertEquals(
                "one", world.raft().view(alone).config().orElseThrow().value(), "who is cut off shows the old state");
        world.network().heal();
        pass(5 * SECOND);
        assertEquals(
                world.truth().config().orElseThrow().value(),
                world.raft().view(alone).config().orElseThrow().value());
    }

    @Test
    void aCutOffRaftLeaderIsReplacedAndWhatItHadCommittedStays() {
        storeRuns();
        write(0, "kept");
        pass(SECOND);
        int old = world.raft().leader();
        cutOff(old);
        pass(10 * SECOND);
        assertTrue(world.raft().leader() != old && world.raft().leader() >= 0);
        assertEquals("kept", world.truth().config().orElseThrow().value());
    }

    @Test
    void commitsWaitForTheListedStandbys() {
        SimPostgres primary = primary();
        standby(1, primary);
        primary.setNames("ANY 1 (n2)", () -> {});
        pass(SECOND);
        primary.commit(100);
        assertTrue(primary.commits.isAnyWaiting(), "not before the standby has it");
        pass(SECOND);
        assertFalse(primary.commits.isAnyWaiting());
        cutOff(1);
        primary.commit(100);
        pass(2 * SECOND);
        assertTrue(primary.commits.isAnyWaiting());
        primary.setNames("", () -> {});
        pass(SECOND);
        assertFalse(primary.commits.isAnyWaiting(), "nobody to wait for");
    }

    @Test
    void aStandbyThatWentBeyondTheForkDoesNotStream() {
        SimPostgres primary = primary();
        SimPostgres standby = standby(1, primary);
        cutOff(0);
        primary.commit(500);
        standby.promote(() -> {});
        pass(5 * SECOND);
        primary.crash("test");
        assertTrue(standby.writable());
        assertEquals(2, standby.data.timelineNumber());
        world.network().heal();
        primary.data.configure(1, "");
        primary.start(true, () -> {});
        pass(20 * SECOND);
        assertFalse(primary.streamsFrom(1));
        assertTrue(primary.compareWith(standby).orElseThrow() instanceof dev.matriarch.agent.ha.Divergence.Found);
    }

    @Test
    void theGuardsStopTheServerAtTheirDeadlineWithoutAnAgent() {
        SimPostgres primary = primary();
        SimGuards guards = world.host(0).guards();
        guards.open();
        long now = world.host(0).uptimeCentis();
        guards.arm(now + 300, now + 330);
        guards.kill(0);
        pass(2 * SECOND);
        assertTrue(primary.writable());
        pass(2 * SECOND);
        assertFalse(primary.alive());
        primary.start(false, () -> {});
        pass(2 * SECOND);
        assertFalse(primary.alive(), "a guard that has fired goes on killing");
    }

    @Test
    void aHangingServerIsKilledByTheGuard() {
        SimPostgres primary = primary();
        world.host(0).guards().open();
        long now = world.host(0).uptimeCentis();
        world.host(0).guards().arm(now + 100, now + 150);
        primary.hung = true;
        pass(1_200_000_000L);
        assertTrue(primary.alive());
        pass(SECOND);
        assertFalse(primary.alive());
    }

    @Test
    void positionsOfTheWalTreeAreCompared() {
        Timeline one = new Timeline(1, null, 0);
        Timeline two = new Timeline(2, one, 100);
        Timeline other = new Timeline(2, one, 100);
        assertTrue(two.holds(150, one, 100));
        assertFalse(two.holds(150, one, 101));
        assertTrue(two.holds(150, two, 150));
        assertFalse(two.holds(150, other, 100), "the same number and position, another history");
        assertEquals(100, two.leaves(1, 150));
        assertEquals(-1, two.leaves(3, 150));
    }

    @Test
    void namesAreReadAsPostgresReadsThem() {
        assertTrue(SyncNames.parse("").isNone());
        assertEquals(new SyncNames(true, 2, List.of("a", "b", "c")), SyncNames.parse("ANY 2 (a,b,\"c\")"));
        assertEquals(new SyncNames(false, 1, List.of("a", "b")), SyncNames.parse("a, b"));
        assertEquals(new SyncNames(false, 2, List.of("*")), SyncNames.parse("2 (*)"));
    }
}
