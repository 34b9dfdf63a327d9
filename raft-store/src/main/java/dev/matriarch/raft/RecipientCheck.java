package dev.matriarch.raft;

import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotRequestProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.ReadIndexRequestProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteRequestProto;
import org.apache.ratis.proto.RaftProtos.StartLeaderElectionRequestProto;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.apache.ratis.thirdparty.io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import org.apache.ratis.thirdparty.io.grpc.Metadata;
import org.apache.ratis.thirdparty.io.grpc.ServerCall;
import org.apache.ratis.thirdparty.io.grpc.ServerCallHandler;
import org.apache.ratis.thirdparty.io.grpc.ServerInterceptor;
import org.apache.ratis.thirdparty.io.grpc.Status;

/**
 * Refuses what the others send to another peer at this address. Ratis' server takes whatever arrives: a peer with a new,
 * empty disk would vote and confirm entries in the name of the one that used to be here, whose votes and entries it has
 * forgotten, and would get the log twice over, once under each name.
 */
final class RecipientCheck implements ServerInterceptor {
    private final ByteString me;
    private final String name;

    RecipientCheck(RaftPeerId me) {
        this.me = me.toByteString();
        this.name = me.toString();
    }

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
        return new SimpleForwardingServerCallListener<>(next.startCall(call, headers)) {
            private boolean refused;

            @Override
            public void onMessage(Q message) {
                if (refused) {
                    return;
                }
                ByteString recipient = recipient(message);
                if (recipient.isEmpty() || recipient.equals(me)) {
                    super.onMessage(message);
                } else {
                    refused = true;
                    call.close(
                            Status.UNAVAILABLE.withDescription("this is " + name + ", not " + recipient.toStringUtf8()),
                            new Metadata());
                }
            }

            @Override
            public void onHalfClose() {
                if (!refused) {
                    super.onHalfClose();
                }
            }
        };
    }

    /** Empty: the message has none. */
    private static ByteString recipient(Object message) {
        RaftRpcRequestProto request = switch (message) {
            case AppendEntriesRequestProto append -> append.getServerRequest();
            case RequestVoteRequestProto vote -> vote.getServerRequest();
            case InstallSnapshotRequestProto snapshot -> snapshot.getServerRequest();
            case StartLeaderElectionRequestProto election -> election.getServerRequest();
            case ReadIndexRequestProto read -> read.getServerRequest();
            default -> RaftRpcRequestProto.getDefaultInstance();
        };
        return request.getReplyId();
    }
}
