package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.certificates.CertificateEndpoint;
import dev.matriarch.agent.certificates.Members;
import dev.matriarch.agent.certificates.ShownCertificate;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.CertificateServiceGrpc;
import dev.matriarch.proto.control.v1.GetCertificateRequest;
import dev.matriarch.proto.control.v1.ListCertificatesRequest;
import dev.matriarch.proto.control.v1.RotateCertificatesReply;
import dev.matriarch.proto.control.v1.RotateCertificatesRequest;
import dev.matriarch.proto.control.v1.RotateCertificatesRequest.What;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.Fingerprint;
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
    private static final Duration LIFE = Duration.ofDays(90);

    @TempDir
    Path dir;

    private final List<AutoCloseable> open = new ArrayList<>();
    private final List<Node> nodes = new ArrayList<>();
    private final FakeDcs dcs = new FakeDcs();
    private CertificateAuthority authority;

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
        OwnFiles files = new OwnFiles(dir.resolve(name));
        files.create();
        files.keepAuthority(authority);
        files.trust(List.of(authority.certificate()));
        NodeName who = new NodeName(name, "demo", List.of("127.0.0.1"));
        files.issue(who, LIFE, Instant.now());
        TlsFiles tls = TlsFiles.own(files.directory(), LIFE);
        LiveTls live = new LiveTls(tls, sentence -> {});
        RpcTransport transport = opened(new RpcTransport(Optional.of(live)));
        Peers peers = opened(new Peers(transport, "demo", name));
        HostPort address;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            address = new HostPort("127.0.0.1", free.getLocalPort());
        }
        FakeLocalAgent agent = new FakeLocalAgent(name, dcs);
        ShownCertificate shown = new ShownCertificate(
                name,
                Optional.of(live),
                Optional.of(new OwnCertificate(tls.own().orElseThrow(), who)),
                () -> {
                    try {
                        live.reload(tls);
                    } catch (IOException e) {
                        throw new java.io.UncheckedIOException(e);
                    }
                });
        opened(RpcDoor.open(
                address,
                agent,
                transport,
                peers,
                json -> List.of(),
                Sharding.NONE,
                List.of(new CertificateEndpoint(agent, new Members(agent, peers), shown)),
                ignored -> Optional.empty()));
        return new Node(name, files, live, peers, address);
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
}
