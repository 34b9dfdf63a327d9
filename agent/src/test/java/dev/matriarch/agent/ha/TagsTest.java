package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** What the tags of members do to following, cloning and slots. */
class TagsTest {
    private static final Map<String, Object> FROM_N3 = Map.of("replicatefrom", "n3");
    private static final Map<String, Object> FROM_N2 = Map.of("replicatefrom", "n2");

    private static Upstream followed(Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(Decision.Follow.class, decision, decision::toString)
                .upstream();
    }

    private static Upstream.Of member(String name) {
        return new Upstream.Of(name, "10.0.0." + name.substring(1), 5432);
    }

    private static Set<String> slots(Scene scene) {
        Observation seen = scene.observation();
        return new SlotPolicy(
                        seen,
                        seen.view().orElseThrow(),
                        seen.postgres().status().orElseThrow())
                .memberSlots();
    }

    // --- replicatefrom ---

    @Test
    void theNamedMemberIsFollowed() {
        assertEquals(member("n3"), followed(Scene.replica().tagged(FROM_N3)));
    }

    @Test
    void theLeaderIsFollowedWhileTheNamedMemberIsAwayOrDown() {
        Scene scene = Scene.replica().following("n3").tagged(FROM_N3);
        assertEquals(member("n1"), followed(scene.memberState("n3", "stopped")));
        assertEquals(
                member("n1"),
                followed(Scene.replica().following("n3").tagged(FROM_N3).without("n3")));
        // And back again.
        assertEquals(member("n3"), followed(Scene.replica().following("n1").tagged(FROM_N3)));
    }

    @Test
    void aMemberThatIsStartedBeginsOnTheNamedMember() {
        Decision decision = Scene.of("n2")
                .ledBy("n1")
                .postgres(Servers.stopped("shut down in recovery"))
                .tagged(FROM_N3)
                .decide();
        assertEquals(
                member("n3"),
                assertInstanceOf(Decision.StartReplica.class, decision).upstream());
    }

    @Test
    void aFormerPrimaryThatHasLostTheLockIsNotFollowed() {
        assertEquals(
                member("n1"),
                followed(Scene.of("n2")
                        .postgres(Servers.replica(100))
                        .following("n3")
                        .ledBy("n3")
                        .ledBy("n1")
                        .memberRole("n3", "primary")
                        .tagged(FROM_N3)));
    }

    @Test
    void aCircleIsNotHeeded() {
        Scene circle = Scene.replica().following("n3").tagged(FROM_N3).memberTagged("n3", FROM_N2);
        Decision decision = circle.decide();
        assertEquals(
                member("n1"), assertInstanceOf(Decision.Follow.class, decision).upstream());
        assertTrue(decision.because().contains("leads back to me"), decision::because);
        // A leader in it breaks the circle: the leader follows nobody.
        assertEquals(
                member("n3"),
                followed(Scene.of("n2")
                        .postgres(Servers.replica(100))
                        .following("n1")
                        .ledBy("n3")
                        .memberTagged("n3", FROM_N2)
                        .tagged(FROM_N3)));
    }

    @Test
    void aLongerCircleIsFoundToo() {
        var view = Scene.replica()
                .memberTagged("n1", Map.of("replicatefrom", "n2"))
                .memberTagged("n2", FROM_N3)
                .memberTagged("n3", Map.of("replicatefrom", "n1"))
                .unlocked()
                .view();
        Cascade cascade = new Cascade(view);
        assertTrue(cascade.goesInACircle("n2", Tags.of(FROM_N3)));
        // Outside of it: whom it names streams from the leader, so nothing is wrong with it.
        assertFalse(cascade.goesInACircle("n4", Tags.of(FROM_N3)));
    }

    // --- nostream ---

    @Test
    void aNostreamMemberFollowsNobody() {
        assertEquals(
                new Upstream.Nobody(), followed(Scene.replica().following("n1").tagged(Map.of("nostream", true))));
        Decision start = Scene.of("n2")
                .ledBy("n1")
                .postgres(Servers.stopped("shut down in recovery"))
                .tagged(Map.of("nostream", true))
                .decide();
        assertEquals(
                new Upstream.Nobody(),
                assertInstanceOf(Decision.StartReplica.class, start).upstream());
    }

    @Test
    void nobodyKeepsASlotForANostreamMember() {
        assertEquals(Set.of("n2"), slots(Scene.leader().memberTagged("n3", Map.of("nostream", true))));
        assertEquals(Set.of("n1"), slots(Scene.replica().memberTagged("n3", Map.of("nostream", true))));
    }

    // --- slots of a cascade ---

    @Test
    void everybodyKeepsTheSlotsOfCascadedMembersToo() {
        assertInstanceOf(
                Decision.Wait.class, Scene.leader().memberTagged("n2", FROM_N3).decide());
        assertInstanceOf(
                Decision.Wait.class, Scene.replica().memberTagged("n3", FROM_N2).decide());
    }

    @Test
    void aMemberThatNeverLeadsKeepsOnlyTheSlotsOfItsOwnCascades() {
        Map<String, Object> never = Map.of("nofailover", true);
        assertEquals(Set.of(), slots(Scene.replica().tagged(never)));
        assertEquals(
                Set.of("n3"),
                slots(Scene.replica().tagged(never).memberTagged("n2", never).memberTagged("n3", FROM_N2)));
    }

    @Test
    void theLeaderMovesTheUnusedSlotsOfCascadedMembersOnButNoOthers() {
        long far = 100L << 20;
        LocalPostgres primary = withIdleSlots(far);
        Decision decision = Scene.leader()
                .postgres(primary)
                .memberAt("n2", far)
                .memberAt("n3", far - 10)
                .memberTagged("n3", FROM_N2)
                .decide();
        assertEquals(
                List.of(new SlotChange.Advance("n3", "", new Lsn(far - 10))),
                assertInstanceOf(Decision.SyncSlots.class, decision, decision::toString)
                        .changes());
    }

    private static LocalPostgres withIdleSlots(long lsn) {
        LocalPostgres.Status s = Servers.status(false, lsn, 1);
        return Servers.running(new LocalPostgres.Status(
                s.inRecovery(),
                s.timeline(),
                s.position(),
                s.received(),
                s.replayed(),
                s.replayPaused(),
                s.replayTimestamp(),
                s.streaming(),
                s.synchronousStandbyNames(),
                s.reloadTakenUp(),
                s.synchronousCommit(),
                s.senders(),
                List.of(
                        new LocalPostgres.Slot("n2", false, new Lsn(1)),
                        new LocalPostgres.Slot("n3", false, new Lsn(1))),
                s.serverVersion(),
                s.postmasterStartTime(),
                s.pendingRestart()));
    }

    @Test
    void theSlotOfAMemberThatLeftIsKeptForAWhile() {
        // Memories says that n3 was here within member_slots_ttl.
        assertInstanceOf(Decision.Wait.class, Scene.leader().without("n3").decide());
    }

    @Test
    void withoutUseSlotsThereAreNone() {
        assertEquals(Set.of(), slots(Scene.leader().withoutSlots()));
        assertEquals(Set.of(), slots(Scene.replica().withoutSlots()));
    }

    // --- clonefrom ---

    @Test
    void aTaggedStandbyIsClonedAndAllOfThemGetTheirTurn() {
        Map<String, Object> source = Map.of("clonefrom", true);
        Set<String> chosen = new TreeSet<>();
        for (int i = 0; i < 40; i++) {
            Scene scene = Scene.of("n4")
                    .postgres(Servers.empty())
                    .memberTagged("n1", source)
                    .memberTagged("n2", source)
                    .memberTagged("n3", source)
                    .later(i * 1_000_000L);
            Decision decision = scene.decide();
            chosen.add(assertInstanceOf(Decision.Clone.class, decision).from().member());
        }
        // Never the leader, tagged or not.
        assertEquals(Set.of("n2", "n3"), chosen);
    }

    @Test
    void withoutARunningTaggedStandbyTheLeaderIsCloned() {
        Decision decision = Scene.of("n4")
                .postgres(Servers.empty())
                .memberTagged("n2", Map.of("clonefrom", true))
                .memberState("n2", "starting")
                .decide();
        assertEquals(
                "n1", assertInstanceOf(Decision.Clone.class, decision).from().member());
    }

    // --- values ---

    @Test
    void tagsAreReadAsPublished() {
        assertEquals(Tags.NONE, Tags.of(Map.of("region", "eu", "noloadbalance", true)));
        assertEquals(
                new Tags(true, 0, true, Optional.of("n3")),
                Tags.of(Map.of("failover_priority", 0, "nostream", true, "replicatefrom", "n3")));
        // A Patroni member may publish both: the flag wins there, and so it does here.
        assertFalse(Tags.of(Map.of("nofailover", false, "failover_priority", 0)).nofailover());
    }
}
