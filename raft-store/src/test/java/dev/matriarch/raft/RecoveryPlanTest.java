package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.Operation;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.PeerSight;
import dev.matriarch.proto.store.v1.Put;
import dev.matriarch.proto.store.v1.RaiseRevision;
import dev.matriarch.proto.store.v1.ServerNote;
import dev.matriarch.proto.store.v1.SurveyReply;
import dev.matriarch.proto.store.v1.ViewReply;
import dev.matriarch.raft.RecoveryPlan.Heard;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.SavedStore;
import dev.matriarch.raft.state.StoreState;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Who survives, who has what, and what is refused. */
class RecoveryPlanTest {
    private static final String GROUP = "0a0a0a0a-0000-0000-0000-000000000001";

    private static PeerIdentity peer(int i) {
        return PeerIdentity.newBuilder()
                .setPeerId("n" + i + "-abcd")
                .setName("n" + i)
                .setAddress("10.0.0." + i + ":7000")
                .build();
    }

    private static StoreState state(Map<String, String> keys) {
        Command.Builder command = Command.newBuilder().setFormatVersion(Apply.FORMAT_VERSION);
        keys.forEach((key, value) -> command.addOperations(
                Operation.newBuilder().setPut(Put.newBuilder().setKey(key).setValue(ByteString.copyFromUtf8(value)))));
        return Apply.apply(StoreState.EMPTY, command.build()).state();
    }

    private static StoreState led(String leader, Optional<SyncState> sync) {
        Map<String, String> keys = new LinkedHashMap<>();
        keys.put(ClusterKeys.INITIALIZE, "7001");
        keys.put(ClusterKeys.CONFIG, "{\"ttl\":20}");
        keys.put(ClusterKeys.LEADER, leader);
        keys.put(
                ClusterKeys.STATUS,
                ClusterJson.writeStatus(new ClusterStatus(new Lsn(0x9000), Map.of("slot", new Lsn(5)), List.of())));
        sync.ifPresent(s -> keys.put(ClusterKeys.SYNC, ClusterJson.writeSync(Optional.of(s))));
        return state(keys);
    }

    private static Optional<SyncState> sync(int quorum, String... voters) {
        return Optional.of(new SyncState("n1", new TreeSet<>(Set.of(voters)), quorum));
    }

    private static ServerNote server(int timeline, long lsn) {
        return ServerNote.newBuilder()
                .setData(true)
                .setRunning(true)
                .setInRecovery(true)
                .setTimeline(timeline)
                .setLsn(lsn)
                .setSystemIdentifier("7001")
                .build();
    }

    private static SurveyReply answer(int i, int voters, long index, StoreState state, ServerNote server) {
        ViewReply.Builder view = ViewReply.newBuilder()
                .setMe(peer(i))
                .setScope("demo")
                .setGroupId(GROUP)
                .setLastContactMillis(7000);
        IntStream.rangeClosed(1, voters)
                .forEach(v -> view.addPeers(PeerSight.newBuilder().setPeer(peer(v))));
        SurveyReply.Builder reply = SurveyReply.newBuilder()
                .setView(view)
                .setLastTerm(3)
                .setLastIndex(index)
                .setSaved(ByteString.copyFrom(new SavedStore("demo", GROUP, 1, state).bytes()));
        if (server != null) {
            reply.setServer(server);
        }
        return reply.build();
    }

    private static Recovery plan(SurveyReply... answers) {
        return plan(Map.of(), answers);
    }

    private static Recovery plan(Map<String, String> alive, SurveyReply... answers) {
        Map<String, Heard> heard = new LinkedHashMap<>();
        for (SurveyReply a : answers) {
            heard.put(a.getView().getMe().getAddress(), new Heard(Optional.of(a.getView()), Optional.of(a)));
        }
        return RecoveryPlan.of("demo", answers[0], heard, alive);
    }

    private static void refuses(Recovery found, String part) {
        assertTrue(found.refusals().toString().contains(part), found.refusals().toString());
    }

    @Test
    void serversAreRankedByTimelineThenByPositionAndTheNewestStoreFounds() {
        StoreState state = led("n1", Optional.empty());
        Recovery found = plan(
                answer(4, 7, 12, state, server(2, 0x9999)),
                answer(5, 7, 14, state, server(3, 0x1000)),
                answer(6, 7, 13, state, server(3, 0x2000)));
        assertEquals(List.of(), found.refusals());
        assertEquals(
                List.of("n6", "n5", "n4"),
                found.survivors().stream().map(Recovery.Survivor::name).toList());
        assertEquals("n5", found.founder().orElseThrow().name());
        assertEquals(
                List.of("n1", "n2", "n3", "n7"),
                found.dead().stream().map(Recovery.Dead::name).toList());
        assertEquals(23_000, found.waitMillis(), "a lease of 20 s, a tenth, and a second");
    }

    @Test
    void aSynchronousStandbyHasEveryAcknowledgedCommit() {
        Recovery found = plan(answer(3, 3, 9, led("n1", sync(0, "n3")), server(1, 0x5000)));
        assertTrue(found.lossless());
        assertEquals(List.of("n3"), found.safe());
        assertTrue(found.findings().toString().contains("Every acknowledged commit is on n3"));
    }

    @Test
    void whoWasNotSynchronousMayLackCommits() {
        Recovery found = plan(answer(3, 3, 9, led("n1", sync(0, "n2")), server(1, 0x5000)));
        assertFalse(found.lossless());
        assertEquals(List.of(), found.safe(), "anybody may lead, or nobody could");
        String said = found.findings().toString();
        assertTrue(said.contains("commits acknowledged after 0/5000"), said);
        assertTrue(said.contains("at least 16384 bytes of WAL are lost for certain"), said);
        assertTrue(said.contains("n1, n2: keep them"), said);
    }

    @Test
    void aSynchronousStandbyOnAnOldTimelineIsNoProof() {
        Recovery found = plan(
                answer(4, 5, 9, led("n1", sync(0, "n4")), server(1, 0x9000)),
                answer(5, 5, 9, led("n1", sync(0, "n4")), server(2, 0x5000)));
        assertFalse(found.lossless());
    }

    @Test
    void aQuorumIsOnlyGoodIfNoCommitCanHaveMissedTheSurvivors() {
        StoreState one = led("n1", sync(1, "n2", "n3"));
        assertFalse(plan(answer(3, 5, 9, one, server(1, 0x5000))).lossless(), "it may be on n2 only");
        Recovery two = plan(answer(2, 5, 9, one, server(1, 0x4000)), answer(3, 5, 9, one, server(1, 0x5000)));
        assertTrue(two.lossless());
        assertEquals(List.of("n3"), two.safe(), "the better of the two has what either has");
    }

    @Test
    void aStoppedServerSaysTooLittleForAQuorum() {
        StoreState two = led("n1", sync(1, "n2", "n3"));
        Recovery found = plan(
                answer(2, 5, 9, two, server(1, 0x4000)),
                answer(
                        3,
                        5,
                        9,
                        two,
                        server(1, 0x5000).toBuilder().setRunning(false).build()));
        assertFalse(found.lossless(), "what n3 has may lie behind its control file");
        assertEquals(List.of(), found.safe());
        assertTrue(found.findings().toString().contains("PostgreSQL does not run on n3"));
    }

    @Test
    void nobodyCallsAnOldCopyLossless() {
        StoreState state = led("n1", sync(0, "n3"));
        SurveyReply silent = answer(3, 5, 9, state, server(1, 0x5000));
        silent = silent.toBuilder()
                .setView(silent.getView().toBuilder().clearLastContactMillis())
                .build();
        Recovery found = plan(silent, answer(4, 5, 8, state, server(1, 0x4000)));
        assertFalse(found.lossless(), "n4 has heard the store, but the copy of n3 is the newest");
        assertTrue(found.findings().toString().contains("How old that is cannot be told"));
    }

    @Test
    void whoMayNotLeadIsNoSafePlaceAndIsNotTheOneThatMay() {
        ServerNote never = server(1, 0x5000).toBuilder().setNofailover(true).build();
        Recovery alone = plan(answer(3, 3, 9, led("n1", sync(0, "n3")), never));
        assertFalse(alone.lossless());
        assertEquals(List.of(), alone.mayLead());
        assertFalse(plan(answer(1, 3, 9, led("n1", Optional.empty()), never)).lossless());
        StoreState nobody = led("n1", Optional.empty());
        Recovery lossy = plan(
                answer(3, 7, 9, nobody, never),
                answer(4, 7, 9, nobody, server(1, 0x4000)),
                answer(5, 7, 12, nobody, server(1, 0x3000)));
        assertEquals("n5", lossy.founder().orElseThrow().name());
        assertEquals(List.of("n4"), lossy.mayLead(), "not the founder: the best server that may lead");
    }

    @Test
    void modesThatChangeWhatFollowsAreNamed() {
        StoreState state = state(Map.of(
                ClusterKeys.INITIALIZE,
                "7001",
                ClusterKeys.CONFIG,
                "{\"pause\":true,\"failsafe_mode\":\"on\",\"standby_cluster\":{\"host\":\"a\"}}"));
        String said = plan(answer(3, 3, 9, state, server(1, 0x5000))).findings().toString();
        assertTrue(said.contains("is paused"), said);
        assertTrue(said.contains("failsafe_mode is on"), said);
        assertTrue(said.contains("standby cluster"), said);
    }

    @Test
    void theOldLeaderHasAllButAnotherMayBeFasterIfNobodyWasSynchronous() {
        StoreState state = led("n1", Optional.empty());
        assertTrue(plan(answer(1, 3, 9, state, server(1, 0x9000))).lossless());
        Recovery two = plan(answer(1, 5, 9, state, server(1, 0x9000)), answer(2, 5, 9, state, server(1, 0x8000)));
        assertFalse(two.lossless());
        assertTrue(
                two.findings().toString().contains("commits after 0/8000"),
                two.findings().toString());
        assertTrue(plan(answer(1, 5, 9, led("n1", sync(0, "n3")), server(1, 0x9000)), answer(2, 5, 9, state, null))
                .lossless());
    }

    @Test
    void ofTwoStoresInThePlaceOfOneExactlyOneYields() {
        GivenUp one = GivenUp.newBuilder().setGroupId(GROUP).setSuccessor("b").build();
        GivenUp other = one.toBuilder().setSuccessor("c").build();
        assertEquals(Optional.of(GROUP), Reforming.givenUpTwice(List.of(one), List.of(other)));
        assertEquals(Optional.empty(), Reforming.givenUpTwice(List.of(one), List.of(one)));
        GivenUp next = GivenUp.newBuilder().setGroupId("b").setSuccessor("d").build();
        assertEquals(Optional.empty(), Reforming.givenUpTwice(List.of(one), List.of(one, next)), "one after the other");
        Reforming.Rival planned = new Reforming.Rival(false, 0, "z");
        Reforming.Rival small = new Reforming.Rival(true, 1, "y");
        Reforming.Rival grown = new Reforming.Rival(true, 3, "b");
        Reforming.Rival alike = new Reforming.Rival(true, 3, "c");
        List<Reforming.Rival> weakestFirst = List.of(new Reforming.Rival(false, 0, "a"), planned, small, grown, alike);
        for (int i = 0; i < weakestFirst.size(); i++) {
            for (int j = 0; j < weakestFirst.size(); j++) {
                if (i != j) {
                    assertEquals(i < j, Reforming.yields(weakestFirst.get(i), weakestFirst.get(j)), i + " and " + j);
                }
            }
        }
    }

    @Test
    void whatWasOrderedLongAgoIsNotCarriedOut() {
        Instant ordered = Instant.parse("2026-11-21T12:00:00Z");
        assertFalse(Reforming.isStale(ordered, ordered));
        assertFalse(Reforming.isStale(ordered, ordered.plus(Reforming.LONGEST_INTERRUPTION)));
        assertTrue(Reforming.isStale(
                ordered, ordered.plus(Reforming.LONGEST_INTERRUPTION).plusSeconds(1)));
        assertTrue(Reforming.isStale(ordered, ordered.minusSeconds(1)), "a clock that was set back tells nothing");
    }

    @Test
    void whatIsNotLostIsNotRecovered() {
        StoreState state = led("n1", Optional.empty());
        refuses(
                plan(answer(2, 3, 9, state, server(1, 1)), answer(3, 3, 9, state, server(1, 1))),
                "2 of 3 peers answer, and 2 are enough");
        refuses(
                plan(Map.of("n1", "its agent at 10.0.0.1:7001 does"), answer(3, 3, 9, state, server(1, 1))),
                "the member is not dead");
    }

    @Test
    void otherDatabasesOtherStoresAndPeersWithoutOneAreRefused() {
        StoreState state = led("n1", Optional.empty());
        SurveyReply me = answer(3, 5, 9, state, server(1, 0x5000));
        SurveyReply foreign = answer(
                4,
                5,
                9,
                state,
                server(1, 0x5000).toBuilder().setSystemIdentifier("7002").build());
        refuses(plan(me, foreign), "do not hold the same database");
        SurveyReply elsewhere = me.toBuilder()
                .setView(me.getView().toBuilder().setMe(peer(4)).setGroupId("another"))
                .build();
        refuses(plan(me, elsewhere), "part of another store (another)");
        SurveyReply broken = answer(4, 5, 9, state, null).toBuilder()
                .clearSaved()
                .setView(me.getView().toBuilder().setMe(peer(4)).setProblem("the disk is full"))
                .build();
        refuses(plan(me, broken), "the disk is full");
        Heard old = new Heard(Optional.of(broken.getView()), Optional.empty());
        Recovery tooOld = RecoveryPlan.of(
                "demo",
                me,
                Map.of("10.0.0.3:7000", new Heard(Optional.of(me.getView()), Optional.of(me)), "10.0.0.4:7000", old),
                Map.of());
        refuses(tooOld, "too old for this question");
        refuses(plan(answer(3, 3, 9, state, null)), "no survivor has a PostgreSQL data directory");
        refuses(plan(broken), "the disk is full");
    }

    @Test
    void anEmptyPeerAtADeadOnesAddressIsNoSurvivor() {
        StoreState state = led("n1", Optional.empty());
        SurveyReply me = answer(3, 3, 9, state, server(1, 0x5000));
        SurveyReply empty = SurveyReply.newBuilder()
                .setView(ViewReply.newBuilder()
                        .setMe(peer(1).toBuilder().setPeerId("n1-0000"))
                        .setScope("demo"))
                .build();
        Recovery found = plan(me, empty);
        assertEquals(List.of(), found.refusals());
        assertEquals(
                List.of("n1-abcd", "n2-abcd"),
                found.dead().stream().map(Recovery.Dead::peerId).toList());
    }

    @Test
    void theNewStoreBeginsWithoutLeaderAndWithoutItsLastPositionAndCountsOn() {
        StoreState old = Apply.apply(
                        led("n1", sync(0, "n2", "n3")),
                        Command.newBuilder()
                                .setFormatVersion(Apply.FORMAT_VERSION)
                                .addOperations(Operation.newBuilder()
                                        .setRaiseRevision(
                                                RaiseRevision.newBuilder().setRevision(5000)))
                                .addOperations(Operation.newBuilder()
                                        .setPut(Put.newBuilder().setKey(ClusterKeys.FAILOVER)))
                                .addOperations(Operation.newBuilder()
                                        .setPut(Put.newBuilder()
                                                .setKey(ClusterKeys.FAILSAFE)
                                                .setValue(ByteString.copyFromUtf8(
                                                        "{\"n1\":\"http://one\",\"n2\":\"http://two\"}"))))
                                .build())
                .state();
        assertEquals(5001, old.entry(ClusterKeys.FAILOVER).orElseThrow().modRevision());
        GivenUp givenUp = GivenUp.newBuilder()
                .setGroupId(GROUP)
                .setSuccessor("next")
                .addMembers(peer(1))
                .build();
        StoreState next = Apply.apply(
                        StoreState.EMPTY, Reforming.seed(old, givenUp, List.of("n2", "n3"), List.of("n2", "n3"), 1))
                .state();
        var view = new ClusterViews().of(next);
        assertEquals("7001", view.initialize().orElseThrow().value());
        assertEquals("{\"ttl\":20}", view.config().orElseThrow().value());
        assertTrue(view.leader().isEmpty());
        assertTrue(view.failover().isEmpty());
        assertEquals(Map.of("n2", "http://two", "n3", ""), view.failsafe(), "the survivors may race");
        assertEquals(Lsn.INVALID, view.status().optime(), "who lags may lead: a person has agreed to that");
        assertEquals(Map.of("slot", new Lsn(5)), view.status().slots());
        assertEquals(
                new SyncState("n2", new TreeSet<>(Set.of("n3")), 0),
                view.sync().orElseThrow().value());
        assertTrue(next.entries().values().stream().allMatch(e -> e.modRevision() > 5002));
        assertEquals(List.of(givenUp), Reforming.givenUp(next));
        // Given up in its turn: who comes back from the first hears of the last.
        GivenUp second =
                GivenUp.newBuilder().setGroupId("next").setSuccessor("last").build();
        StoreState last = Apply.apply(StoreState.EMPTY, Reforming.seed(next, second, List.of(), List.of(), 2))
                .state();
        assertEquals(
                "last",
                Reforming.about(GROUP, Reforming.givenUp(last)).orElseThrow().getSuccessor());
        assertTrue(new ClusterViews().of(last).sync().isEmpty());
        assertTrue(Reforming.about("last", Reforming.givenUp(last)).isEmpty());
    }

    private static SurveyReply listening(SurveyReply answer, long heardMillis) {
        SurveyReply.Builder listener = answer.toBuilder();
        listener.getViewBuilder()
                .setLastContactMillis(heardMillis)
                .getMeBuilder()
                .setListener(true);
        return listener.build();
    }

    private static SurveyReply withListener(SurveyReply answer, int i) {
        SurveyReply.Builder more = answer.toBuilder();
        more.getViewBuilder().addPeersBuilder().setPeer(peer(i).toBuilder().setListener(true));
        return more.build();
    }

    @Test
    void aListenerIsNeitherSurvivorNorDeadAndItsWordOfALeaderCounts() {
        StoreState state = led("n1", Optional.empty());
        SurveyReply one = withListener(answer(1, 3, 10, state, server(1, 0x9000)), 4);
        Recovery dead = plan(one);
        assertEquals(
                List.of("n2", "n3"),
                dead.dead().stream().map(Recovery.Dead::name).toList());
        Recovery alive = plan(one, listening(withListener(answer(4, 3, 12, state, null), 4), 9000));
        assertFalse(alive.refused(), alive.refusals().toString());
        assertEquals(
                List.of("n1"),
                alive.survivors().stream().map(Recovery.Survivor::name).toList());
        assertEquals("n1", alive.founder().orElseThrow().name());
        Recovery heard = plan(one, listening(withListener(answer(4, 3, 12, state, null), 4), 100));
        assertTrue(
                heard.refusals().getFirst().contains("the listener n4 hears a Raft leader"),
                heard.refusals().toString());
        Recovery asked = plan(listening(withListener(answer(4, 3, 12, state, null), 4), 9000));
        assertTrue(
                asked.refusals().getFirst().contains("n4 is a listener"),
                asked.refusals().toString());
    }
}
