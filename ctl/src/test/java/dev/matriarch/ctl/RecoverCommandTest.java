package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.ChangePeersReply;
import dev.matriarch.proto.control.v1.DeadPeer;
import dev.matriarch.proto.control.v1.ListPeersReply;
import dev.matriarch.proto.control.v1.ListPeersRequest;
import dev.matriarch.proto.control.v1.PreviewRecoveryRequest;
import dev.matriarch.proto.control.v1.RaftServiceGrpc;
import dev.matriarch.proto.control.v1.RecoverRequest;
import dev.matriarch.proto.control.v1.RecoveryPreview;
import dev.matriarch.proto.control.v1.Survivor;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The agent does not know the cluster: it was started after the store was lost. */
class RecoverCommandTest {
    private final List<RecoverRequest> asked = new ArrayList<>();
    private volatile RecoveryPreview preview = RecoveryPreview.newBuilder()
            .setScope("demo")
            .setGroupId("0001")
            .addSurvivors(Survivor.newBuilder()
                    .setName("n3")
                    .setAddress("127.0.0.3:7000")
                    .setPeerId("n3-abcd")
                    .setData(true)
                    .setRunning(true)
                    .setTimeline(2)
                    .setLsn(0x5000060)
                    .setTerm(4)
                    .setLastIndex(17))
            .addDead(DeadPeer.newBuilder()
                    .setName("n2")
                    .setAddress("127.0.0.2:7000")
                    .setPeerId("n2-abcd"))
            .addDead(DeadPeer.newBuilder()
                    .setName("n1")
                    .setAddress("127.0.0.1:7000")
                    .setPeerId("n1-abcd"))
            .setFounder("n3")
            .setLossless(true)
            .addFindings("Every acknowledged commit is on n3.")
            .addSafe("n3")
            .setWaitMillis(100)
            .build();
    private volatile boolean done = true;
    private volatile boolean unknown;
    private Server server;

    @BeforeEach
    void start() throws Exception {
        server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
                .directExecutor()
                .addService(new RaftServiceGrpc.RaftServiceImplBase() {
                    @Override
                    public void listPeers(ListPeersRequest request, StreamObserver<ListPeersReply> to) {
                        to.onNext(ListPeersReply.newBuilder()
                                .setScope("demo")
                                .setGroupId(asked.isEmpty() ? "0001" : "0002")
                                .setVoters(1)
                                .setOptimal(!asked.isEmpty())
                                .build());
                        to.onCompleted();
                    }

                    @Override
                    public void previewRecovery(PreviewRecoveryRequest request, StreamObserver<RecoveryPreview> to) {
                        to.onNext(preview);
                        to.onCompleted();
                    }

                    @Override
                    public void recover(RecoverRequest request, StreamObserver<ChangePeersReply> to) {
                        asked.add(request);
                        to.onNext(ChangePeersReply.newBuilder()
                                .setDone(done)
                                .setMessage("so it is")
                                .setUnknown(unknown)
                                .build());
                        to.onCompleted();
                    }
                })
                .build()
                .start();
    }

    @AfterEach
    void stop() {
        server.shutdownNow();
    }

    private CtlRun run(String input, String... arguments) {
        List<String> all = new ArrayList<>(List.of("--endpoint", "127.0.0.1:" + server.getPort(), "recover"));
        all.addAll(List.of(arguments));
        return CtlRun.of(Map.of(), input, all.toArray(String[]::new));
    }

    @Test
    void whatMayBeLostIsShownAndNothingIsChangedWithoutTheNamesOfTheDead() {
        CtlRun dry = run("", "--from-survivors", "--dry-run");
        assertEquals(0, dry.code(), dry.err());
        assertTrue(dry.says("| n3       | 127.0.0.3:7000 | replica    |  2 | 0/5000060 |"), dry.out());
        assertTrue(dry.says("Dead: n2 (127.0.0.2:7000)"), dry.out());
        assertTrue(dry.says("Every acknowledged commit is on n3."), dry.out());
        assertTrue(dry.says("Only n3 may be elected first."), dry.out());
        CtlRun json = run("", "--from-survivors", "--dry-run", "-o", "json");
        assertTrue(json.says("\"lossless\":true"), json.out());
        assertTrue(json.says("\"lsn\":\"0/5000060\""), json.out());
        assertTrue(json.says("\"status\":null"), json.out());
        CtlRun yaml = run("", "--from-survivors", "--dry-run", "-o", "yaml");
        assertTrue(yaml.says("\nlossless: true\n"), yaml.out());
        for (String answer : List.of("y\n", "n1\n", "n2 n1\n", "\n", "")) {
            assertEquals(1, run(answer, "--from-survivors").code(), answer);
        }
        assertEquals(2, run("n1 n2\n").code());
        assertEquals(2, run("n1 n2\n", "--from-survivors", "-o", "json").code());
        assertEquals(List.of(), asked);
    }

    @Test
    void whatWasAgreedToIsPassedOn() {
        CtlRun typed = run("n1 n2\n", "--from-survivors");
        assertEquals(0, typed.code(), typed.err());
        assertTrue(typed.says("Success: the new store has 1 peer"), typed.err());
        RecoverRequest order = asked.getFirst();
        assertEquals("0001", order.getGroupId());
        assertEquals(List.of("n3-abcd"), order.getSurvivorsList());
        assertEquals(List.of("n2-abcd", "n1-abcd"), order.getDeadList());
        assertTrue(order.getLossless());
        assertEquals(0, run("", "--from-survivors", "--force").code());
        done = false;
        CtlRun failed = run("", "--from-survivors", "--yes", "-o", "json");
        assertEquals(1, failed.code());
        assertTrue(failed.err().contains("Failed: so it is"), failed.err());
        assertTrue(failed.out().endsWith(",\"status\":412,\"message\":\"so it is\"}\n"), failed.out());
        unknown = true;
        CtlRun lost = run("", "--from-survivors", "--yes", "-o", "json");
        assertEquals(1, lost.code());
        assertTrue(lost.out().endsWith(",\"status\":503,\"message\":\"so it is\"}\n"), lost.out());
    }

    @Test
    void aRefusalEndsIt() {
        preview = preview.toBuilder().addRefusals("2 of 3 peers answer").build();
        CtlRun run = run("n1 n2\n", "--from-survivors", "--force");
        assertEquals(1, run.code());
        assertTrue(run.err().contains("Refused: 2 of 3 peers answer"), run.err());
        assertFalse(run.says("Begun"));
        assertEquals(List.of(), asked);
    }
}
