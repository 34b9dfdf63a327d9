package dev.matriarch.agent.rpc;

import static dev.matriarch.agent.rpc.FakeLocalAgent.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.recorder.Event;
import dev.matriarch.proto.watch.v1.EventsReply;
import dev.matriarch.proto.watch.v1.EventsRequest;
import dev.matriarch.proto.watch.v1.MemberPulse;
import dev.matriarch.proto.watch.v1.PulseRequest;
import dev.matriarch.proto.watch.v1.WatchServiceGrpc;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** One agent is asked, all members answer. */
class ClusterWatchTest {
    private static final Instant NOON = Instant.parse("2026-11-21T12:00:00Z");

    private final FakeDcs dcs = new FakeDcs();
    private final RpcTransport transport = new RpcTransport();
    private final Peers peers = new Peers(transport, "demo", "n1");
    private final FakeLocalAgent n1 = new FakeLocalAgent("n1", dcs);
    private final FakeLocalAgent n2 = new FakeLocalAgent("n2", dcs);
    private final List<AutoCloseable> open = new ArrayList<>();
    private WatchServiceGrpc.WatchServiceBlockingStub stub;

    @BeforeEach
    void start() throws IOException {
        HostPort one = free();
        HostPort two = free();
        dcs.set(FakeDcs.view(
                10,
                "{}",
                "n1",
                List.of(
                        member("n1", "primary", one.toString()),
                        member("n2", "replica", two.toString()),
                        member("n3", "replica", free().toString())),
                null));
        open.add(RpcDoor.open(one, n1, transport, peers, json -> List.of()));
        open.add(RpcDoor.open(two, n2, transport, peers, json -> List.of()));
        ManagedChannel channel = transport.connect(one);
        open.add(channel::shutdownNow);
        stub = WatchServiceGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.SECONDS);
    }

    private static HostPort free() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return new HostPort("127.0.0.1", socket.getLocalPort());
        }
    }

    @AfterEach
    void stop() throws Exception {
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
        peers.close();
        transport.close();
    }

    @Test
    void everyMemberSaysHowItIsAndTheSilentAreNamed() {
        List<MemberPulse> members =
                stub.pulse(PulseRequest.getDefaultInstance()).getMembersList();
        assertEquals(
                List.of("n1", "n2", "n3"),
                members.stream().map(MemberPulse::getName).toList());
        assertEquals(3000, members.get(1).getLeaseMillis());
        assertEquals(7.0, members.get(1).getStoreOrThrow("raft_term"));
        assertEquals("no action. I am (n2)", members.get(1).getLastDecision());
        assertTrue(
                members.get(2).getProblem().contains("refused"), members.get(2).getProblem());
        assertFalse(members.get(2).hasLeaseMillis());
        assertEquals(
                1, stub.pulse(PulseRequest.newBuilder().setOwn(true).build()).getMembersCount());
    }

    @Test
    void eventsOfAllMembersAreOneRowInTime() {
        String lock = "n2 holds the leader lock (epoch 2)";
        n1.events = List.of(
                new Event(NOON.minusSeconds(60), Event.Kind.DECISION, false, "too old"),
                new Event(NOON.plusMillis(20), Event.Kind.LEADER, true, lock),
                new Event(NOON.plusSeconds(2), Event.Kind.POSTGRES, false, "PostgreSQL is stopped"));
        n2.events = List.of(
                new Event(NOON, Event.Kind.DECISION, false, "acquiring the free lock"),
                new Event(NOON.plusMillis(10), Event.Kind.LEADER, true, lock),
                new Event(NOON.plusSeconds(2), Event.Kind.POSTGRES, false, "PostgreSQL is stopped"),
                // Not the same news: much later.
                new Event(NOON.plusSeconds(600), Event.Kind.LEADER, true, lock));
        EventsReply reply = stub.events(
                EventsRequest.newBuilder().setSinceMillis(NOON.toEpochMilli()).build());
        assertEquals(
                List.of(
                        "n2 acquiring the free lock",
                        "n2 " + lock,
                        "n1 PostgreSQL is stopped",
                        "n2 PostgreSQL is stopped",
                        "n2 " + lock),
                reply.getEventsList().stream()
                        .map(e -> e.getMember() + " " + e.getWhat())
                        .toList());
        assertEquals(List.of("n3"), List.copyOf(reply.getUnreachableMap().keySet()));
    }
}
