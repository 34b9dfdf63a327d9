package dev.matriarch.agent.rpc;

import dev.matriarch.proto.peer.v1.CandidacyReply;
import dev.matriarch.proto.peer.v1.CandidacyRequest;
import dev.matriarch.proto.peer.v1.FailsafeReply;
import dev.matriarch.proto.peer.v1.FailsafeRequest;
import dev.matriarch.proto.peer.v1.IdentityReply;
import dev.matriarch.proto.peer.v1.IdentityRequest;
import dev.matriarch.proto.peer.v1.PeerServiceGrpc;
import dev.matriarch.proto.peer.v1.PositionReply;
import dev.matriarch.proto.peer.v1.PositionRequest;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Optional;

/** Answers the other members. */
final class PeerEndpoint extends PeerServiceGrpc.PeerServiceImplBase {
    private final LocalAgent agent;
    private final Candidacies candidacies;
    private final String run;

    /** @param run of this agent's, as {@link Peers#run()} */
    PeerEndpoint(LocalAgent agent, Candidacies candidacies, String run) {
        this.agent = agent;
        this.candidacies = candidacies;
        this.run = run;
    }

    @Override
    public void identity(IdentityRequest request, StreamObserver<IdentityReply> reply) {
        if (!isOurs(request.getScope(), reply)) {
            return;
        }
        reply.onNext(
                IdentityReply.newBuilder().setName(agent.name()).setRun(run).build());
        reply.onCompleted();
    }

    private boolean isOurs(String scope, StreamObserver<?> reply) {
        boolean ours = scope.equals(agent.scope());
        if (!ours) {
            reply.onError(Status.FAILED_PRECONDITION
                    .withDescription("this member belongs to cluster '" + agent.scope() + "', not to '" + scope + "'")
                    .asRuntimeException());
        }
        return ours;
    }

    @Override
    public void failsafe(FailsafeRequest request, StreamObserver<FailsafeReply> reply) {
        if (!isOurs(request.getScope(), reply)) {
            return;
        }
        Optional<String> refusal = agent.promise(
                request.getName(),
                request.getConnUrl(),
                request.getApiUrl(),
                Duration.ofMillis(request.getTtlMillis()));
        reply.onNext(FailsafeReply.newBuilder()
                .setName(agent.name())
                .setAccepted(refusal.isEmpty())
                .setReason(refusal.orElse(""))
                .build());
        reply.onCompleted();
    }

    @Override
    public void candidacy(CandidacyRequest request, StreamObserver<CandidacyReply> reply) {
        if (!isOurs(request.getScope(), reply)) {
            return;
        }
        reply.onNext(candidacies.own());
        reply.onCompleted();
    }

    @Override
    public void position(PositionRequest request, StreamObserver<PositionReply> reply) {
        if (!isOurs(request.getScope(), reply)) {
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
