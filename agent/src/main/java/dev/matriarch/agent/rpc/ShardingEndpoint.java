package dev.matriarch.agent.rpc;

import dev.matriarch.agent.sharding.Event;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.proto.sharding.v1.AnnounceReply;
import dev.matriarch.proto.sharding.v1.AnnounceRequest;
import dev.matriarch.proto.sharding.v1.EventReply;
import dev.matriarch.proto.sharding.v1.EventRequest;
import dev.matriarch.proto.sharding.v1.GroupsReply;
import dev.matriarch.proto.sharding.v1.GroupsRequest;
import dev.matriarch.proto.sharding.v1.ShardingServiceGrpc;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Optional;

/** Answers the agents of the other groups of a distributed database, and matriarchctl about them. */
final class ShardingEndpoint extends ShardingServiceGrpc.ShardingServiceImplBase {
    /** No event may keep a transaction open, and with it clients waiting, for longer. */
    private static final Duration LONGEST = Duration.ofMinutes(5);

    private final String scope;
    private final Sharding sharding;

    ShardingEndpoint(String scope, Sharding sharding) {
        this.scope = scope;
        this.sharding = sharding;
    }

    @Override
    public void announce(AnnounceRequest request, StreamObserver<AnnounceReply> reply) {
        Sharding.Answer answer = sharding.announced(new Sharding.Announcement(
                request.getScope(), request.getDatabase(), ShardingForm.group(request.getGroup()), request.getLeads()));
        reply.onNext(AnnounceReply.newBuilder()
                .setLeads(answer.leads())
                .setProblem(answer.problem())
                .addAllGroups(answer.groups().stream().map(ShardingForm::group).toList())
                .build());
        reply.onCompleted();
    }

    @Override
    public void event(EventRequest request, StreamObserver<EventReply> reply) {
        Optional<Event.Type> type = Event.Type.of(request.getType());
        if (!request.getScope().equals(scope) || type.isEmpty()) {
            reply.onError(Status.INVALID_ARGUMENT
                    .withDescription(
                            type.isEmpty()
                                    ? "'" + request.getType() + "' is no event"
                                    : "this member belongs to cluster '" + scope + "', not to '" + request.getScope()
                                            + "'")
                    .asRuntimeException());
            return;
        }
        try {
            Sharding.EventAnswer answer = sharding.event(new Event(
                    type.get(),
                    request.getGroup(),
                    ShardingForm.node(request.getLeader()),
                    request.getEpoch(),
                    bounded(request.getTimeoutMillis()),
                    bounded(request.getCooldownMillis())));
            reply.onNext(EventReply.newBuilder()
                    .setLeads(answer.leads())
                    .setProblem(answer.problem())
                    .build());
            reply.onCompleted();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            reply.onError(Status.UNAVAILABLE.withDescription("this agent ends").asRuntimeException());
        }
    }

    private static Duration bounded(long millis) {
        return Duration.ofMillis(Math.clamp(millis, 0, LONGEST.toMillis()));
    }

    @Override
    public void groups(GroupsRequest request, StreamObserver<GroupsReply> reply) {
        GroupsReply.Builder all = GroupsReply.newBuilder();
        sharding.ownGroup().ifPresent(all::setOwn);
        sharding.groups().forEach(group -> all.addGroups(ShardingForm.group(group)));
        reply.onNext(all.build());
        reply.onCompleted();
    }
}
