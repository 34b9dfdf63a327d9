package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A cluster that follows another one. */
class StandbyClusterTest {
    private static final StandbyCluster REMOTE =
            new StandbyCluster("10.9.0.1,10.9.0.2", "5432", "site_b", "", "", "", List.of());
    private static final StandbyCluster ARCHIVE = new StandbyCluster("", "5432", "", "cp %f %p", "", "", List.of());

    private static Scene leading(LocalPostgres postgres, Memories memories) {
        return Scene.leader()
                .standbyCluster(REMOTE)
                .memberRole("n1", "standby_leader")
                .postgres(postgres)
                .situation(memories.following(REMOTE.upstream()).situation());
    }

    private static LocalPostgres notStreaming() {
        LocalPostgres.Status s = Servers.status(true, 100, 1);
        return Servers.running(new LocalPostgres.Status(
                s.inRecovery(),
                s.timeline(),
                s.position(),
                s.received(),
                s.replayed(),
                s.replayPaused(),
                s.replayTimestamp(),
                false,
                s.synchronousStandbyNames(),
                s.reloadTakenUp(),
                s.synchronousCommit(),
                s.senders(),
                List.of(new LocalPostgres.Slot("n2", true, new Lsn(1)), new LocalPostgres.Slot("n3", true, new Lsn(1))),
                s.serverVersion(),
                s.postmasterStartTime(),
                s.pendingRestart()));
    }

    private static LocalPostgres following() {
        return Servers.withSlots(
                true,
                100,
                new LocalPostgres.Slot("n2", true, new Lsn(1)),
                new LocalPostgres.Slot("n3", true, new Lsn(1)));
    }

    // --- the standby leader ---

    @Test
    void theLockHolderFollowsTheRemoteClusterAndIsNotPromoted() {
        Decision decision = leading(following(), new Memories()).decide();
        assertEquals("no action. I am (n1), the standby leader with the lock", decision.because());
        assertInstanceOf(Decision.Wait.class, decision);
        Decision first = Scene.leader()
                .standbyCluster(REMOTE)
                .postgres(following())
                .situation(new Memories().following("n3").situation())
                .decide();
        assertEquals(
                REMOTE.upstream(),
                assertInstanceOf(Decision.Follow.class, first).upstream());
        assertTrue(first.because().startsWith("promoted self to a standby leader by acquiring session lock"));
    }

    @Test
    void aChangedSectionIsFollowedAtOnce() {
        StandbyCluster other = new StandbyCluster("10.9.0.3", "5432", "", "", "", "5min", List.of());
        Decision decision =
                leading(following(), new Memories()).standbyCluster(other).decide();
        assertEquals(
                new Upstream.Remote("10.9.0.3", "5432", "", "5min"),
                assertInstanceOf(Decision.Follow.class, decision).upstream());
    }

    @Test
    void anEmptyClusterIsClonedFromTheRemoteOne() {
        Decision claim =
                leading(Servers.empty(), new Memories()).uninitialized().decide();
        assertEquals("", assertInstanceOf(Decision.WriteInitialize.class, claim).systemIdentifier());
        Decision clone = leading(Servers.empty(), new Memories()).initialize("").decide();
        assertEquals(
                REMOTE.upstream(),
                assertInstanceOf(Decision.CloneRemote.class, clone).from());
        Decision nowhere = leading(Servers.empty(), new Memories())
                .initialize("")
                .standbyCluster(ARCHIVE)
                .decide();
        assertTrue(nowhere.because().contains("names no host"), nowhere::because);
        Decision fromArchive = leading(Servers.empty(), new Memories())
                .initialize("")
                .standbyCluster(ARCHIVE)
                .standbyFromArchive()
                .decide();
        assertEquals(
                ARCHIVE.upstream(),
                assertInstanceOf(Decision.CloneRemote.class, fromArchive).from());
        assertTrue(fromArchive.because().endsWith("from the archive of the remote cluster"), fromArchive::because);
        Decision done = leading(following(), new Memories()).initialize("").decide();
        assertEquals(
                Scene.SYSTEM,
                assertInstanceOf(Decision.WriteInitialize.class, done).systemIdentifier());
    }

    @Test
    void aRealPrimaryInAStandbyClusterIsDemotedInGoodOrderAndKeepsTheLock() {
        Decision.Stop stop = assertInstanceOf(
                Decision.Stop.class,
                leading(Servers.primary(100), new Memories()).decide());
        assertEquals(Decision.StopMode.GRACEFUL, stop.mode());
        assertEquals(false, stop.handOver());
        Decision start = leading(Servers.stopped("shut down"), new Memories()).decide();
        assertEquals(
                REMOTE.upstream(),
                assertInstanceOf(Decision.StartReplica.class, start).upstream());
        assertInstanceOf(
                Decision.Wait.class,
                leading(Servers.primary(100), new Memories()).paused().decide());
    }

    @Test
    void aPrimaryWithoutTheLockStopsAtOnce() {
        Decision decision = Scene.of("n2")
                .standbyCluster(REMOTE)
                .postgres(Servers.primary(100))
                .memberRole("n1", "standby_leader")
                .decide();
        assertEquals(
                Decision.StopMode.IMMEDIATE,
                assertInstanceOf(Decision.Stop.class, decision).mode());
    }

    @Test
    void withoutTheSectionItIsPromotedLikeAnyOther() {
        Scene scene = Scene.leader()
                .memberRole("n1", "standby_leader")
                .postgres(following())
                .situation(new Memories().following(REMOTE.upstream()).situation());
        assertInstanceOf(Decision.Promote.class, scene.decide());
    }

    @Test
    void anAgentWithoutTheStoreLeavesAStandbyLeaderRunningAndAsksForNoPromises() {
        assertInstanceOf(
                Decision.Wait.class,
                leading(following(), new Memories().listed("n1", "n2", "n3"))
                        .failsafe("n1", "n2", "n3")
                        .storeLost()
                        .decide());
    }

    @Test
    void aStandbyLeaderThatDoesNotStartGivesTheLockUp() {
        assertInstanceOf(
                Decision.ReleaseLease.class,
                leading(Servers.stopped("shut down in recovery"), new Memories().failedStarts(2))
                        .decide());
        assertInstanceOf(
                Decision.ReleaseLease.class,
                leading(Servers.stopped("shut down in recovery"), new Memories().steppingDown())
                        .decide());
    }

    // --- divergence ---

    @Test
    void aStandbyLeaderThatCannotStreamIsComparedWithTheRemoteClusterAndRewound() {
        Decision check = leading(notStreaming(), new Memories()).decide();
        Upstream.Of server =
                assertInstanceOf(Decision.CheckDivergence.class, check).leader();
        assertTrue(server.host().startsWith("10.9.0."), server::toString);
        Divergence.Found found = new Divergence.Found("it left", true);
        Memories diverged = new Memories().divergence(found).divergenceEpoch(5);
        assertInstanceOf(Decision.Stop.class, leading(notStreaming(), diverged).decide());
        assertInstanceOf(
                Decision.Rewind.class,
                leading(Servers.stopped("shut down in recovery"), diverged).decide());
        Decision lost = leading(notStreaming(), diverged.rewindFailed()).decide();
        assertTrue(lost.because().contains("nothing is removed"), lost::because);
    }

    @Test
    void anArchiveHasNoHistoryToCompareWith() {
        Decision decision = Scene.leader()
                .standbyCluster(ARCHIVE)
                .memberRole("n1", "standby_leader")
                .postgres(notStreaming())
                .situation(new Memories().following(ARCHIVE.upstream()).situation())
                .decide();
        assertEquals("no action. I am (n1), the standby leader with the lock", decision.because());
    }

    // --- the others ---

    @Test
    void replicasFollowAndCloneTheStandbyLeader() {
        Decision clone = Scene.of("n2")
                .standbyCluster(REMOTE)
                .postgres(Servers.empty())
                .memberRole("n1", "standby_leader")
                .decide();
        assertEquals("n1", assertInstanceOf(Decision.Clone.class, clone).from().member());
        Decision start = Scene.of("n2")
                .standbyCluster(REMOTE)
                .postgres(Servers.stopped("in archive recovery"))
                .memberRole("n1", "standby_leader")
                .decide();
        assertEquals(
                new Upstream.Of("n1", "10.0.0.1", 5432),
                assertInstanceOf(Decision.StartReplica.class, start).upstream());
    }

    @Test
    void aFormerPrimaryIsComparedWithTheRemoteCluster() {
        Decision check = Scene.of("n2")
                .standbyCluster(REMOTE)
                .postgres(Servers.stopped("shut down"))
                .memberRole("n1", "standby_leader")
                .decide();
        Upstream.Of server =
                assertInstanceOf(Decision.CheckDivergence.class, check).leader();
        assertTrue(server.host().startsWith("10.9.0."), server::toString);
    }

    @Test
    void aNewStandbyLeaderIsElectedWhateverTheTimelineAndWithoutBackoff() {
        Decision decision = Scene.of("n2")
                .standbyCluster(REMOTE)
                .postgres(Servers.replica(100))
                .following("n1")
                .unlocked()
                .history(7)
                .checkTimeline()
                .answers(Answers.dead("n1"), Answers.standby("n3", 50))
                .decide();
        assertInstanceOf(Decision.AcquireLease.class, decision, decision::toString);
    }

    // --- synchronous replication ---

    @Test
    void theOldSynchronousSetCountsUntilTheRemoteClusterGoesOnFromHere() {
        Scene scene = leading(following(), new Memories()).sync("n1", 1, "n2");
        scene.synchronous(Settings.Synchronous.OFF);
        assertEquals(
                Optional.empty(),
                assertInstanceOf(Decision.WriteSync.class, scene.decide()).state());
        Scene early = leading(
                        notStreaming(),
                        new Memories().divergence(new Divergence.None()).divergenceEpoch(5))
                .sync("n1", 1, "n2")
                .synchronous(Settings.Synchronous.OFF);
        assertInstanceOf(Decision.Wait.class, early.decide());
    }

    // --- what is published ---

    @Test
    void theStandbyLeaderPublishesItsPositionAndSlots() {
        var status = LeaderStatus.of(leading(following(), new Memories()).observation())
                .orElseThrow();
        assertEquals(new Lsn(100), status.optime());
        assertEquals(Map.of("n2", new Lsn(1), "n3", new Lsn(1)), status.slots());
    }

    @Test
    void physicalSlotsCanBeForStandbyClustersOnly() {
        SlotRules rules = new SlotRules(
                Map.of("feed", SlotRules.Permanent.physical(Optional.of(SlotRules.ClusterType.STANDBY))),
                List.of(),
                SlotRules.Budget.STANDARD);
        Decision decision = leading(following(), new Memories()).slots(rules).decide();
        assertEquals(
                List.of(new SlotChange.CreatePhysical("feed")),
                assertInstanceOf(Decision.SyncSlots.class, decision).changes());
    }

    @Test
    void hostsAndPortsAreTakenOneByOne() {
        assertEquals(
                List.of(5432, 5433),
                StandbyCluster.servers("a, b", "5432,5433").stream()
                        .map(Upstream.Of::port)
                        .toList());
        assertEquals(2, REMOTE.upstream().servers().size());
        assertEquals(List.of(), ARCHIVE.upstream().servers());
    }
}
