package dev.matriarch.agent.rpc;

import dev.matriarch.proto.watch.v1.EventsReply;
import dev.matriarch.proto.watch.v1.EventsRequest;
import dev.matriarch.proto.watch.v1.PulseReply;
import dev.matriarch.proto.watch.v1.PulseRequest;
import dev.matriarch.proto.watch.v1.WatchServiceGrpc;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.time.Instant;

/** Answers those who only look. */
final class WatchEndpoint extends WatchServiceGrpc.WatchServiceImplBase {
    private static final Duration ASK_PULSES = Duration.ofMillis(800);
    /** The others may have to read their flight recorders. */
    private static final Duration ASK_EVENTS = Duration.ofSeconds(4);

    private final ClusterWatch watch;

    WatchEndpoint(ClusterWatch watch) {
        this.watch = watch;
    }

    @Override
    public void pulse(PulseRequest request, StreamObserver<PulseReply> reply) {
        PulseReply.Builder answer = PulseReply.newBuilder();
        if (request.getOwn()) {
            answer.addMembers(watch.ownPulse());
        } else {
            answer.addAllMembers(watch.pulses(ASK_PULSES));
        }
        reply.onNext(answer.build());
        reply.onCompleted();
    }

    @Override
    public void events(EventsRequest request, StreamObserver<EventsReply> reply) {
        Instant since = Instant.ofEpochMilli(request.getSinceMillis());
        int most = request.getMost();
        reply.onNext(request.getOwn() ? watch.ownEvents(since, most) : watch.events(since, most, ASK_EVENTS));
        reply.onCompleted();
    }
}
