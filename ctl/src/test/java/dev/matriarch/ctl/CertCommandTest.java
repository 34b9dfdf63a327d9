package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.CertificateServiceGrpc;
import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.control.v1.ListCertificatesReply;
import dev.matriarch.proto.control.v1.ListCertificatesRequest;
import dev.matriarch.proto.control.v1.RotateCertificatesReply;
import dev.matriarch.proto.control.v1.RotateCertificatesRequest;
import dev.matriarch.proto.control.v1.RotateCertificatesRequest.What;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class CertCommandTest {
    private static final String AUTHORITY = "0123456789abcdef0123456789abcdef";

    private final List<RotateCertificatesRequest> asked = new ArrayList<>();
    private CertificateRow.Builder n2 = row("n2");
    private RotateCertificatesReply answer = RotateCertificatesReply.newBuilder()
            .setDone(true)
            .addLines("n1 shows a new certificate")
            .build();
    private RotateCertificatesReply look = RotateCertificatesReply.newBuilder()
            .setDone(true)
            .setPlan("in place of 1f")
            .addLines("A new authority takes the place of CN=demo authority 1f:")
            .build();
    private Server server;

    private static CertificateRow.Builder row(String name) {
        return CertificateRow.newBuilder()
                .setName(name)
                .setSource("own")
                .setSubject("O=demo,CN=" + name)
                .setIssuer("CN=demo authority 1f")
                .setSerial("7a")
                .setNotAfter(Instant.now().getEpochSecond() + 1000)
                .setRenewal(Instant.now().getEpochSecond() + 700)
                .addTrusted(AUTHORITY)
                .setAuthority(AUTHORITY)
                .setFromAuthority(true);
    }

    @BeforeEach
    void start() throws Exception {
        server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
                .directExecutor()
                .addService(new ControlServiceGrpc.ControlServiceImplBase() {
                    @Override
                    public void getCluster(GetClusterRequest request, StreamObserver<GetClusterReply> reply) {
                        reply.onNext(FakeAgent.threeMembers().build());
                        reply.onCompleted();
                    }
                })
                .addService(new CertificateServiceGrpc.CertificateServiceImplBase() {
                    @Override
                    public void listCertificates(
                            ListCertificatesRequest request, StreamObserver<ListCertificatesReply> reply) {
                        reply.onNext(ListCertificatesReply.newBuilder()
                                .setScope("demo")
                                .addRows(row("n1"))
                                .addRows(n2)
                                .build());
                        reply.onCompleted();
                    }

                    @Override
                    public void rotateCertificates(
                            RotateCertificatesRequest request, StreamObserver<RotateCertificatesReply> reply) {
                        asked.add(request);
                        reply.onNext(request.getLook() ? look : answer);
                        reply.onCompleted();
                    }
                })
                .build()
                .start();
    }

    @AfterEach
    void stop() {
        server.shutdownNow();
    }

    private CtlRun cert(String... arguments) {
        return answering("", arguments);
    }

    private CtlRun answering(String input, String... arguments) {
        List<String> all = new ArrayList<>(List.of("--endpoint", "127.0.0.1:" + server.getPort(), "cert"));
        all.addAll(List.of(arguments));
        return CtlRun.of(Map.of(), input, all.toArray(String[]::new));
    }

    @Test
    void eachMemberHasALine() {
        CtlRun run = cert("status", "-o", "tsv");
        assertEquals(0, run.code(), run::toString);
        List<String> lines = run.out().lines().toList();
        assertEquals(3, lines.size(), run::out);
        assertTrue(lines.get(1).startsWith("n1\town\tO=demo,CN=n1\tCN=demo authority 1f\t7a\t"), run::out);
        assertTrue(lines.get(1).contains("\t0123456789abcdef\t"), run::out);
    }

    @Test
    void anExpiredOneAndASilentMemberAreAnErrorForScripts() {
        n2.setNotAfter(Instant.now().getEpochSecond() - 10);
        CtlRun run = cert("status");
        assertEquals(1, run.code());
        assertTrue(run.out().contains("it has expired"), run::out);
        n2 = CertificateRow.newBuilder().setName("n2").setProblem("no answer in time");
        assertEquals(1, cert("status").code());
    }

    @Test
    void anAuthorityThatEndsAndARenewalThatIsOverdueAreNoted() {
        long now = Instant.now().getEpochSecond();
        n2.setNotAfter(now + 30 * 86_400).setRenewal(now - 7200);
        CtlRun overdue = cert("status", "-o", "tsv");
        assertEquals(1, overdue.code());
        assertTrue(overdue.out().contains("its renewal is overdue since "), overdue::out);
        n2.setRenewal(now - 60);
        assertEquals(0, cert("status").code());
        n2.setAuthorityNotAfter(now + 89 * 86_400);
        CtlRun ends = cert("status", "-o", "tsv");
        assertEquals(1, ends.code());
        assertTrue(ends.out().contains("its authority ends at "), ends::out);
        n2.setAuthorityNotAfter(now + 91 * 86_400);
        assertEquals(0, cert("status").code());
    }

    @Test
    void anOrderGoesToTheAgentAndARefusalIsToldOnTheStandardError() {
        assertEquals(0, cert("rotate", "n1").code());
        assertEquals(0, cert("rotate").code());
        assertEquals(
                List.of(What.CERTIFICATES, What.CERTIFICATES),
                asked.stream().map(RotateCertificatesRequest::getWhat).toList());
        assertEquals(List.of("n1"), asked.getFirst().getMembersList());
        assertEquals(2, cert("rotate", "--authority", "n1").code());
        assertEquals(2, asked.size());
        answer = RotateCertificatesReply.newBuilder().addLines("n3 is away").build();
        CtlRun refused = cert("rotate");
        assertEquals(1, refused.code());
        assertTrue(refused.err().contains("n3 is away"), refused::toString);
    }

    @Test
    void anotherAuthorityIsShownAskedForAndOrderedAsItWasShown() {
        CtlRun no = answering("n\n", "rotate", "--authority");
        assertEquals(1, no.code());
        assertTrue(no.out().contains("A new authority takes the place of"), no::toString);
        assertEquals(1, asked.size());
        assertTrue(asked.getFirst().getLook());
        assertEquals(What.AUTHORITY, asked.getFirst().getWhat());
        assertEquals(0, answering("y\n", "rotate", "--authority").code());
        RotateCertificatesRequest order = asked.getLast();
        assertEquals(What.AUTHORITY, order.getWhat());
        assertEquals("in place of 1f", order.getPlan());
        assertTrue(!order.getLook() && order.getUntil().isEmpty(), order::toString);
        assertEquals(
                0,
                cert("rotate", "--authority", "--force", "--until", "trusted").code());
        assertEquals("trusted", asked.getLast().getUntil());

        int before = asked.size();
        look = RotateCertificatesReply.newBuilder()
                .addLines("by all or by none: n3: no answer")
                .build();
        CtlRun refused = cert("rotate", "--authority", "--force");
        assertEquals(1, refused.code());
        assertTrue(refused.err().contains("n3: no answer"), refused::toString);
        assertEquals(before + 1, asked.size());
        assertEquals(2, cert("rotate", "--until", "trusted").code());
        assertEquals(2, cert("rotate", "--force").code());
        assertEquals(2, cert("rotate", "--authority", "--until", "sometime").code());
    }

    @Test
    void aChangeOfTheAuthorityThatIsNotOverIsNoted() {
        n2.setNextAuthority("fedcba9876543210fedcba9876543210");
        CtlRun run = cert("status", "-o", "tsv");
        assertEquals(1, run.code());
        assertTrue(run.out().contains("being changed to fedcba9876543210; to go on: "), run::out);
    }
}
