package dev.matriarch.agent.move;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.DynamicConfigFile;
import dev.matriarch.agent.config.StorePin;
import dev.matriarch.agent.rpc.FakeDcs;
import dev.matriarch.agent.rpc.FakeLocalAgent;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.MovedAway;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.proto.control.v1.GetPlaceRequest;
import dev.matriarch.proto.control.v1.MarkStoreRequest;
import dev.matriarch.proto.control.v1.MemberAddress;
import dev.matriarch.proto.control.v1.MoveReply;
import dev.matriarch.proto.control.v1.Place;
import dev.matriarch.proto.control.v1.UseStoreRequest;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a member refuses in the middle of a move from etcd3 to raft, whatever it is told. */
class MoveEndpointTest {
    private static final String SYSTEM = "74";
    private static final StorePin ENTERED =
            new StorePin("demo", "raft", true, "etcd3", false, true, Map.of("n2", "10.0.0.2:8009"));

    @TempDir
    Path dir;

    private final FakeDcs store = new FakeDcs();
    private final FakeLocalAgent agent = new FakeLocalAgent("n1", store);

    @BeforeEach
    void inThePause() throws IOException {
        agent.paused(true);
        Path data = Files.createDirectories(dir.resolve("data"));
        Files.writeString(data.resolve(DynamicConfigFile.NAME), "{\"pause\": true}");
        store.set(view(null, null));
    }

    private static ClusterView view(String leader, String syncOf) {
        ClusterView v = FakeDcs.view(3, "{\"pause\": true}", leader, List.of(), null);
        return new ClusterView(
                v.revision(),
                v.initialize(),
                v.config(),
                v.leader(),
                v.members(),
                v.status(),
                v.failover(),
                v.history(),
                Optional.ofNullable(syncOf).map(s -> new Versioned<>(new SyncState(s, new TreeSet<>(), 0), 1)),
                v.failsafe());
    }

    private MoveEndpoint endpoint(StorePin pin) throws Exception {
        Path file = Files.writeString(dir.resolve("n1.yml"), """
                scope: demo
                name: n1
                state_dir: %s
                restapi: {listen: 10.0.0.1:8008}
                raft: {data_dir: /r, self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222']}
                etcd3: {host: '10.0.0.9:2379'}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: %s
                  authentication:
                    superuser: {username: postgres, password: a}
                    replication: {username: replicator, password: b}
                """.formatted(dir, dir.resolve("data")));
        pin.write(dir);
        MoveEndpoint endpoint =
                new MoveEndpoint(new ConfigSource(Optional.of(file), Map.of()), new Moves(), pin, config -> {
                    throw new IOException("no store is opened here");
                });
        endpoint.agent(agent);
        return endpoint;
    }

    private StorePin noted() throws IOException {
        return StorePin.read(dir, "demo").orElseThrow();
    }

    private static void acquire(Dcs guarded) throws DcsException {
        guarded.acquireLeader("n1", Duration.ofSeconds(20), 3, Duration.ofSeconds(1));
    }

    private static void assertAsked(Dcs guarded) {
        assertThrows(UnsupportedOperationException.class, () -> acquire(guarded));
    }

    private static void assertNotAsked(Dcs guarded, String why) {
        String message =
                assertThrows(DcsException.class, () -> acquire(guarded)).getMessage();
        assertTrue(message.contains(why), message);
    }

    private static <Q, A> A call(BiConsumer<Q, StreamObserver<A>> rpc, Q request) throws Exception {
        CompletableFuture<A> answer = new CompletableFuture<>();
        rpc.accept(request, new StreamObserver<>() {
            @Override
            public void onNext(A value) {
                answer.complete(value);
            }

            @Override
            public void onError(Throwable failure) {
                answer.completeExceptionally(failure);
            }

            @Override
            public void onCompleted() {
                // The answer came before.
            }
        });
        return answer.get(10, TimeUnit.SECONDS);
    }

    private static MoveReply back(MoveEndpoint endpoint) throws Exception {
        return call(
                endpoint::useStore,
                UseStoreRequest.newBuilder()
                        .setScope("demo")
                        .setStore("etcd3")
                        .setBack(true)
                        .build());
    }

    private static MoveReply close(MoveEndpoint endpoint) throws Exception {
        return call(
                endpoint::markStore,
                MarkStoreRequest.newBuilder().setScope("demo").setTo("etcd3").build());
    }

    private static MoveReply open(MoveEndpoint endpoint) throws Exception {
        return call(
                endpoint::markStore,
                MarkStoreRequest.newBuilder().setScope("demo").build());
    }

    private void beatUntil(MoveEndpoint endpoint, Predicate<StorePin> holds) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!holds.test(noted())) {
            assertTrue(System.nanoTime() < deadline, () -> "still not noted");
            endpoint.beat();
            Thread.sleep(5);
        }
    }

    @Test
    void onlyARunningPrimaryTakesTheLockOfAStoreThatNobodyHasLedBy() throws Exception {
        Dcs guarded = endpoint(ENTERED).guard(store);
        agent.paused(false);
        assertNotAsked(guarded, "go back: matriarchctl migrate --to etcd3");
        assertEquals(ENTERED, noted());
        agent.runsAsPrimary(true);
        assertAsked(guarded);
        assertTrue(noted().settled(), "noted before the lock is asked for");
        agent.runsAsPrimary(false);
        assertAsked(guarded);
    }

    @Test
    void whoSeesALeaderThereOrWhatOneLeftNotesThatThereIsNoWayBack() throws Exception {
        for (ClusterView led : new ClusterView[] {view("n2", null), view(null, "n2")}) {
            store.set(led);
            MoveEndpoint endpoint = endpoint(ENTERED);
            assertFalse(back(endpoint).getDone(), led::toString);
            beatUntil(endpoint, StorePin::settled);
            assertAsked(endpoint.guard(store));
        }
        store.set(view(null, null));
        assertFalse(back(endpoint(ENTERED.asSettled())).getDone());
    }

    @Test
    void whoWasToldToGoBackDoesNotLeadAnyMore() throws Exception {
        agent.runsAsPrimary(true);
        MoveEndpoint endpoint = endpoint(ENTERED);
        MoveReply reply = back(endpoint);
        assertTrue(reply.getDone(), reply::getProblem);
        assertNotAsked(endpoint.guard(store), "goes back to the store etcd3");
        assertEquals(ENTERED, noted());
    }

    @Test
    void whoDoesNotKnowWhereTheClusterIsOpensNothing() throws Exception {
        store.set(view(null, null));
        assertTrue(close(endpoint(StorePin.noted("demo", "raft"))).getDone());
        MoveReply reply = open(endpoint(StorePin.noted("demo", "raft")));
        assertTrue(reply.getProblem().contains("the cluster may be led elsewhere"), reply.getProblem());
        assertTrue(open(endpoint(ENTERED)).getDone());
    }

    @Test
    void thePauseCountsWhenTheNextLifeOfTheAgentBeginsWithItToo() throws Exception {
        MoveEndpoint endpoint = endpoint(ENTERED);
        GetPlaceRequest question =
                GetPlaceRequest.newBuilder().setTarget("raft").build();
        assertTrue(call(endpoint::getPlace, question).getPaused());
        Files.writeString(dir.resolve("data").resolve(DynamicConfigFile.NAME), "{}");
        assertFalse(call(endpoint::getPlace, question).getPaused());
    }

    @Test
    void aStoreIsClosedOnlyWhileThePauseStandsInIt() throws Exception {
        MoveEndpoint endpoint = endpoint(StorePin.noted("demo", "raft"));
        ClusterView resumed = FakeDcs.view(4, "{}", null, List.of(), null);
        store.set(resumed);
        assertEquals("the cluster is not paused", close(endpoint).getProblem());
        store.set(view(null, null));
        agent.paused(false);
        assertEquals("the cluster is not paused", close(endpoint).getProblem());
        agent.paused(true);
        store.set(view("n2", null));
        assertEquals("n2 leads", close(endpoint).getProblem());
        assertEquals(
                Optional.of(SYSTEM),
                store.read(Duration.ofSeconds(1)).initialize().map(Versioned::value));
        store.set(view(null, null));
        assertTrue(close(endpoint).getDone());
        assertEquals(
                "etcd3",
                MovedAway.of(store.read(Duration.ofSeconds(1))).orElseThrow().to());
    }

    @Test
    void aClosedStoreIsOpenedByThePauseThatStandsInIt() throws Exception {
        MoveEndpoint endpoint = endpoint(StorePin.noted("demo", "raft"));
        endpoint.beat();
        assertTrue(close(endpoint).getDone());
        ClusterView v = store.read(Duration.ofSeconds(1));
        assertTrue(store.writeConfig("{}", Expected.anything(), Duration.ofSeconds(1)) instanceof WriteResult.Written);
        assertEquals("the cluster is not paused", open(endpoint).getProblem());
        store.set(v);
        agent.paused(false);
        assertTrue(open(endpoint).getDone());
        assertEquals(
                Optional.of(SYSTEM),
                store.read(Duration.ofSeconds(1)).initialize().map(Versioned::value));
    }

    @Test
    void aNewStoreThatNobodyHasLedByIsClosedOnTheWayBackAndNoOtherThatKnowsNoCluster() throws Exception {
        store.set(ClusterView.empty());
        assertFalse(close(endpoint(StorePin.noted("demo", "raft"))).getDone());
        MoveReply reply = close(endpoint(ENTERED));
        assertTrue(reply.getDone(), reply::getProblem);
        assertTrue(MovedAway.of(store.read(Duration.ofSeconds(1))).isPresent());
        // Somebody has ended the pause there: nobody could lead all the same.
        store.set(FakeDcs.view(4, "{}", null, List.of(), null));
        agent.paused(false);
        assertTrue(close(endpoint(ENTERED)).getDone());
    }

    @Test
    void aPrimaryDoesNotLeaveAnOpenStore() throws Exception {
        agent.runsAsPrimary(true);
        MoveReply reply = call(
                endpoint(StorePin.noted("demo", "raft"))::useStore,
                UseStoreRequest.newBuilder().setScope("demo").setStore("etcd3").build());
        assertTrue(reply.getProblem().contains("the store raft is not closed"), reply.getProblem());
    }

    @Test
    void whoTakesPartIsKnownUntilThePauseHasEnded() throws Exception {
        MemberAddress other = MemberAddress.newBuilder()
                .setName("n2")
                .setRpcAddress("10.0.0.2:8009")
                .build();
        MoveEndpoint endpoint = endpoint(ENTERED);
        Place place = call(
                endpoint::getPlace,
                GetPlaceRequest.newBuilder().setTarget("raft").build());
        assertEquals(List.of(other), place.getTakingPartList());
        assertEquals(List.of(), place.getMembersList(), "the store knows nobody yet");
        assertEquals("etcd3", place.getMovingFrom());
        store.set(view("n1", null));
        beatUntil(endpoint, StorePin::settled);
        assertEquals(ENTERED.members(), noted().members());
        agent.paused(false);
        beatUntil(endpoint, pin -> !pin.isUnderWay());
        assertEquals(
                Optional.of(new Leader("n1", 3)),
                store.read(Duration.ofSeconds(1)).leader());
    }

    @Test
    void everythingElseIsLeftToTheStoreItself() throws Exception {
        for (Method method : Dcs.class.getMethods()) {
            assertEquals(
                    NotedLead.class,
                    NotedLead.class
                            .getMethod(method.getName(), method.getParameterTypes())
                            .getDeclaringClass(),
                    method.getName());
        }
    }
}
