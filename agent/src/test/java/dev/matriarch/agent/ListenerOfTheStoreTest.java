package dev.matriarch.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.certificates.CertificateEndpoint;
import dev.matriarch.agent.certificates.Members;
import dev.matriarch.agent.certificates.ShownCertificate;
import dev.matriarch.agent.certificates.StorePeers;
import dev.matriarch.agent.certificates.TestCertificates;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.join.JoinStore;
import dev.matriarch.agent.rpc.FakeDcs;
import dev.matriarch.agent.rpc.FakeLocalAgent;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.agent.rpc.RpcDoor;
import dev.matriarch.agent.rpc.RpcTransport;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.CertificateServiceGrpc;
import dev.matriarch.proto.control.v1.ListCertificatesRequest;
import dev.matriarch.proto.control.v1.ListPeersRequest;
import dev.matriarch.proto.control.v1.RaftPeerRow;
import dev.matriarch.proto.control.v1.RaftServiceGrpc;
import dev.matriarch.proto.control.v1.RotateCertificatesReply;
import dev.matriarch.proto.control.v1.RotateCertificatesRequest;
import dev.matriarch.proto.control.v1.RotateCertificatesRequest.What;
import dev.matriarch.raft.RaftStore;
import dev.matriarch.raft.RaftStoreSettings;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.authority.CertificateAuthority;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A member, n1, and a listener, l, on a real store with TLS between them: what the member's agent tells those who ask about peers,
 * and the listener's certificate.
 */
@Tag("slow")
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ListenerOfTheStoreTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    @TempDir
    static Path dir;

    private final List<AutoCloseable> open = new ArrayList<>();
    private final HostPort n1 = freePort();
    private final HostPort l = freePort();
    private CertificateAuthority authority;
    private ShownCertificate membersCertificate;
    private ShownCertificate listenersCertificate;
    private RaftStore member;
    private RaftStore listener;
    private Peers peers;
    private HostPort door;

    ListenerOfTheStoreTest() throws IOException {}

    private static HostPort freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            return new HostPort("127.0.0.1", free.getLocalPort());
        }
    }

    private <T extends AutoCloseable> T opened(T one) {
        open.add(one);
        return one;
    }

    private static void eventually(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!condition.call()) {
            assertTrue(System.nanoTime() - deadline < 0, () -> "no " + what + " within " + LONG);
            Thread.sleep(20);
        }
    }

    private RaftStore store(ShownCertificate shown, HostPort self, List<String> partners, boolean listens)
            throws Exception {
        RaftStore store = RaftStore.open(
                new RaftStoreSettings(
                        "demo",
                        shown.name(),
                        dir.resolve(shown.name()),
                        dir.resolve(shown.name() + "-state"),
                        self.toString(),
                        self.toString(),
                        partners,
                        Duration.ofMillis(300),
                        Duration.ofMillis(600),
                        () -> Duration.ofSeconds(5),
                        shown.name() + ".yml",
                        shown.tls(),
                        listens),
                progress -> {});
        new BuiltInPeers(store).answerWith(shown);
        return store;
    }

    private void startListener() throws Exception {
        listener = store(listenersCertificate, l, List.of(n1.toString()), true);
    }

    @BeforeAll
    void aListenerFollowsTheStoreOfAMember() throws Exception {
        authority = CertificateAuthority.create("demo", Instant.now());
        membersCertificate = TestCertificates.issued(authority, dir.resolve("n1-tls"), "n1");
        listenersCertificate = TestCertificates.issued(authority, dir.resolve("l-tls"), "l");
        member = opened(store(membersCertificate, n1, List.of(), false));
        assertTrue(member.awaitReady(LONG), () -> member.dcs().health());
        startListener();
        open.add(() -> listener.close());
        eventually(
                "listener that is taken in",
                () -> member.group().addListener(l.toString()).done());
        assertTrue(listener.awaitReady(LONG), () -> listener.dcs().health());
        openDoor();
    }

    private void openDoor() throws Exception {
        door = freePort();
        FakeDcs dcs = new FakeDcs();
        dcs.set(FakeDcs.view(5, "{}", "n1", List.of(FakeLocalAgent.member("n1", "primary", door.toString())), null));
        RpcTransport transport = opened(new RpcTransport(membersCertificate.tls()));
        peers = opened(new Peers(transport, "demo", "n1"));
        FakeLocalAgent agent = new FakeLocalAgent("n1", dcs);
        opened(RpcDoor.open(
                door,
                agent,
                transport,
                peers,
                json -> List.of(),
                Sharding.NONE,
                List.of(
                        new StoreEndpoint("demo", member.group()),
                        new CertificateEndpoint(
                                agent,
                                new Members(agent, peers, Optional.of(new BuiltInPeers(member))),
                                membersCertificate,
                                false,
                                Optional::empty)),
                ignored -> Optional.empty()));
    }

    @AfterAll
    void close() throws Exception {
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
    }

    private CertificateServiceGrpc.CertificateServiceBlockingStub certificates() {
        return CertificateServiceGrpc.newBlockingStub(peers.channel(door))
                .withDeadlineAfter(LONG.toSeconds(), TimeUnit.SECONDS);
    }

    @Test
    void whoAsksAboutPeersIsToldOfItAndThatItHasNoVote() {
        assertEquals(
                Map.of("n1", n1.toString(), "l", l.toString()),
                new BuiltInPeers(member)
                        .peers().stream().collect(Collectors.toMap(StorePeers.Peer::name, StorePeers.Peer::address)));
        assertEquals(
                Map.of("n1", true, "l", false),
                new BuiltInTokens(member)
                        .peers().stream().collect(Collectors.toMap(JoinStore.Peer::name, JoinStore.Peer::voter)));
        Map<String, RaftPeerRow> rows = RaftServiceGrpc.newBlockingStub(peers.channel(door))
                .withDeadlineAfter(LONG.toSeconds(), TimeUnit.SECONDS)
                .listPeers(ListPeersRequest.getDefaultInstance())
                .getPeersList()
                .stream()
                .collect(Collectors.toMap(RaftPeerRow::getName, Function.identity()));
        assertTrue(rows.get("l").getListener() && !rows.get("l").getVoter(), rows::toString);
        assertTrue(!rows.get("n1").getListener() && rows.get("n1").getVoter(), rows::toString);
    }

    private void change(String until) {
        RotateCertificatesRequest.Builder what =
                RotateCertificatesRequest.newBuilder().setWhat(What.AUTHORITY);
        RotateCertificatesReply look =
                certificates().rotateCertificates(what.clone().setLook(true).build());
        assertTrue(look.getDone(), look::toString);
        RotateCertificatesReply done = certificates()
                .rotateCertificates(what.setPlan(look.getPlan()).setUntil(until).build());
        assertTrue(done.getDone(), done::toString);
    }

    /** On connections that are made for it, with what each side shows and accepts now. */
    private void followsAnew(String config) throws Exception {
        listener.close();
        startListener();
        assertTrue(listener.awaitReady(LONG), () -> listener.dcs().health());
        eventually("write of the member's", () -> {
            try {
                member.dcs().writeConfig(config, Expected.anything(), Duration.ofSeconds(5));
                return true;
            } catch (DcsException e) {
                return false;
            }
        });
        eventually("copy of it on the listener", () -> {
            try {
                return listener.dcs()
                        .read(Duration.ofSeconds(5))
                        .config()
                        .filter(c -> c.value().equals(config))
                        .isPresent();
            } catch (DcsException e) {
                return false;
            }
        });
    }

    @Test
    void anotherAuthorityTakesItAlong() throws Exception {
        change("trusted");
        change("shown");
        followsAnew("{\"ttl\": 7}");
        change("");
        followsAnew("{\"ttl\": 8}");
        List<CertificateRow> rows = certificates()
                .listCertificates(ListCertificatesRequest.getDefaultInstance())
                .getRowsList();
        assertEquals(
                List.of("l", "n1"), rows.stream().map(CertificateRow::getName).toList());
        assertEquals(rows.get(1).getTrustedList(), rows.get(0).getTrustedList());
        assertEquals(rows.get(1).getAuthority(), rows.get(0).getAuthority());
        for (ShownCertificate shown : List.of(membersCertificate, listenersCertificate)) {
            LiveTls tls = shown.tls().orElseThrow();
            assertEquals(1, tls.authorities().size());
            assertTrue(!tls.authorities().contains(authority.certificate()), shown::name);
            tls.certificate().verify(tls.authorities().getFirst().getPublicKey());
        }
    }
}
