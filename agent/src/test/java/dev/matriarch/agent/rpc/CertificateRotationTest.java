package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.certificates.CertificateEndpoint;
import dev.matriarch.agent.certificates.Members;
import dev.matriarch.agent.certificates.ShownCertificate;
import dev.matriarch.agent.certificates.StorePeers;
import dev.matriarch.agent.certificates.TestCertificates;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.CertificateServiceGrpc;
import dev.matriarch.proto.control.v1.ChangeCertificateReply;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import dev.matriarch.proto.control.v1.GetCertificateRequest;
import dev.matriarch.proto.control.v1.ListCertificatesRequest;
import dev.matriarch.proto.control.v1.RotateCertificatesReply;
import dev.matriarch.proto.control.v1.RotateCertificatesRequest;
import dev.matriarch.proto.control.v1.RotateCertificatesRequest.What;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.Fingerprint;
import dev.matriarch.tls.authority.NextAuthority;
import dev.matriarch.tls.authority.NodeName;
import dev.matriarch.tls.authority.OwnCertificate;
import dev.matriarch.tls.authority.OwnFiles;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** New certificates for members that talk to each other through their doors. */
@Timeout(60)
class CertificateRotationTest {
    private static final Duration LIFE = TestCertificates.LIFE;

    @TempDir
    Path dir;

    private final List<AutoCloseable> open = new ArrayList<>();
    private final List<Node> nodes = new ArrayList<>();
    private final FakeDcs dcs = new FakeDcs();
    private final List<ShownCertificate> witnesses = new ArrayList<>();
    private int revoked;
    private boolean citus;
    private CertificateAuthority authority;

    /** As if the store's port lay between. */
    private final StorePeers store = new StorePeers() {
        @Override
        public List<Peer> peers() {
            return witnesses.stream().map(w -> new Peer(w.name(), "")).toList();
        }

        @Override
        public CertificateRow row(Peer peer) {
            return found(peer).row();
        }

        @Override
        public ChangeCertificateReply change(Peer peer, ChangeCertificateRequest.Builder step) {
            return found(peer).changed(step.build());
        }

        private ShownCertificate found(Peer peer) {
            return witnesses.stream()
                    .filter(w -> w.name().equals(peer.name()))
                    .findFirst()
                    .orElseThrow();
        }

        @Override
        public void answerWith(ShownCertificate mine) {}
    };

    private record Node(String name, OwnFiles files, LiveTls tls, Peers peers, HostPort address) {
        CertificateServiceGrpc.CertificateServiceBlockingStub ask() {
            return CertificateServiceGrpc.newBlockingStub(peers.channel(address))
                    .withDeadlineAfter(20, TimeUnit.SECONDS);
        }
    }

    @BeforeEach
    void threeMembers() throws Exception {
        authority = CertificateAuthority.create("demo", Instant.now());
        for (String name : List.of("n1", "n2", "n3")) {
            nodes.add(node(name));
        }
        tell(nodes);
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
    }

    private <T extends AutoCloseable> T opened(T one) {
        open.add(one);
        return one;
    }

    private void tell(List<Node> known) {
        List<Member> members = known.stream()
                .map(n -> FakeLocalAgent.member(n.name(), "replica", n.address().toString()))
                .toList();
        dcs.set(FakeDcs.view(5, "{}", "n1", members, null));
    }

    private Node node(String name) throws IOException {
        ShownCertificate shown = TestCertificates.issued(authority, dir.resolve(name), name);
        LiveTls live = shown.tls().orElseThrow();
        RpcTransport transport = opened(new RpcTransport(Optional.of(live)));
        Peers peers = opened(new Peers(transport, "demo", name));
        HostPort address;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            address = new HostPort("127.0.0.1", free.getLocalPort());
        }
        FakeLocalAgent agent = new FakeLocalAgent(name, dcs);
        opened(RpcDoor.open(
                address,
                agent,
                transport,
                peers,
                json -> List.of(),
                Sharding.NONE,
                List.of(new CertificateEndpoint(
                        agent, new Members(agent, peers, Optional.of(store)), shown, citus, () -> {
                            revoked++;
                            return Optional.of("tokens were revoked");
                        })),
                ignored -> Optional.empty()));
        return new Node(name, shown.own().orElseThrow().files(), live, peers, address);
    }

    private RotateCertificatesReply rotate(What what, String... members) {
        return nodes.getFirst()
                .ask()
                .rotateCertificates(RotateCertificatesRequest.newBuilder()
                        .setWhat(what)
                        .addAllMembers(List.of(members))
                        .build());
    }

    private List<CertificateRow> rows() {
        return nodes.getLast()
                .ask()
                .listCertificates(ListCertificatesRequest.getDefaultInstance())
                .getRowsList();
    }

    private List<String> serials() {
        return rows().stream().map(CertificateRow::getSerial).toList();
    }

    @Test
    void eachMemberIsShownWithItsCertificate() {
        List<CertificateRow> rows = rows();
        assertEquals(
                List.of("n1", "n2", "n3"),
                rows.stream().map(CertificateRow::getName).toList());
        for (CertificateRow row : rows) {
            assertEquals("own", row.getSource());
            assertEquals("O=demo,CN=" + row.getName(), row.getSubject());
            assertEquals(List.of(Fingerprint.of(authority.certificate())), row.getTrustedList());
            assertTrue(row.getFromAuthority());
            assertTrue(row.getRenewal() < row.getNotAfter());
            assertEquals("", row.getProblem());
        }
    }

    @Test
    void oneOrAllShowNewCertificates() {
        List<String> before = serials();
        RotateCertificatesReply one = rotate(What.CERTIFICATES, "n2");
        assertTrue(one.getDone(), one::toString);
        List<String> then = serials();
        assertEquals(before.get(0), then.get(0));
        assertNotEquals(before.get(1), then.get(1));
        RotateCertificatesReply all = rotate(What.CERTIFICATES);
        assertTrue(all.getDone(), all::toString);
        assertEquals(3, all.getLinesCount());
        serials().forEach(s -> assertFalse(then.contains(s)));
        assertFalse(rotate(What.CERTIFICATES, "nobody").getDone());
    }

    @Test
    void aNodeWhoseAuthorityNobodyTrustsKeepsItsCertificate() throws Exception {
        OwnFiles n2 = nodes.get(1).files();
        n2.keepAuthority(CertificateAuthority.create("demo", Instant.now()));
        List<String> before = serials();
        RotateCertificatesReply refused = rotate(What.CERTIFICATES, "n2");
        assertFalse(refused.getDone());
        assertTrue(refused.getLines(0).contains("is none of those in"), refused::toString);
        assertEquals(before, serials());
    }

    @Test
    void anAuthorityThatIsDamagedIsSaidInWords() throws Exception {
        Path damaged = nodes.get(1).files().directory().resolve("authority.pem");
        Files.writeString(
                damaged,
                "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nA\n-----END PRIVATE KEY-----\n");
        RotateCertificatesReply refused = rotate(What.CERTIFICATES, "n2");
        assertFalse(refused.getDone());
        assertTrue(refused.getLines(0).contains("authority.pem is damaged"), refused::toString);
    }

    @Test
    void membersOfAnotherClusterAreNotAnswered() {
        try {
            nodes.getFirst()
                    .ask()
                    .getCertificate(
                            GetCertificateRequest.newBuilder().setScope("other").build());
        } catch (StatusRuntimeException e) {
            assertEquals(Status.Code.FAILED_PRECONDITION, e.getStatus().getCode());
            return;
        }
        throw new AssertionError("it was answered");
    }

    private RotateCertificatesReply look(Node asked) {
        return asked.ask()
                .rotateCertificates(RotateCertificatesRequest.newBuilder()
                        .setWhat(What.AUTHORITY)
                        .setLook(true)
                        .build());
    }

    private RotateCertificatesReply change(Node asked, String plan, String until) {
        return asked.ask()
                .rotateCertificates(RotateCertificatesRequest.newBuilder()
                        .setWhat(What.AUTHORITY)
                        .setPlan(plan)
                        .setUntil(until)
                        .build());
    }

    private RotateCertificatesReply change(Node asked, String until) {
        return change(asked, look(asked).getPlan(), until);
    }

    /** With connections that are made now, by what each of them shows and accepts. */
    private void allAnswerEachOther() throws Exception {
        GetCertificateRequest question =
                GetCertificateRequest.newBuilder().setScope("demo").build();
        for (Node from : nodes) {
            try (RpcTransport transport = new RpcTransport(Optional.of(from.tls()));
                    Peers peers = new Peers(transport, "demo", from.name())) {
                for (Node to : nodes) {
                    assertEquals(
                            to.name(),
                            CertificateServiceGrpc.newBlockingStub(peers.channel(to.address()))
                                    .withDeadlineAfter(20, TimeUnit.SECONDS)
                                    .getCertificate(question)
                                    .getName());
                }
            }
        }
    }

    @Test
    void anotherAuthorityTakesThePlaceOfThePresentOne() throws Exception {
        witnesses.add(TestCertificates.issued(authority, dir.resolve("w"), "w"));
        String old = Fingerprint.of(authority.certificate());
        RotateCertificatesReply plan = look(nodes.get(1));
        assertTrue(plan.getDone(), plan::toString);
        assertTrue(String.join(" ", plan.getLinesList()).contains("n1, n2, n3, w"), plan::toString);
        assertEquals(List.of(old), rows().getFirst().getTrustedList());

        // Asked of any member: the first one leads.
        RotateCertificatesReply trusted = change(nodes.get(1), plan.getPlan(), "trusted");
        assertTrue(trusted.getDone(), trusted::toString);
        assertEquals(1, revoked);
        String made = nodes.getFirst().files().next().orElseThrow().fingerprint();
        for (CertificateRow row : rows()) {
            assertEquals(List.of(old, made), row.getTrustedList());
            assertEquals(old, row.getAuthority());
            assertEquals(made, row.getNextAuthority());
            assertEquals(List.of(old), row.getReplacedList());
        }
        allAnswerEachOther();

        RotateCertificatesReply shown = change(nodes.get(2), "shown");
        assertTrue(shown.getDone(), shown::toString);
        for (CertificateRow row : rows()) {
            assertEquals(made, row.getAuthority());
            assertTrue(row.getFromAuthority());
            assertEquals(List.of(old, made), row.getTrustedList());
        }
        allAnswerEachOther();

        // What was agreed to is over.
        RotateCertificatesReply stale = change(nodes.getFirst(), plan.getPlan(), "");
        assertFalse(stale.getDone());
        assertTrue(stale.getLines(0).contains("look again"), stale::toString);

        RotateCertificatesReply over = change(nodes.getFirst(), "");
        assertTrue(over.getDone(), over::toString);
        assertTrue(over.getLines(over.getLinesCount() - 1).contains(made), over::toString);
        assertEquals(4, rows().size());
        for (CertificateRow row : rows()) {
            assertEquals(List.of(made), row.getTrustedList());
            assertEquals("", row.getNextAuthority());
        }
        allAnswerEachOther();
        assertEquals(1, revoked);
        // An old certificate is worth nothing any more, and the next change begins anew.
        assertFalse(nodes.get(1).files().trusted().contains(authority.certificate()));
        assertFalse(Files.exists(nodes.getFirst().files().directory().resolve(OwnFiles.NEXT)));
        assertNotEquals(plan.getPlan(), look(nodes.getFirst()).getPlan());
    }

    @Test
    void whoIsAwayEndsTheChangeAndItGoesOnLater() throws Exception {
        ShownCertificate witness = TestCertificates.issued(authority, dir.resolve("w"), "w");
        witnesses.add(witness);
        Path lost = witness.own().orElseThrow().files().directory().resolve(OwnFiles.AUTHORITY);
        String authorityOfW = Files.readString(lost);
        assertTrue(change(nodes.getFirst(), "trusted").getDone());
        Files.delete(lost);
        RotateCertificatesReply refused = look(nodes.getFirst());
        assertFalse(refused.getDone());
        assertTrue(refused.getLines(0).contains("w: "), refused::toString);
        refused = change(nodes.getFirst(), "", "");
        assertFalse(refused.getDone());
        assertTrue(refused.getLines(0).contains("by all or by none"), refused::toString);
        Files.writeString(lost, authorityOfW);

        // A directory in place of the file: it is written as somebody else, and fails.
        Path blocked = nodes.get(1).files().directory().resolve("node.pem.new");
        Files.createDirectories(blocked.resolve("x"));
        refused = change(nodes.getFirst(), "");
        assertFalse(refused.getDone());
        String words = String.join("; ", refused.getLinesList());
        assertTrue(words.contains("n1: show certificates of the new authority"), words);
        assertTrue(words.contains("n2: ") && words.endsWith("repeat the command to go on"), words);
        allAnswerEachOther();
        Files.delete(blocked.resolve("x"));
        Files.delete(blocked);
        RotateCertificatesReply over = change(nodes.get(2), "");
        assertTrue(over.getDone(), over::toString);
        assertEquals(1, revoked);
        allAnswerEachOther();
    }

    @Test
    void aGroupOfSeveralIsRefused() throws Exception {
        citus = true;
        nodes.add(node("n4"));
        RotateCertificatesReply refused = look(nodes.getLast());
        assertFalse(refused.getDone());
        assertTrue(refused.getLines(0).contains("Citus"), refused::toString);
    }

    @Test
    void anotherNewAuthorityIsNotTakenBesideTheFirst() throws Exception {
        assertTrue(change(nodes.getFirst(), "trusted").getDone());
        OwnCertificate n2 = new OwnCertificate(
                TlsFiles.own(nodes.get(1).files().directory(), LIFE).own().orElseThrow(),
                new NodeName("n2", "demo", List.of("127.0.0.1")));
        NextAuthority other =
                new NextAuthority(CertificateAuthority.create("demo", Instant.now()), List.of(authority.certificate()));
        assertThrows(IOException.class, () -> n2.putBy(other));
        assertThrows(IOException.class, () -> n2.signWith(other.fingerprint(), Instant.now()));
        // Nor is the old one given up while it signs.
        String old = Fingerprint.of(authority.certificate());
        assertThrows(IOException.class, () -> n2.drop(List.of(old), other.fingerprint()));
        assertThrows(IOException.class, () -> n2.drop(List.of(old), old));
        assertTrue(nodes.get(1).files().trusted().contains(authority.certificate()));
    }
}
