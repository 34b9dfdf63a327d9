package dev.matriarch.agent.rpc;

import io.grpc.Status;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Semaphore;
import java.util.function.Function;

/**
 * gRPC's own health protocol. The empty name and those of the services mean that the heartbeat keeps its appointments; the
 * names of the REST door's health checks ({@code primary}, {@code replica}, …) mean what they mean there. Answered from
 * memory, at the moment of the question.
 */
final class HealthEndpoint extends HealthGrpc.HealthImplBase {
    private static final String ALIVE = "liveness";
    private static final Duration LOOK_AGAIN = Duration.ofMillis(500);
    private static final int MOST_WATCHERS = 64;

    private final Set<String> services;
    private final Function<String, Optional<Boolean>> health;
    private final ExecutorService calls;
    private final Semaphore watchers = new Semaphore(MOST_WATCHERS);

    /** @param services that this door offers */
    HealthEndpoint(Set<String> services, Function<String, Optional<Boolean>> health, ExecutorService calls) {
        this.services = services;
        this.health = health;
        this.calls = calls;
    }

    private ServingStatus status(String name) {
        boolean whole = name.isEmpty() || services.contains(name);
        return health.apply(whole ? ALIVE : name)
                .map(yes -> yes ? ServingStatus.SERVING : ServingStatus.NOT_SERVING)
                .orElse(whole ? ServingStatus.NOT_SERVING : ServingStatus.SERVICE_UNKNOWN);
    }

    private static HealthCheckResponse response(ServingStatus status) {
        return HealthCheckResponse.newBuilder().setStatus(status).build();
    }

    @Override
    public void check(HealthCheckRequest request, StreamObserver<HealthCheckResponse> reply) {
        ServingStatus status = status(request.getService());
        if (status == ServingStatus.SERVICE_UNKNOWN) {
            reply.onError(Status.NOT_FOUND
                    .withDescription("there is no health check of the name '" + request.getService()
                            + "'; those of the REST API are known, such as primary and replica")
                    .asRuntimeException());
            return;
        }
        reply.onNext(response(status));
        reply.onCompleted();
    }

    /** As the protocol has it, an unknown name is answered and may become known. */
    @Override
    public void watch(HealthCheckRequest request, StreamObserver<HealthCheckResponse> reply) {
        if (!watchers.tryAcquire()) {
            reply.onError(Status.RESOURCE_EXHAUSTED
                    .withDescription("this agent is watched by " + MOST_WATCHERS + " clients already")
                    .asRuntimeException());
            return;
        }
        ServerCallStreamObserver<HealthCheckResponse> to = (ServerCallStreamObserver<HealthCheckResponse>) reply;
        to.setOnCancelHandler(() -> {});
        calls.execute(() -> {
            try {
                tell(request.getService(), to);
            } finally {
                watchers.release();
            }
        });
    }

    private void tell(String name, ServerCallStreamObserver<HealthCheckResponse> to) {
        ServingStatus last = null;
        try {
            while (!to.isCancelled()) {
                ServingStatus now = status(name);
                // Who does not read is not written to.
                if (now != last && to.isReady()) {
                    to.onNext(response(now));
                    last = now;
                }
                Thread.sleep(LOOK_AGAIN);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            to.onError(Status.UNAVAILABLE.withDescription("this agent ends").asRuntimeException());
        }
    }
}
