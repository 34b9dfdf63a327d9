package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.sharding.v1.GroupsReply;
import dev.matriarch.proto.sharding.v1.GroupsRequest;
import dev.matriarch.proto.sharding.v1.ShardingServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import io.grpc.netty.shaded.io.netty.util.concurrent.DefaultThreadFactory;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * A connection to the first agent that answers.
 *
 * <p>The endpoints are asked one after the other, the next as soon as one fails or is silent for a moment, so that a dead
 * host costs that moment and not the whole time. This is the only place that makes channels.
 */
final class Agents implements AutoCloseable {
    private static final Duration ALL_ENDPOINTS = Duration.ofSeconds(5);
    private static final Duration NEXT_AFTER = Duration.ofMillis(400);
    private static final Duration QUICK = Duration.ofSeconds(10);

    private record Answer(int endpoint, GetClusterReply reply, String error) {}

    private final EventLoopGroup io =
            new MultiThreadIoEventLoopGroup(1, new DefaultThreadFactory("ctl-io", true), NioIoHandler.newFactory());
    private final List<ManagedChannel> channels = new ArrayList<>();
    private Settings.Endpoint chosen;
    private ManagedChannel channel;
    private GetClusterReply cluster;

    private Agents() {}

    /** @throws CtlException with code 3 and each endpoint's error if nobody answers within five seconds */
    static Agents reach(Settings settings) {
        Agents agents = new Agents();
        try {
            agents.find(settings.endpoints());
            String scope = agents.cluster.getScope();
            if (settings.scope().filter(s -> !s.equals(scope)).isPresent()) {
                throw CtlException.refused("the agent at " + agents.chosen + " belongs to cluster '" + scope
                        + "', the configuration names '" + settings.scope().get() + "'");
            }
            return agents;
        } catch (RuntimeException e) {
            agents.close();
            throw e;
        }
    }

    private void find(List<Settings.Endpoint> endpoints) {
        long deadline = System.nanoTime() + ALL_ENDPOINTS.toNanos();
        BlockingQueue<Answer> answers = new LinkedBlockingQueue<>();
        Map<Integer, String> errors = new LinkedHashMap<>();
        int asked = 0;
        while (errors.size() < endpoints.size()) {
            long left = deadline - System.nanoTime();
            if (asked < endpoints.size() && left > 0) {
                ask(asked, endpoints.get(asked), left, answers);
                asked++;
            }
            long patience = asked < endpoints.size() ? Math.min(left, NEXT_AFTER.toNanos()) : left;
            Answer answer;
            try {
                answer = answers.poll(Math.max(0, patience), TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw CtlException.refused("Aborted!");
            }
            if (answer == null) {
                if (System.nanoTime() >= deadline) {
                    break;
                }
            } else if (answer.reply() != null) {
                chosen = endpoints.get(answer.endpoint());
                channel = channels.get(answer.endpoint());
                cluster = answer.reply();
                return;
            } else {
                errors.put(answer.endpoint(), answer.error());
            }
        }
        StringBuilder message = new StringBuilder("no agent answered:");
        for (int i = 0; i < endpoints.size(); i++) {
            message.append("\n  ")
                    .append(endpoints.get(i))
                    .append(": ")
                    .append(errors.getOrDefault(i, "no answer within " + ALL_ENDPOINTS.toSeconds() + " s"));
        }
        throw new CtlException(CtlException.NOBODY_REACHABLE, message.toString());
    }

    private void ask(int index, Settings.Endpoint endpoint, long nanos, BlockingQueue<Answer> answers) {
        ManagedChannel one = NettyChannelBuilder.forAddress(endpoint.host(), endpoint.port())
                .eventLoopGroup(io)
                .channelType(NioSocketChannel.class)
                .usePlaintext()
                .proxyDetector(target -> null)
                .disableRetry()
                .directExecutor()
                .build();
        channels.add(one);
        ControlServiceGrpc.newStub(one)
                .withDeadlineAfter(nanos, TimeUnit.NANOSECONDS)
                .getCluster(GetClusterRequest.getDefaultInstance(), new StreamObserver<>() {
                    @Override
                    public void onNext(GetClusterReply reply) {
                        answers.add(new Answer(index, reply, ""));
                    }

                    @Override
                    public void onError(Throwable failure) {
                        answers.add(new Answer(index, null, reason(failure)));
                    }

                    @Override
                    public void onCompleted() {
                        // The reply has been handed over.
                    }
                });
    }

    /** The cluster as it was when the connection was made. */
    GetClusterReply cluster() {
        return cluster;
    }

    /** The cluster now. */
    GetClusterReply refresh() {
        cluster = call(QUICK, stub -> stub.getCluster(GetClusterRequest.getDefaultInstance()));
        return cluster;
    }

    <T> T call(Function<ControlServiceGrpc.ControlServiceBlockingStub, T> question) {
        return call(QUICK, question);
    }

    /** @throws CtlException with code 1 if the agent does not answer in time or fails */
    <T> T call(Duration timeout, Function<ControlServiceGrpc.ControlServiceBlockingStub, T> question) {
        try {
            return question.apply(ControlServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS));
        } catch (StatusRuntimeException e) {
            throw CtlException.refused("the agent at " + chosen + ": " + reason(e));
        }
    }

    /** The parts of the distributed database that the cluster belongs to; empty if it stands alone. */
    Optional<GroupsReply> groups() {
        try {
            GroupsReply reply = ShardingServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(QUICK.toMillis(), TimeUnit.MILLISECONDS)
                    .groups(GroupsRequest.getDefaultInstance());
            return reply.hasOwn() ? Optional.of(reply) : Optional.empty();
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED) {
                // An older agent, which knows nothing of groups.
                return Optional.empty();
            }
            throw CtlException.refused("the agent at " + chosen + ": " + reason(e));
        }
    }

    private static String reason(Throwable failure) {
        if (failure instanceof StatusRuntimeException e) {
            Throwable cause = e.getStatus().getCause();
            while (cause != null && cause.getCause() != null) {
                cause = cause.getCause();
            }
            if (cause != null && cause.getMessage() != null) {
                return cause.getMessage();
            }
            return switch (e.getStatus().getCode()) {
                case DEADLINE_EXCEEDED -> "no answer in time";
                default ->
                    e.getStatus().getDescription() == null
                            ? e.getStatus().getCode().name()
                            : e.getStatus().getDescription();
            };
        }
        return failure.toString();
    }

    @Override
    public void close() {
        channels.forEach(ManagedChannel::shutdownNow);
        // Its thread is a daemon: nobody needs to wait for it.
        io.shutdownGracefully(0, 0, TimeUnit.MILLISECONDS);
    }
}
