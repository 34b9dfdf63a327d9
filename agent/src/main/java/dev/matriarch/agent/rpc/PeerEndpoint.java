package dev.matriarch.agent.rpc;

import dev.matriarch.proto.peer.v1.PeerServiceGrpc;
import dev.matriarch.proto.peer.v1.PositionReply;
import dev.matriarch.proto.peer.v1.PositionRequest;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;

/** Answers the other members. */
final class PeerEndpoint extends PeerServiceGrpc.PeerServiceImplBase {
    private final LocalAgent agent;

    PeerEndpoint(LocalAgent agent) {
        this.agent = agent;
    }

    @Override
    public void position(PositionRequest request, StreamObserver<PositionReply> reply) {
        if (!request.getScope().equals(agent.scope())) {
            reply.onError(Status.FAILED_PRECONDITION
                    .withDescription("this member belongs to cluster '" + agent.scope() + "', not to '"
                            + request.getScope() + "'")
                    .asRuntimeException());
            return;
        }
        Position p = agent.position();
        reply.onNext(PositionReply.newBuilder()
                .setName(agent.name())
                .setRunning(p.running())
                .setInRecovery(p.inRecovery())
                .setLsn(p.lsn().value())
                .setTimeline(p.timeline())
                .setNofailover(p.nofailover())
                .setFailoverPriority(p.failoverPriority())
                .setWatchdogFailed(p.watchdogFailed())
                .build());
        reply.onCompleted();
    }
}
