package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.CreateTokenReply;
import dev.matriarch.proto.control.v1.CreateTokenRequest;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.control.v1.ListTokensReply;
import dev.matriarch.proto.control.v1.ListTokensRequest;
import dev.matriarch.proto.control.v1.RevokeTokenReply;
import dev.matriarch.proto.control.v1.RevokeTokenRequest;
import dev.matriarch.proto.control.v1.TokenRow;
import dev.matriarch.proto.control.v1.TokenServiceGrpc;
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
class ClusterCommandTest {
    private static final Instant END = Instant.parse("2026-11-22T05:00:00Z");

    private final List<Long> lives = new ArrayList<>();
    private final List<String> revoked = new ArrayList<>();
    private String problem = "";
    private Server server;

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
                .addService(new TokenServiceGrpc.TokenServiceImplBase() {
                    @Override
                    public void createToken(CreateTokenRequest request, StreamObserver<CreateTokenReply> reply) {
                        lives.add(request.getTtlSeconds());
                        reply.onNext(CreateTokenReply.newBuilder()
                                .setProblem(problem)
                                .setToken("mtj1_abc")
                                .setId("1f2e")
                                .setExpires(END.getEpochSecond())
                                .build());
                        reply.onCompleted();
                    }

                    @Override
                    public void listTokens(ListTokensRequest request, StreamObserver<ListTokensReply> reply) {
                        reply.onNext(ListTokensReply.newBuilder()
                                .setScope("demo")
                                .setProblem(problem)
                                .addTokens(TokenRow.newBuilder()
                                        .setId("1f2e")
                                        .setState("used")
                                        .setMadeBy("n1")
                                        .setMade(END.getEpochSecond() - 1800)
                                        .setExpires(END.getEpochSecond())
                                        .setUsedBy("n2")
                                        .setUsedAddress("10.0.0.2")
                                        .setUsed(END.getEpochSecond() - 60))
                                .build());
                        reply.onCompleted();
                    }

                    @Override
                    public void revokeToken(RevokeTokenRequest request, StreamObserver<RevokeTokenReply> reply) {
                        revoked.add(request.getId());
                        reply.onNext(RevokeTokenReply.newBuilder()
                                .setDone(problem.isEmpty())
                                .setMessage(problem.isEmpty() ? "the token 1f2e lets nobody in any more" : problem)
                                .build());
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

    private CtlRun token(String... arguments) {
        List<String> all = new ArrayList<>(List.of("--endpoint", "127.0.0.1:" + server.getPort(), "cluster", "token"));
        all.addAll(List.of(arguments));
        return CtlRun.of(Map.of(), "", all.toArray(String[]::new));
    }

    @Test
    void whatIsToBeTypedIsTheOnlyLineOfTheOutput() {
        CtlRun run = token();
        assertEquals(0, run.code(), run::toString);
        assertEquals("matriarch join mtj1_abc\n", run.out());
        assertTrue(run.err().contains("before 2026-11-22T05:00:00Z"), run::err);
        assertTrue(run.err().contains("matriarchctl cluster token --revoke 1f2e"), run::err);
        assertEquals(List.of(1800L), lives);
        CtlRun json = token("-o", "json");
        assertEquals(0, json.code(), json::toString);
        for (String part : List.of("\"cluster\"", "\"id\"", "\"mtj1_abc\"", "\"matriarch join mtj1_abc\"")) {
            assertTrue(json.out().contains(part), json::out);
        }
    }

    @Test
    void aWitnessHasACommandOfItsOwn() {
        assertEquals("matriarch join --witness mtj1_abc\n", token("--witness").out());
        assertEquals(2, token("--witness", "--list").code());
        assertEquals(2, token("--revoke", "1f2e", "--witness").code());
    }

    @Test
    void soHasAListener() {
        assertEquals("matriarch join --listener mtj1_abc\n", token("--listener").out());
        CtlRun both = token("--listener", "--list");
        assertEquals(2, both.code());
        assertTrue(both.err().contains("--listener goes with a new token"), both::err);
        assertEquals(2, token("--listener", "--witness").code());
    }

    @Test
    void aLifeIsGivenAsATime() {
        assertEquals(90, ClusterCommand.seconds("90"));
        assertEquals(90, ClusterCommand.seconds("90s"));
        assertEquals(5400, ClusterCommand.seconds("90m"));
        assertEquals(7200, ClusterCommand.seconds("2h"));
        assertEquals(86_400, ClusterCommand.seconds("1d"));
        for (String wrong : List.of("", "m", "-1m", "1w", "1.5h", "1h30m", "9999999999")) {
            assertEquals(
                    2,
                    assertThrows(CtlException.class, () -> ClusterCommand.seconds(wrong))
                            .exitCode(),
                    wrong);
        }
        assertEquals(2, token("--ttl", "soon").code());
        assertEquals(List.of(), lives);
        assertEquals(0, token("--ttl", "2h").code());
        assertEquals(List.of(7200L), lives);
    }

    @Test
    void tokensAreListedAndRevoked() {
        CtlRun list = token("--list", "-o", "tsv");
        assertEquals(0, list.code(), list::toString);
        assertTrue(
                list.out()
                        .contains(
                                "1f2e\tused\tn1\t2026-11-22T04:30:00Z\t2026-11-22T05:00:00Z\tn2 at 10.0.0.2\t2026-11-22T04:59:00Z"),
                list::out);
        assertFalse(list.out().contains("mtj1"), list::out);
        assertEquals(0, token("--revoke", "1f2e").code());
        assertEquals(List.of("1f2e"), revoked);
        assertEquals(2, token("--revoke", "1f2e", "--list").code());
    }

    @Test
    void aRefusalIsToldOnTheStandardError() {
        problem = "no member that answers can sign";
        for (String[] arguments : new String[][] {{}, {"--list"}, {"--revoke", "1f2e"}}) {
            CtlRun refused = token(arguments);
            assertEquals(1, refused.code());
            assertEquals("", refused.out());
            assertTrue(refused.err().contains(problem), refused::err);
        }
    }
}
