package dev.matriarch.agent.join;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.rpc.RpcTransport;
import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.CreateTokenRequest;
import dev.matriarch.proto.control.v1.GetAuthorityReply;
import dev.matriarch.proto.control.v1.GetAuthorityRequest;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.control.v1.JoinClusterReply;
import dev.matriarch.proto.control.v1.JoinClusterRequest;
import dev.matriarch.proto.control.v1.JoinServiceGrpc;
import dev.matriarch.proto.control.v1.PrepareJoinReply;
import dev.matriarch.proto.control.v1.TokenServiceGrpc;
import dev.matriarch.tls.ClientTls;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.OwnFiles;
import dev.matriarch.tls.authority.PemText;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A host tells its token to nobody but members of its cluster, and they open nothing else to whoever has no certificate. */
@Timeout(120)
class JoinTrustTest {
    @TempDir
    Path dir;

    private JoinScene scene;

    @BeforeEach
    void open() throws Exception {
        scene = new JoinScene(dir);
    }

    @AfterEach
    void close() throws Exception {
        scene.close();
    }

    @Test
    void anAuthorityOfAnotherClusterIsToldNothing() throws Exception {
        JoinToken token = scene.token();
        JoinToken other =
                new JoinToken(token.id(), token.secret(), "00".repeat(32), token.addresses(), token.expires(), "other");
        scene.refused(other, "n2", "it has the authority of another cluster");
        assertFalse(scene.said.contains("has the authority of the token"), scene.said);
    }

    @Test
    void whoShowsTheAuthorityWithoutACertificateOfItIsToldNothing() throws Exception {
        JoinToken token = scene.token();
        AtomicInteger told = new AtomicInteger();
        HostPort false1 = JoinScene.freePort();
        TlsFiles foreign =
                JoinScene.certified(dir.resolve("foreign"), "n1", CertificateAuthority.create("demo", Instant.now()));
        scene.door(
                "n1",
                false1,
                foreign,
                Optional.empty(),
                agent -> List.of(new JoinServiceGrpc.JoinServiceImplBase() {
                    @Override
                    public void getAuthority(GetAuthorityRequest request, StreamObserver<GetAuthorityReply> reply) {
                        reply.onNext(GetAuthorityReply.newBuilder()
                                .setCertificate(PemText.of(scene.authority.certificate()))
                                .setNowMillis(System.currentTimeMillis())
                                .build());
                        reply.onCompleted();
                    }

                    @Override
                    public void prepareJoin(JoinClusterRequest request, StreamObserver<PrepareJoinReply> reply) {
                        told.incrementAndGet();
                    }

                    @Override
                    public void joinCluster(JoinClusterRequest request, StreamObserver<JoinClusterReply> reply) {
                        told.incrementAndGet();
                    }
                }));
        JoinToken astray = new JoinToken(
                token.id(), token.secret(), token.authority(), List.of(false1.toString()), token.expires(), "demo");
        scene.refused(astray, "n2", "which is none of the authorities in the token");
        assertEquals(0, told.get());
        // The next address is tried.
        JoinToken both = new JoinToken(
                token.id(),
                token.secret(),
                token.authority(),
                List.of(JoinScene.freePort().toString(), false1.toString(), scene.n1.toString()),
                token.expires(),
                "demo");
        assertEquals(0, scene.join(both, "n2"), () -> scene.said);
    }

    private static Status.Code code(ManagedChannel channel) {
        StatusRuntimeException refused = assertThrows(
                StatusRuntimeException.class,
                () -> ControlServiceGrpc.newBlockingStub(channel)
                        .withDeadlineAfter(30, TimeUnit.SECONDS)
                        .getCluster(GetClusterRequest.getDefaultInstance()));
        return refused.getStatus().getCode();
    }

    @Test
    void withoutATokenNobodyConnectsAndWithOneNothingElseIsOpen() throws Exception {
        RpcTransport stranger = scene.opened(new RpcTransport(ClientTls.unverified()));
        ManagedChannel before = stranger.connect(scene.n1);
        scene.opened(before::shutdownNow);
        assertEquals(Status.Code.UNAVAILABLE, code(before));
        JoinToken none = new JoinToken(
                "00000000",
                JoinToken.newSecret(),
                "00".repeat(32),
                List.of(scene.n1.toString()),
                Instant.now().minusSeconds(5).truncatedTo(ChronoUnit.SECONDS),
                "demo");
        scene.refused(none, "n2", "it lets nobody in without a certificate");
        assertTrue(scene.said.contains("it expired at " + none.expires()), scene.said);
        refusedWithoutAWord(none);

        scene.made();
        ManagedChannel after = stranger.connect(scene.n1);
        scene.opened(after::shutdownNow);
        assertEquals(Status.Code.UNAUTHENTICATED, code(after));
        StatusRuntimeException noToken = assertThrows(
                StatusRuntimeException.class,
                () -> TokenServiceGrpc.newBlockingStub(after)
                        .withDeadlineAfter(30, TimeUnit.SECONDS)
                        .createToken(CreateTokenRequest.newBuilder()
                                .setTtlSeconds(60)
                                .build()));
        assertEquals(Status.Code.UNAUTHENTICATED, noToken.getStatus().getCode());
        assertEquals(
                "n1",
                JoinServiceGrpc.newBlockingStub(after)
                        .withDeadlineAfter(30, TimeUnit.SECONDS)
                        .getAuthority(GetAuthorityRequest.getDefaultInstance())
                        .getName());
        // A certificate that is shown is checked, ajar or not.
        TlsFiles foreign =
                JoinScene.certified(dir.resolve("foreign"), "n9", CertificateAuthority.create("demo", Instant.now()));
        OwnFiles files = new OwnFiles(foreign.own().orElseThrow().directory());
        files.trust(List.of(scene.authority.certificate()));
        RpcTransport strange = scene.opened(new RpcTransport(Optional.of(new LiveTls(foreign, s -> {}))));
        ManagedChannel refused = strange.connect(scene.n1);
        scene.opened(refused::shutdownNow);
        assertEquals(Status.Code.UNAVAILABLE, code(refused));
        // Members come and go as before.
        assertEquals(1, scene.rows().size());
    }

    /** A door may refuse somebody so that the refusal is lost: the connection is reset. */
    private void refusedWithoutAWord(JoinToken none) throws Exception {
        try (ServerSocket door = new ServerSocket(0, 10, InetAddress.getByName("127.0.0.1"))) {
            Thread.ofVirtual().start(() -> {
                while (!door.isClosed()) {
                    try (Socket visitor = door.accept()) {
                        visitor.setSoTimeout(20_000);
                        visitor.getInputStream().read();
                        visitor.setSoLinger(true, 0);
                    } catch (IOException e) {
                        // The visitor went first, or the test is over.
                    }
                }
            });
            JoinToken there = new JoinToken(
                    none.id(),
                    none.secret(),
                    none.authority(),
                    List.of("127.0.0.1:" + door.getLocalPort()),
                    none.expires(),
                    none.scope());
            scene.refused(there, "n2", "perhaps it lets nobody in without a certificate");
            assertTrue(scene.said.contains("it cut the connection without a word ("), scene.said);
        }
    }
}
