package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.proto.RaftProtos.AppendEntriesReplyProto;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.RaftGroupIdProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteRequestProto;
import org.apache.ratis.proto.grpc.RaftServerProtocolServiceGrpc;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.apache.ratis.thirdparty.io.grpc.ManagedChannel;
import org.apache.ratis.thirdparty.io.grpc.ManagedChannelBuilder;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.apache.ratis.thirdparty.io.grpc.stub.StreamObserver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecipientCheckTest {
    @TempDir
    Path dir;

    private Peers peers;
    private ManagedChannel channel;
    private String peerId;
    private RaftGroupId group;

    @BeforeEach
    void start() throws Exception {
        peers = new Peers(dir, 1).startAll();
        peerId = peers.stores.getFirst().status().peerId();
        group = RaftGroupId.valueOf(
                PeerMarker.load(peers.dataDir(0)).orElseThrow().groupId().orElseThrow());
        channel = ManagedChannelBuilder.forTarget(peers.addresses.getFirst())
                .usePlaintext()
                .build();
    }

    @AfterEach
    void stop() {
        channel.shutdownNow();
        peers.close();
    }

    private RaftRpcRequestProto.Builder to(String recipient) {
        return RaftRpcRequestProto.newBuilder()
                .setRequestorId(ByteString.copyFromUtf8("n9-00000000"))
                .setReplyId(ByteString.copyFromUtf8(recipient))
                .setRaftGroupId(RaftGroupIdProto.newBuilder().setId(group.toByteString()));
    }

    private RequestVoteRequestProto ballot(String recipient) {
        return RequestVoteRequestProto.newBuilder()
                .setServerRequest(to(recipient))
                .setCandidateTerm(1)
                .setPreVote(true)
                .build();
    }

    @Test
    void ballotForThePeerThatUsedToBeHereIsRefused() {
        var stub = RaftServerProtocolServiceGrpc.newBlockingStub(channel).withDeadlineAfter(5, TimeUnit.SECONDS);
        String refusal = assertThrows(StatusRuntimeException.class, () -> stub.requestVote(ballot("n1-11111111")))
                .getMessage();
        assertTrue(refusal.contains("this is " + peerId + ", not n1-11111111"), refusal);
        assertEquals(
                peerId,
                stub.requestVote(ballot(peerId)).getServerReply().getReplyId().toStringUtf8());
    }

    @Test
    void entriesForThePeerThatUsedToBeHereAreRefused() {
        CompletableFuture<AppendEntriesReplyProto> reply = new CompletableFuture<>();
        StreamObserver<AppendEntriesRequestProto> requests = RaftServerProtocolServiceGrpc.newStub(channel)
                .appendEntries(new StreamObserver<>() {
                    @Override
                    public void onNext(AppendEntriesReplyProto value) {
                        reply.complete(value);
                    }

                    @Override
                    public void onError(Throwable problem) {
                        reply.completeExceptionally(problem);
                    }

                    @Override
                    public void onCompleted() {
                        reply.cancel(false);
                    }
                });
        requests.onNext(AppendEntriesRequestProto.newBuilder()
                .setServerRequest(to("n1-11111111"))
                .setLeaderTerm(1)
                .build());
        Throwable refusal = assertThrows(ExecutionException.class, () -> reply.get(5, TimeUnit.SECONDS))
                .getCause();
        assertTrue(refusal.getMessage().contains("not n1-11111111"), refusal.toString());
    }
}
