package dev.matriarch.raft;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Reply;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.ratis.client.impl.ClientProtoUtils;
import org.apache.ratis.proto.RaftProtos.RaftClientReplyProto;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.exceptions.AlreadyClosedException;
import org.apache.ratis.protocol.exceptions.LeaderNotReadyException;
import org.apache.ratis.protocol.exceptions.LeaderSteppingDownException;
import org.apache.ratis.protocol.exceptions.NotLeaderException;
import org.apache.ratis.rpc.CallId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.thirdparty.com.google.protobuf.UnsafeByteOperations;

/**
 * Brings commands into the log: directly when this peer is the Raft leader, else through the Raft leader's port. Tries
 * again within the caller's time; all tries of one command carry the same call id, by which Ratis applies it once.
 */
final class Proposals {
    private static final long LOOK_AGAIN_MILLIS = 25;

    /** What the store needs to know of its surroundings at each try. */
    interface Surroundings {
        /** The running replica, or the sentence that says why there is none. */
        Replica replica() throws DcsException;

        /** The sentence about missing contact, for the error at the end of the caller's time. */
        String whyNoLeader();
    }

    /** A running replica: the server and its part of the group. */
    record Replica(RaftServer server, RaftServer.Division division, StoreStateMachine stateMachine) {}

    private final Surroundings surroundings;
    private final PeerRpc rpc;
    private final ClientId clientId = ClientId.randomId();

    Proposals(Surroundings surroundings, PeerRpc rpc) {
        this.surroundings = surroundings;
        this.rpc = rpc;
    }

    ClientId clientId() {
        return clientId;
    }

    /**
     * Commits a command and waits until this replica shows its effect.
     *
     * @throws DcsException if the outcome is unknown after {@code timeout}
     */
    Reply submit(Command command, Duration timeout) throws DcsException {
        return submit(command, timeout, false);
    }

    /** Like {@link #submit}, and certain that this replica shows everything up to the command when it returns. */
    Reply submitAndSee(Command command, Duration timeout) throws DcsException {
        return submit(command, timeout, true);
    }

    private Reply submit(Command command, Duration timeout, boolean mustSee) throws DcsException {
        long deadline = System.nanoTime() + timeout.toNanos();
        long callId = CallId.getAndIncrement();
        Message message = Message.valueOf(UnsafeByteOperations.unsafeWrap(command.toByteArray()));
        String last = "";
        try {
            while (true) {
                Replica replica = surroundings.replica();
                RaftPeerId leader = replica.division().getInfo().getLeaderId();
                if (leader != null) {
                    RaftClientReply reply = null;
                    try {
                        reply = attempt(replica, leader, callId, message, deadline);
                    } catch (ExecutionException e) {
                        last = reason(e.getCause());
                        if (!mayRetry(e.getCause())) {
                            throw new DcsException("The built-in store did not accept a command: " + last, e);
                        }
                    }
                    if (reply != null && reply.isSuccess()) {
                        return visible(replica, reply, deadline, mustSee);
                    }
                    if (reply != null) {
                        last = reason(reply.getException());
                        if (!mayRetry(reply.getException())) {
                            throw new DcsException("The built-in store did not accept a command: " + last);
                        }
                    }
                }
                if (System.nanoTime() - deadline >= 0) {
                    throw new DcsException("The built-in store did not answer within " + timeout.toMillis() + " ms: "
                            + surroundings.whyNoLeader() + (last.isEmpty() ? "" : " (" + last + ")"));
                }
                Thread.sleep(LOOK_AGAIN_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DcsException("Interrupted while waiting for the built-in store", e);
        }
    }

    /** Starts a command on this peer only, as the Raft leader does with expiries; nobody waits for it. */
    CompletableFuture<RaftClientReply> submitHere(Replica replica, Command command) {
        Message message = Message.valueOf(UnsafeByteOperations.unsafeWrap(command.toByteArray()));
        return toServer(
                replica.server(), request(replica, replica.server().getId(), CallId.getAndIncrement(), message));
    }

    /** Null: the leader changed or did not answer in a slice of time; look again. */
    private RaftClientReply attempt(Replica replica, RaftPeerId leader, long callId, Message message, long deadline)
            throws InterruptedException, ExecutionException {
        RaftClientRequest request = request(replica, leader, callId, message);
        CompletableFuture<RaftClientReply> future;
        if (leader.equals(replica.server().getId())) {
            future = toServer(replica.server(), request);
        } else {
            RaftPeer peer = replica.division().getRaftConf().getPeer(leader);
            if (peer == null) {
                return null;
            }
            try {
                future = rpc.submit(
                                peer.getAddress(),
                                ClientProtoUtils.toRaftClientRequestProto(request),
                                Duration.ofNanos(deadline - System.nanoTime()))
                        .thenApply(ClientProtoUtils::toRaftClientReply);
            } catch (StoreStartException e) {
                throw new ExecutionException(e);
            }
        }
        while (true) {
            long remaining = deadline - System.nanoTime();
            if (remaining <= 0) {
                return null;
            }
            try {
                return future.get(Math.min(remaining, LOOK_AGAIN_MILLIS * 2_000_000), TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                if (!leader.equals(replica.division().getInfo().getLeaderId())) {
                    return null;
                }
            }
        }
    }

    private RaftClientRequest request(Replica replica, RaftPeerId server, long callId, Message message) {
        return RaftClientRequest.newBuilder()
                .setClientId(clientId)
                .setServerId(server)
                .setGroupId(replica.division().getMemberId().getGroupId())
                .setCallId(callId)
                .setMessage(message)
                .setType(RaftClientRequest.writeRequestType())
                .build();
    }

    private static Reply visible(Replica replica, RaftClientReply reply, long deadline, boolean mustSee)
            throws DcsException, InterruptedException {
        // The write is done; a replica that is slow to follow must not turn it into a failure.
        long patience = mustSee ? deadline : Math.min(deadline, System.nanoTime() + 1_000_000_000L);
        if (!replica.stateMachine().awaitApplied(reply.getLogIndex(), patience) && mustSee) {
            throw new DcsException("The local copy of the built-in store has not caught up with the others yet");
        }
        try {
            return Reply.parseFrom(reply.getMessage().getContent().asReadOnlyByteBuffer());
        } catch (InvalidProtocolBufferException e) {
            throw new DcsException("The built-in store's answer cannot be understood", e);
        }
    }

    /** Hands a request of another peer to this peer's own server. */
    static CompletableFuture<RaftClientReplyProto> answer(RaftServer server, RaftClientRequest request) {
        return toServer(server, request).thenApply(ClientProtoUtils::toRaftClientReplyProto);
    }

    private static CompletableFuture<RaftClientReply> toServer(RaftServer server, RaftClientRequest request) {
        try {
            return server.submitClientRequestAsync(request);
        } catch (IOException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    private static boolean mayRetry(Throwable problem) {
        return problem instanceof NotLeaderException
                || problem instanceof LeaderNotReadyException
                || problem instanceof LeaderSteppingDownException
                || problem instanceof AlreadyClosedException
                || problem instanceof org.apache.ratis.protocol.exceptions.ServerNotReadyException
                || problem instanceof org.apache.ratis.protocol.exceptions.GroupMismatchException
                || problem instanceof org.apache.ratis.protocol.exceptions.ResourceUnavailableException
                || problem instanceof org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException
                || (problem instanceof java.util.concurrent.CompletionException && mayRetry(problem.getCause()));
    }

    private static String reason(Throwable problem) {
        if (problem == null) {
            return "";
        }
        String message = problem.getMessage();
        return message == null
                ? problem.getClass().getSimpleName()
                : message.lines().findFirst().orElse("");
    }
}
