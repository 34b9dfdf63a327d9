package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.ChangePeersReply;
import dev.matriarch.proto.control.v1.ChangePeersRequest;
import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.control.v1.ListPeersReply;
import dev.matriarch.proto.control.v1.ListPeersRequest;
import dev.matriarch.proto.control.v1.RaftPeerRow;
import dev.matriarch.proto.control.v1.RaftServiceGrpc;
import dev.matriarch.proto.control.v1.SaveSnapshotReply;
import dev.matriarch.proto.control.v1.SaveSnapshotRequest;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RaftCommandTest {
    private final List<ChangePeersRequest> asked = new ArrayList<>();
    private volatile ListPeersReply peers = ListPeersReply.newBuilder()
            .setScope("demo")
            .setGroupId("0001")
            .setVoters(3)
            .setHealthy(2)
            .addDisagreements("n2 takes n3 for the Raft leader")
            .addPeers(RaftPeerRow.newBuilder()
                    .setName("n1")
                    .setAddress("127.0.0.1:7000")
                    .setRole("leader")
                    .setLeader("n1")
                    .setTerm(4)
                    .setCommitIndex(17)
                    .setAppliedIndex(17)
                    .setFsyncP50Millis(0.4)
                    .setFsyncP99Millis(3)
                    .setVoter(true)
                    .setHealthy(true))
            .addPeers(RaftPeerRow.newBuilder()
                    .setName("n3")
                    .setAddress("127.0.0.3:7000")
                    .setRole("unreachable")
                    .setVoter(true)
                    .setNote("does not answer"))
            .addPeers(RaftPeerRow.newBuilder()
                    .setName("router1")
                    .setAddress("127.0.0.4:7000")
                    .setRole("listener")
                    .setHealthy(true))
            .build();
    private volatile boolean done = true;
    private volatile boolean unknown;
    private Server server;

    @BeforeEach
    void start() throws Exception {
        server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
                .directExecutor()
                .addService(new ControlServiceGrpc.ControlServiceImplBase() {
                    @Override
                    public void getCluster(GetClusterRequest request, StreamObserver<GetClusterReply> to) {
                        to.onNext(GetClusterReply.newBuilder().setScope("demo").build());
                        to.onCompleted();
                    }
                })
                .addService(new RaftServiceGrpc.RaftServiceImplBase() {
                    @Override
                    public void listPeers(ListPeersRequest request, StreamObserver<ListPeersReply> to) {
                        to.onNext(peers);
                        to.onCompleted();
                    }

                    @Override
                    public void saveSnapshot(SaveSnapshotRequest request, StreamObserver<SaveSnapshotReply> to) {
                        to.onNext(SaveSnapshotReply.getDefaultInstance());
                        to.onCompleted();
                    }

                    @Override
                    public void changePeers(ChangePeersRequest request, StreamObserver<ChangePeersReply> to) {
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

    private CtlRun run(String... arguments) {
        List<String> all = new ArrayList<>(List.of("--endpoint", "127.0.0.1:" + server.getPort(), "raft"));
        all.addAll(List.of(arguments));
        return CtlRun.of(Map.of(), "", all.toArray(String[]::new));
    }

    @Test
    void peersAndTheirDisagreementsAreShown() {
        CtlRun list = run("list-peers");
        assertEquals(1, list.code(), list.err());
        assertTrue(list.says("| n1      | 127.0.0.1:7000 | leader"), list.out());
        assertTrue(list.says("0.4 / 3.0"), list.out());
        assertTrue(list.says("| router1 | 127.0.0.4:7000 | listener "), list.out());
        assertTrue(list.says("does not answer"), list.out());
        assertTrue(list.says("Disagreement: n2 takes n3 for the Raft leader"), list.out());
        assertTrue(run("list-peers", "-f", "json").says("\"Peer\":\"n1\""), list.out());
        CtlRun state = run("autopilot", "state");
        assertEquals(1, state.code());
        assertTrue(state.says("Failure tolerance: 0"), state.out());
        assertTrue(state.says("Unhealthy: n3 (127.0.0.3:7000): does not answer"), state.out());
        peers = peers.toBuilder()
                .clearDisagreements()
                .setOptimal(true)
                .setFailureTolerance(1)
                .setFeatureLevel(1)
                .build();
        assertEquals(0, run("list-peers").code());
        CtlRun healthy = run("autopilot");
        assertEquals(0, healthy.code());
        assertTrue(healthy.says("Feature level: 1"), healthy.out());
        assertEquals(2, run("autopilot", "config").code());
    }

    @Test
    void changesArePassedOnAndTheirOutcomeIsTheExitCode() {
        CtlRun added = run("add-peer", "127.0.0.4:7000");
        assertEquals(0, added.code(), added.err());
        assertTrue(added.says("Success: so it is"));
        assertEquals(0, run("remove-peer", "n3", "--force").code());
        assertEquals(0, run("transfer-leader").code());
        done = false;
        CtlRun refused = run("transfer-leader", "n2");
        assertEquals(1, refused.code());
        assertTrue(refused.says("Failed: so it is"));
        assertEquals("127.0.0.4:7000", asked.get(0).getAdd());
        assertTrue(asked.get(1).getForce());
        assertEquals("n3", asked.get(1).getRemove());
        assertTrue(asked.get(2).hasLead());
        assertEquals("n2", asked.get(3).getLead());
        assertEquals(2, run("add-peer").code());
        run("add-peer", "--listener", "127.0.0.5:7000");
        assertEquals("127.0.0.5:7000", asked.get(4).getAddListener());
        assertFalse(asked.get(4).hasAdd());
        CtlRun json = run("transfer-leader", "n2", "-o", "json");
        assertEquals(1, json.code());
        assertEquals(
                "{\"cluster\":\"demo\",\"actions\":[{\"id\":null,\"action\":\"raft transfer-leader\","
                        + "\"members\":[],\"status\":412,\"message\":\"so it is\",\"steps\":[]}]}\n",
                json.out());
    }

    @Test
    void whatMayHaveHappenedIsNoRefusal() {
        done = false;
        unknown = true;
        CtlRun lost = run("remove-peer", "n3", "-o", "json");
        assertEquals(1, lost.code());
        assertTrue(lost.says("\"status\":503,\"message\":\"so it is\""), lost.out());
    }

    @Test
    void aFileThatExistsIsARefusal(@TempDir Path dir) throws Exception {
        Path file = Files.writeString(dir.resolve("store"), "mine");
        CtlRun run = run("snapshot", "save", file.toString(), "-o", "json");
        assertEquals(1, run.code());
        assertTrue(run.says("\"status\":412"), run.out());
        assertTrue(run.says("exists already"), run.out());
        assertEquals("mine", Files.readString(file));
    }

    @Test
    void agentsWithoutSuchAStoreSaySo() throws Exception {
        try (FakeAgent other = new FakeAgent().start()) {
            CtlRun run = CtlRun.of(other, "", "raft", "list-peers");
            assertEquals(1, run.code());
            assertTrue(run.says("does not use the built-in store"), run.err());
        }
    }
}
