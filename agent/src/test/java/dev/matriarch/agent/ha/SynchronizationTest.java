package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.Settings.Synchronous;
import dev.matriarch.agent.ha.Settings.Synchronous.Mode;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class SynchronizationTest {
    private static Synchronous asked(Mode mode, boolean strict, int count, long lag) {
        return new Synchronous(mode, strict, count, lag, "");
    }

    private static SyncModel model(Mode mode, boolean strict, int count) {
        SyncModel model = new SyncModel();
        model.settings = asked(mode, strict, count, 0);
        return model;
    }

    /** Lets the leader do what it wants until it wants nothing more; returns the steps. */
    private static List<Decision> settle(SyncModel model) {
        List<Decision> steps = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            model.connected.forEach(n -> model.stream(n, 1000));
            Optional<Decision> step = model.next();
            if (step.isEmpty()) {
                return steps;
            }
            steps.add(step.get());
            model.apply(step.get());
        }
        throw new AssertionError(model.story);
    }

    private static SyncState sync(SyncModel model) {
        return model.sync.orElseThrow().value();
    }

    private static SyncState state(String leader, int quorum, String... voters) {
        return new SyncState(leader, new TreeSet<>(Set.of(voters)), quorum);
    }

    @Test
    void modeOnNamesAsManyStandbysAsAskedForOnBothSides() {
        SyncModel model = model(Mode.ON, false, 2);
        List.of("b", "c", "d").forEach(model::connect);
        settle(model);
        assertEquals("2 (b,c)", model.names);
        assertEquals(state("a", 0, "b", "c"), sync(model));
        model.settings = asked(Mode.ON, false, 1, 0);
        settle(model);
        assertEquals("b", model.names);
        assertEquals(state("a", 0, "b"), sync(model));
    }

    @Test
    void storesListShrinksBeforePostgresAndGrowsAfterIt() {
        SyncModel model = model(Mode.ON, false, 1);
        List.of("b", "c").forEach(model::connect);
        settle(model);
        model.connected.remove("b");
        List<Decision> steps = settle(model);
        assertEquals(
                Optional.of(state("a", 0)),
                assertInstanceOf(Decision.WriteSync.class, steps.get(0)).state());
        assertEquals(
                "c",
                assertInstanceOf(Decision.SetStandbyNames.class, steps.get(1)).setting());
        assertEquals(
                Optional.of(state("a", 0, "c")),
                assertInstanceOf(Decision.WriteSync.class, steps.get(2)).state());
    }

    @Test
    void withoutStandbysCommitsGoOnAfterTheStoreForgotThem() {
        SyncModel model = model(Mode.ON, false, 1);
        model.connect("b");
        settle(model);
        model.connected.clear();
        List<Decision> steps = settle(model);
        assertTrue(((Decision.WriteSync) steps.get(0))
                .state()
                .orElseThrow()
                .voters()
                .isEmpty());
        assertEquals("", ((Decision.SetStandbyNames) steps.get(1)).setting());
    }

    @Test
    void strictModeKeepsTheLastStandbysWhoMayStillLead() {
        for (Mode mode : List.of(Mode.ON, Mode.QUORUM)) {
            SyncModel model = model(mode, true, 1);
            settle(model);
            assertEquals(StandbyNames.PLACEHOLDER, model.names);
            model.connect("b");
            settle(model);
            assertEquals(mode == Mode.ON ? "b" : "ANY 1 (b)", model.names);
            model.connected.clear();
            assertTrue(settle(model).isEmpty(), model.story::toString);
            assertEquals(state("a", 0, "b"), sync(model));
            // The mode can be left without losing anybody.
            model.settings = asked(mode, false, 1, 0);
            settle(model);
            assertEquals("", model.names);
            assertEquals(state("a", 0), sync(model));
        }
    }

    @Test
    void strictPrimaryThatStartsAloneBlocksCommits() {
        Settings.Synchronous strict = asked(Mode.ON, true, 1, 0);
        SyncModel model = model(Mode.ON, true, 1);
        model.restartPrimary();
        assertEquals(StandbyNames.PLACEHOLDER, model.names);
        model.settings = strict;
        model.connect("b");
        settle(model);
        model.restartPrimary();
        assertEquals("b", model.names);
    }

    @Test
    void promotedInModeOnLeadsAloneUntilStandbysConfirm() {
        SyncModel model = model(Mode.ON, false, 1);
        model.connect("b");
        settle(model);
        model.elected("b");
        assertEquals(
                Optional.of(state("b", 0)),
                assertInstanceOf(Decision.WriteSync.class, model.next().orElseThrow())
                        .state());
        model.apply(model.next().orElseThrow());
        assertInstanceOf(Decision.Promote.class, model.next().orElseThrow());
        assertEquals("", model.names);
    }

    @Test
    void promotedInStrictModeWaitsForTheOthersOfTheOldSet() {
        SyncModel model = model(Mode.ON, true, 2);
        List.of("b", "c").forEach(model::connect);
        settle(model);
        model.elected("b");
        assertEquals("2 (a,c)", ((Decision.SetStandbyNames) model.next().orElseThrow()).setting());
        model.apply(model.next().orElseThrow());
        assertEquals(
                Optional.of(state("b", 0, "a", "c")),
                ((Decision.WriteSync) model.next().orElseThrow()).state());
        model.apply(model.next().orElseThrow());
        assertInstanceOf(Decision.Promote.class, model.next().orElseThrow());
    }

    @Test
    void promotedInQuorumModeWaitsForTheOthersOfTheOldSet() {
        SyncModel model = model(Mode.QUORUM, false, 1);
        List.of("b", "c").forEach(model::connect);
        settle(model);
        assertEquals(state("a", 1, "b", "c"), sync(model));
        model.elected("b");
        assertEquals("ANY 1 (a,c)", ((Decision.SetStandbyNames) model.next().orElseThrow()).setting());
        model.apply(model.next().orElseThrow());
        assertEquals(
                Optional.of(state("b", 1, "a", "c")),
                ((Decision.WriteSync) model.next().orElseThrow()).state());
    }

    @Test
    void afterAFailoverStandbysAreGivenATtlToConnectUnlessTheirAgentsAreSilent() {
        for (Mode mode : List.of(Mode.ON, Mode.QUORUM)) {
            for (boolean forgotten : List.of(true, false)) {
                SyncModel model = model(mode, false, 1);
                model.connect("b");
                settle(model);
                model.elected("b");
                while (!model.promoted) {
                    model.apply(model.next().orElseThrow());
                }
                boolean waits = mode == Mode.QUORUM;
                assertEquals(waits ? "ANY 1 (a)" : "", model.names);
                assertTrue(settle(model).isEmpty(), model.story::toString);
                (forgotten ? model.forgotten : model.stale).add("a");
                settle(model);
                assertEquals("", model.names);
                assertEquals(state("b", 0), sync(model));
            }
        }
    }

    @Test
    void whoComesBackUnderItsOwnSetWaitsForItFromTheFirstCommitOn() {
        SyncModel model = model(Mode.QUORUM, false, 1);
        List.of("b", "c").forEach(model::connect);
        settle(model);
        model.elected("a");
        assertEquals("ANY 1 (b,c)", ((Decision.SetStandbyNames) model.next().orElseThrow()).setting());
    }

    @Test
    void modesAreSwitchedInAnOrderThatKeepsThePromise() {
        SyncModel model = model(Mode.ON, false, 1);
        List.of("b", "c").forEach(model::connect);
        settle(model);
        model.settings = asked(Mode.QUORUM, false, 1, 0);
        settle(model);
        assertEquals("ANY 1 (b,c)", model.names);
        assertEquals(state("a", 1, "b", "c"), sync(model));
        model.settings = asked(Mode.ON, false, 1, 0);
        settle(model);
        assertEquals("b", model.names);
        assertEquals(state("a", 0, "b"), sync(model));
        model.settings = new Synchronous(Mode.OFF, false, 1, 0, "FIRST 1 (x, \"Y-1\")");
        List<Decision> steps = settle(model);
        assertEquals(Optional.empty(), ((Decision.WriteSync) steps.get(0)).state());
        assertEquals("FIRST 1 (x, \"Y-1\")", model.names);
    }

    @Test
    void promotionWaitsUntilPostgresGoesByTheNewList() {
        SyncModel model = model(Mode.QUORUM, false, 1);
        List.of("b", "c").forEach(model::connect);
        settle(model);
        model.elected("b");
        model.apply(model.next().orElseThrow());
        model.apply(model.next().orElseThrow());
        model.takenUp = false;
        assertInstanceOf(Decision.Wait.class, model.next().orElseThrow());
        model.takenUp = true;
        assertInstanceOf(Decision.Promote.class, model.next().orElseThrow());
    }

    @Test
    void starIsReplaced() {
        SyncModel model = model(Mode.ON, false, 1);
        model.connect("b");
        settle(model);
        model.names = "*";
        settle(model);
        assertEquals("b", model.names);
        assertEquals(state("a", 0, "b"), sync(model));
    }

    @Test
    void tagsSayWhoIsWaitedFor() {
        SyncModel model = model(Mode.ON, false, 1);
        List.of("b", "c", "d").forEach(model::connect);
        model.tags.put("b", Map.of("nosync", true, "sync_priority", 5));
        model.tags.put("d", Map.of("sync_priority", 2));
        settle(model);
        assertEquals("d", model.names);
        model.tags.put("d", Map.of("nofailover", true, "sync_priority", 2));
        settle(model);
        assertEquals("c", model.names);
        model.tags.put("c", Map.of("sync_priority", 0));
        settle(model);
        assertEquals("d", model.names);
    }

    @Test
    void whoStopsIsNotWaitedForButWhoIsSlowIs() {
        SyncModel model = model(Mode.ON, false, 1);
        List.of("b", "c").forEach(model::connect);
        model.states.put("b", "unknown");
        settle(model);
        assertEquals("b", model.names);
        model.states.put("b", "stopping");
        settle(model);
        assertEquals("c", model.names);
    }

    @Test
    void cascadedStandbyIsNoCandidateWhileItsSourceStreamsFromTheLeader() {
        SyncModel model = model(Mode.ON, false, 2);
        List.of("b", "c").forEach(model::connect);
        model.tags.put("c", Map.of("replicatefrom", "b"));
        settle(model);
        assertEquals("b", model.names);
        model.connected.remove("b");
        settle(model);
        assertEquals("c", model.names);
    }

    @Test
    void standbysOfACircleStreamFromTheLeaderAndAreWaitedFor() {
        SyncModel model = model(Mode.ON, false, 2);
        List.of("b", "c").forEach(model::connect);
        model.tags.put("b", Map.of("replicatefrom", "c"));
        model.tags.put("c", Map.of("replicatefrom", "b"));
        settle(model);
        assertEquals("2 (b,c)", model.names);
    }

    @Test
    void slowStandbyIsReplaced() {
        SyncModel model = model(Mode.ON, false, 1);
        List.of("b", "c").forEach(model::connect);
        settle(model);
        assertEquals("b", model.names);
        model.settings = asked(Mode.ON, false, 1, 3);
        for (int i = 0; i < 5; i++) {
            model.commit();
        }
        model.stream("c", 5);
        while (model.next().isPresent()) {
            model.apply(model.next().get());
        }
        assertEquals("c", model.names);
        assertEquals(state("a", 0, "c"), sync(model));
    }

    /** Its standbys are the same ones, but who wrote it could come back without votes, and without this leader's commits. */
    @Test
    void keyOfAnotherLeaderPromisesNothingAboutThisOne() {
        SyncModel model = model(Mode.QUORUM, false, 1);
        model.connect("c");
        settle(model);
        assertEquals("ANY 1 (c)", model.names);
        assertEquals(Optional.empty(), model.next());
        model.sync = Optional.of(new Versioned<>(state("b", 0, "c"), 99));
        assertEquals(
                Optional.of(state("a", 0)),
                assertInstanceOf(Decision.WriteSync.class, model.next().orElseThrow())
                        .state());
    }

    @Test
    void positionThatCountsFollowsSynchronousCommit() {
        var sender =
                new LocalPostgres.Sender("n2", "r", "", "streaming", "sync", 1, new Lsn(30), new Lsn(20), new Lsn(10));
        for (var expected :
                Map.of("remote_apply", 10, "on", 20, "remote_write", 30).entrySet()) {
            LocalPostgres.Status s = Servers.status(false, 30, 1);
            var status = new LocalPostgres.Status(
                    false,
                    1,
                    s.position(),
                    Lsn.INVALID,
                    Lsn.INVALID,
                    false,
                    Optional.empty(),
                    false,
                    "n2",
                    true,
                    expected.getKey(),
                    List.of(sender),
                    List.of(),
                    150_000,
                    "",
                    Map.of());
            SyncCandidates candidates =
                    SyncCandidates.of(Scene.leader().view(), "n1", status, asked(Mode.ON, false, 1, 0));
            assertTrue(candidates
                    .confirmed(Optional.of(new Lsn(expected.getValue())))
                    .contains("n2"));
            assertFalse(candidates
                    .confirmed(Optional.of(new Lsn(expected.getValue() + 1)))
                    .contains("n2"));
        }
    }

    @Test
    void oldServersGetTheFormThatTheyKnow() {
        Synchronous quorum = asked(Mode.QUORUM, false, 2, 0);
        assertEquals(new SyncRules(Mode.QUORUM, StandbyNames.Kind.ANY, 2, false), SyncRules.of(quorum, 100_000));
        assertEquals(new SyncRules(Mode.QUORUM, StandbyNames.Kind.FIRST, 2, false), SyncRules.of(quorum, 90_600));
        assertEquals(new SyncRules(Mode.ON, StandbyNames.Kind.FIRST, 1, false), SyncRules.of(quorum, 90_500));
    }

    @Test
    void inModeOnOnlyTheSynchronousSetStandsForElection() {
        Decision outside = Scene.election("n2", Mode.ON, "n1", "n3").decide();
        assertTrue(outside.because().contains("I was not a synchronous standby of n1"), outside::toString);
        // A standby that nobody waits for may be ahead with what nobody acknowledged.
        Decision inside = Scene.election("n3", Mode.ON, "n1", "n3").decide();
        assertInstanceOf(Decision.AcquireLease.class, inside, inside::toString);
    }
}
