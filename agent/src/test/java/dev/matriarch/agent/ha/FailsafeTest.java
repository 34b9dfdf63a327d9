package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** DCS failsafe mode: the primary that lost the store, and the members that promise to leave its lock alone. */
class FailsafeTest {
    private static final long SECOND = 1_000_000_000L;
    private static final String[] ALL = {"n1", "n2", "n3"};

    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    // --- The primary ---

    /** n1, whose last renewal is two seconds old and whose store does not answer. */
    private static Scene cutOff() {
        return Scene.leader()
                .failsafe(ALL)
                .holding(Duration.ofSeconds(3), false)
                .storeLost()
                .situation(new Memories().listed(ALL).situation());
    }

    @Test
    void thePrimaryAsksAllOthersThatMayRace() {
        assertEquals(
                Set.of("n2", "n3"),
                expect(Decision.AskForPromises.class, cutOff()).members());
    }

    @Test
    void itGoesOnWhileThePromisesAreFreshAndThenAsksAgain() {
        Scene kept = cutOff().holdingByPromise(Duration.ofMillis(4_600));
        assertEquals(
                "continue to run as a leader because failsafe mode is enabled and all members are accessible",
                expect(Decision.Wait.class, kept).because());
        expect(Decision.AskForPromises.class, kept.holdingByPromise(Duration.ofMillis(4_400)));
    }

    @Test
    void withoutTheirPromiseItStopsAtItsDeadlineAsEver() {
        Decision.Stop stop = expect(Decision.Stop.class, cutOff().holding(Duration.ofMillis(700), false));
        assertEquals(Decision.StopMode.IMMEDIATE, stop.mode());
        expect(Decision.Stop.class, cutOff().holdingByPromise(Duration.ofMillis(700)));
    }

    @Test
    void itDoesNotAskIfTheModeIsOffOrItIsNotListedOrPausedOrHandingOver() {
        Scene off = Scene.leader()
                .holding(Duration.ofSeconds(3), false)
                .storeLost()
                .situation(new Memories().listed(ALL).situation());
        expect(Decision.Wait.class, off);
        expect(
                Decision.Wait.class,
                cutOff().situation(new Memories().listed("n2", "n3").situation()));
        expect(Decision.Wait.class, cutOff().paused());
        expect(
                Decision.Wait.class,
                cutOff().situation(new Memories().listed(ALL).steppingDown().situation()));
    }

    @Test
    void aStandbyThatHoldsTheLockIsNotKeptInIt() {
        expect(Decision.Wait.class, cutOff().postgres(Servers.replica(100)));
    }

    @Test
    void aSingleMemberNeedsNobodysPromise() {
        assertEquals(
                Set.of(),
                expect(
                                Decision.AskForPromises.class,
                                cutOff().situation(new Memories().listed("n1").situation()))
                        .members());
    }

    @Test
    void whenTheStoreIsBackTheFreeLockIsTakenUpAgain() {
        expect(
                Decision.AcquireLease.class,
                Scene.leader().failsafe(ALL).unlocked().holdingByPromise(Duration.ofSeconds(3)));
        // It is still mine there: an ordinary renewal.
        expect(Decision.RenewLease.class, Scene.leader().failsafe(ALL).holdingByPromise(Duration.ofSeconds(3)));
        // Without promises a lock that is gone is lost.
        expect(
                Decision.RenewLease.class,
                Scene.leader().failsafe(ALL).unlocked().holding(Duration.ofSeconds(3), false));
    }

    @Test
    void theLeaderListsWhoMayRaceAndForgetsThemWhenTheModeIsOff() {
        assertEquals(
                PublishedMembers.apiUrls(ALL),
                expect(Decision.WriteFailsafe.class, Scene.leader().failsafe()).apiUrls());
        expect(Decision.Wait.class, Scene.leader().failsafe(ALL));
        assertEquals(
                PublishedMembers.apiUrls("n1", "n2"),
                expect(
                                Decision.WriteFailsafe.class,
                                Scene.leader().failsafe(ALL).without("n3"))
                        .apiUrls());
        assertEquals(
                Map.of(),
                expect(Decision.WriteFailsafe.class, Scene.leader().listed(ALL)).apiUrls());
        // Not before its own record is there: a list without the leader would end the mode.
        expect(Decision.Wait.class, Scene.leader().failsafe().without("n1"));
    }

    // --- The others ---

    private static Optional<String> refusal(Scene scene, String leader, Duration ttl) {
        Observation seen = scene.observation();
        return Failsafe.refusal(seen, seen.view(), leader, ttl);
    }

    @Test
    void aStandbyPromisesToItsLeaderOrToOneWhoseLockHasExpired() {
        Duration ttl = Duration.ofSeconds(5);
        assertEquals(Optional.empty(), refusal(Scene.replica().failsafe(ALL), "n1", ttl));
        assertEquals(Optional.empty(), refusal(Scene.replica().failsafe(ALL).unlocked(), "n1", ttl));
        assertEquals(Optional.empty(), refusal(Scene.replica().failsafe(ALL).storeLost(), "n1", ttl));
    }

    @Test
    void itRefusesIfItLeadsItselfOrAnotherDoesOrTheModeIsOffOrTheTimeIsTooLong() {
        Duration ttl = Duration.ofSeconds(5);
        assertEquals(Optional.of("running as a leader"), refusal(Scene.leader().failsafe(ALL), "n2", ttl));
        assertEquals(
                Optional.of("running as a leader"),
                refusal(Scene.replica().failsafe(ALL).holding(Duration.ofSeconds(3), true), "n1", ttl));
        assertEquals(
                Optional.of("about to become a primary"),
                refusal(Scene.replica().failsafe(ALL).busy(Task.Kind.PROMOTE), "n1", ttl));
        assertEquals(
                Optional.of("the leader is n3"),
                refusal(Scene.replica().failsafe(ALL).ledBy("n3"), "n1", ttl));
        assertEquals(Optional.of("failsafe mode is not enabled"), refusal(Scene.replica(), "n1", ttl));
        assertTrue(refusal(Scene.replica().failsafe(ALL), "n1", Duration.ofSeconds(6))
                .orElseThrow()
                .contains("asked for 6000 ms"));
    }

    @Test
    void aMemberThatPromisedTakesTheLeaderForTheHolderOfTheFreeLock() {
        Scene scene = Scene.replica().failsafe(ALL).unlocked().answers(Answers.dead("n1"), Answers.standby("n3", 100));
        Memories memories = new Memories().following("n1");
        assertEquals(
                "no action. I am (n2), a secondary, and following a leader (n1)",
                expect(
                                Decision.Wait.class,
                                scene.situation(
                                        memories.promised("n1", Scene.NOW + 1).situation()))
                        .because());
        // To the nanosecond, and not longer.
        expect(
                Decision.AcquireLease.class,
                scene.situation(memories.promised("n1", Scene.NOW).situation()));
    }

    @Test
    void thePromiseHoldsEvenIfTheLeadersRecordAndTheModeAreGone() {
        expect(
                Decision.Wait.class,
                Scene.replica()
                        .unlocked()
                        .without("n1")
                        .answers(Answers.standby("n3", 100))
                        .situation(new Memories()
                                .following("n1")
                                .promised("n1", Scene.NOW + SECOND)
                                .situation()));
    }

    @Test
    void aPromiseGivenWhileTheLockWasBeingTakenMakesItBeGivenBack() {
        Decision.ReleaseLease release = expect(
                Decision.ReleaseLease.class,
                Scene.replica()
                        .failsafe(ALL)
                        .ledBy("n2")
                        .holdingEpoch(6)
                        .situation(new Memories()
                                .promised("n1", Scene.NOW + SECOND)
                                .situation()));
        assertEquals("failsafe: n1 has my promise not to race", release.because());
    }

    @Test
    void beforeTheStoreShowsTheLockItIsNotKnownWhoMayRace() {
        assertEquals(
                "the store does not show my lock here yet",
                expect(
                                Decision.Wait.class,
                                Scene.replica().failsafe(ALL).unlocked().holdingEpoch(6))
                        .because());
        expect(Decision.Promote.class, Scene.replica().failsafe(ALL).ledBy("n2").holdingEpoch(6));
    }

    @Test
    void aMemberThatTheLeaderDidNotListMayNotRace() {
        Scene scene = Scene.replica().failsafe("n1", "n3").unlocked().answers(Answers.dead("n1"), Answers.dead("n3"));
        assertTrue(expect(Decision.Wait.class, scene).because().contains("not among the members"));
        expect(
                Decision.ReleaseLease.class,
                Scene.replica().failsafe("n1", "n3").ledBy("n2").holdingEpoch(6));
        // The list counts until a leader removes it, also if the mode was switched off meanwhile.
        expect(
                Decision.Wait.class,
                Scene.replica().listed("n1", "n3").unlocked().answers(Answers.dead("n1"), Answers.dead("n3")));
    }

    @Test
    void anAgentThatHasJustStartedWaitsAsItMayHavePromised() {
        Scene scene = Scene.replica().failsafe(ALL).unlocked().answers(Answers.dead("n1"), Answers.dead("n3"));
        expect(
                Decision.Wait.class,
                scene.situation(new Memories().startedAt(Scene.NOW - 4 * SECOND).situation()));
        expect(
                Decision.AcquireLease.class,
                scene.situation(new Memories().startedAt(Scene.NOW - 5 * SECOND).situation()));
    }
}
