package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.CertificateServiceGrpc;
import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.DoctorServiceGrpc;
import dev.matriarch.proto.control.v1.ExamineReply;
import dev.matriarch.proto.control.v1.ExamineRequest;
import dev.matriarch.proto.control.v1.GetActionReply;
import dev.matriarch.proto.control.v1.GetActionRequest;
import dev.matriarch.proto.control.v1.GetClockReply;
import dev.matriarch.proto.control.v1.GetClockRequest;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.control.v1.ListPeersRequest;
import dev.matriarch.proto.control.v1.RaftServiceGrpc;
import dev.matriarch.proto.control.v1.TokenServiceGrpc;
import dev.matriarch.proto.sharding.v1.GroupsReply;
import dev.matriarch.proto.sharding.v1.GroupsRequest;
import dev.matriarch.proto.sharding.v1.ShardingServiceGrpc;
import dev.matriarch.proto.watch.v1.WatchServiceGrpc;
import io.grpc.ConnectivityState;
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

    private record Answer<T>(int endpoint, T reply, String error) {}

    private interface Question<T> {
        void ask(ManagedChannel channel, long nanos, StreamObserver<T> to);
    }

    private final EventLoopGroup io =
            new MultiThreadIoEventLoopGroup(1, new DefaultThreadFactory("ctl-io", true), NioIoHandler.newFactory());
    private final List<ManagedChannel> channels = new ArrayList<>();
    private final Map<String, ManagedChannel> byAddress = new LinkedHashMap<>();
    private final Settings settings;
    private final CtlTls tls;
    private Settings.Endpoint chosen;
    private ManagedChannel channel;
    private GetClusterReply cluster;

    private Agents(Settings settings) {
        this.settings = settings;
        this.tls = settings.tls();
    }

    /** @throws CtlException with code 3 and each endpoint's error if nobody answers within five seconds */
    static Agents reach(Settings settings) {
        Agents agents = new Agents(settings);
        try {
            agents.cluster = agents.find(
                    settings.endpoints(),
                    (channel, nanos, to) -> ControlServiceGrpc.newStub(channel)
                            .withDeadlineAfter(nanos, TimeUnit.NANOSECONDS)
                            .getCluster(GetClusterRequest.getDefaultInstance(), to));
            String scope = agents.cluster.getScope();
            agents.check(scope);
            return agents;
        } catch (RuntimeException e) {
            agents.close();
            throw e;
        }
    }

    /**
     * The first agent that answers at all, asked for nothing but its clock: also one whose store has no majority. Which
     * cluster it belongs to is not known before it is examined.
     */
    static Agents reachAny(Settings settings) {
        Agents agents = new Agents(settings);
        try {
            agents.<GetClockReply>find(
                    settings.endpoints(),
                    (channel, nanos, to) -> DoctorServiceGrpc.newStub(channel)
                            .withDeadlineAfter(nanos, TimeUnit.NANOSECONDS)
                            .getClock(GetClockRequest.getDefaultInstance(), orOlder(to)));
            return agents;
        } catch (RuntimeException e) {
            agents.close();
            throw e;
        }
    }

    /** That an agent does not know the question is an answer of it too. */
    private static StreamObserver<GetClockReply> orOlder(StreamObserver<GetClockReply> to) {
        return new StreamObserver<>() {
            @Override
            public void onNext(GetClockReply reply) {
                to.onNext(reply);
            }

            @Override
            public void onError(Throwable failure) {
                if (Status.fromThrowable(failure).getCode() == Status.Code.UNIMPLEMENTED) {
                    to.onNext(GetClockReply.getDefaultInstance());
                } else {
                    to.onError(failure);
                }
            }

            @Override
            public void onCompleted() {
                to.onCompleted();
            }
        };
    }

    /**
     * The first agent that answers for its store: also one that has not seen the cluster since it started, as its store has no
     * majority.
     */
    static Agents reachStore(Settings settings) {
        Agents agents = new Agents(settings);
        StringBuilder errors = new StringBuilder("no agent answered:");
        try {
            for (Settings.Endpoint endpoint : settings.endpoints()) {
                ManagedChannel one = agents.open(endpoint);
                try {
                    String scope = RaftServiceGrpc.newBlockingStub(one)
                            .withDeadlineAfter(ALL_ENDPOINTS.toMillis(), TimeUnit.MILLISECONDS)
                            .listPeers(ListPeersRequest.getDefaultInstance())
                            .getScope();
                    if (settings.scope().filter(s -> !s.equals(scope)).isPresent()) {
                        throw CtlException.refused("the agent at " + endpoint + " belongs to cluster '" + scope
                                + "', the configuration names '"
                                + settings.scope().get() + "'");
                    }
                    agents.chosen = endpoint;
                    agents.channel = one;
                    return agents;
                } catch (StatusRuntimeException e) {
                    errors.append("\n  ")
                            .append(endpoint)
                            .append(": ")
                            .append(
                                    e.getStatus().getCode() == Status.Code.UNIMPLEMENTED
                                            ? "its cluster does not use the built-in store"
                                            : agents.reason(e));
                }
            }
            throw new CtlException(CtlException.NOBODY_REACHABLE, errors.toString());
        } catch (RuntimeException e) {
            agents.close();
            throw e;
        }
    }

    /** For who asks each of several agents by itself, with {@link #to}. */
    static Agents unasked(Settings settings) {
        return new Agents(settings);
    }

    /** To this agent, whether it answers or not. One that has just come back is reached at once, not after a while. */
    ManagedChannel to(Settings.Endpoint endpoint) {
        ManagedChannel known = byAddress.get(endpoint.toString());
        if (known != null && known.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
            known.shutdownNow();
            channels.remove(known);
            known = null;
        }
        if (known == null) {
            known = open(endpoint);
            byAddress.put(endpoint.toString(), known);
        }
        return known;
    }

    /** What went wrong, without gRPC's wrapping. */
    String words(Throwable failure) {
        return reason(failure);
    }

    private void check(String scope) {
        if (settings.scope().filter(s -> !s.equals(scope)).isPresent()) {
            throw CtlException.refused("the agent at " + chosen + " belongs to cluster '" + scope
                    + "', the configuration names '" + settings.scope().get() + "'");
        }
    }

    private ManagedChannel open(Settings.Endpoint endpoint) {
        NettyChannelBuilder builder = NettyChannelBuilder.forAddress(endpoint.host(), endpoint.port())
                .eventLoopGroup(io)
                .channelType(NioSocketChannel.class)
                .proxyDetector(target -> null)
                .disableRetry()
                // A host that vanishes ends nothing by itself: an order may take half an hour.
                .keepAliveTime(10, TimeUnit.SECONDS)
                .keepAliveTimeout(5, TimeUnit.SECONDS)
                .directExecutor();
        tls.apply(builder);
        ManagedChannel one = builder.build();
        channels.add(one);
        return one;
    }

    private <T> T find(List<Settings.Endpoint> endpoints, Question<T> question) {
        long deadline = System.nanoTime() + ALL_ENDPOINTS.toNanos();
        BlockingQueue<Answer<T>> answers = new LinkedBlockingQueue<>();
        Map<Integer, String> errors = new LinkedHashMap<>();
        int asked = 0;
        while (errors.size() < endpoints.size()) {
            long left = deadline - System.nanoTime();
            if (asked < endpoints.size() && left > 0) {
                ask(asked, endpoints.get(asked), left, question, answers);
                asked++;
            }
            long patience = asked < endpoints.size() ? Math.min(left, NEXT_AFTER.toNanos()) : left;
            Answer<T> answer;
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
                return answer.reply();
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

    private <T> void ask(
            int index, Settings.Endpoint endpoint, long nanos, Question<T> question, BlockingQueue<Answer<T>> answers) {
        ManagedChannel one = open(endpoint);
        question.ask(one, nanos, new StreamObserver<>() {
            @Override
            public void onNext(T reply) {
                answers.add(new Answer<>(index, reply, ""));
            }

            @Override
            public void onError(Throwable failure) {
                answers.add(new Answer<>(index, null, reason(failure)));
            }

            @Override
            public void onCompleted() {
                // The reply has been handed over.
            }
        });
    }

    /** The cluster as it was when the connection was made by {@link #reach}. */
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
            String sentence = "the agent at " + chosen + ": " + reason(e);
            Status.Code code = e.getStatus().getCode();
            throw code == Status.Code.UNAVAILABLE || code == Status.Code.CANCELLED
                    ? new CtlException.AgentGone(sentence)
                    : CtlException.refused(sentence);
        }
    }

    /**
     * How far something got; nothing known if the agent cannot say or is too old to.
     *
     * @param member who carries it out; empty: the agent that is asked
     */
    GetActionReply action(String id, String member) {
        try {
            return ControlServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(QUICK.toMillis(), TimeUnit.MILLISECONDS)
                    .getAction(GetActionRequest.newBuilder()
                            .setActionId(id)
                            .setMember(member)
                            .build());
        } catch (StatusRuntimeException e) {
            return GetActionReply.getDefaultInstance();
        }
    }

    /** @throws CtlException with code 1 if the agent does not answer in time, or has no store of its own */
    <T> T callStore(Duration timeout, Function<RaftServiceGrpc.RaftServiceBlockingStub, T> question) {
        try {
            return question.apply(RaftServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS));
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED) {
                throw CtlException.refused("the agent at " + chosen
                        + " is too old for that, or its cluster does not use the built-in store");
            }
            throw CtlException.refused("the agent at " + chosen + ": " + reason(e));
        }
    }

    /** As {@link #call}, of the service for certificates. */
    <T> T callCertificates(
            Duration timeout, Function<CertificateServiceGrpc.CertificateServiceBlockingStub, T> question) {
        try {
            return question.apply(CertificateServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS));
        } catch (StatusRuntimeException e) {
            throw CtlException.refused("the agent at " + chosen + ": "
                    + (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED
                            ? "it runs an older version, which does not know this question"
                            : reason(e)));
        }
    }

    /** As {@link #call}, of the service for tokens of new members. */
    <T> T callTokens(Duration timeout, Function<TokenServiceGrpc.TokenServiceBlockingStub, T> question) {
        try {
            return question.apply(TokenServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS));
        } catch (StatusRuntimeException e) {
            throw CtlException.refused("the agent at " + chosen + ": "
                    + (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED
                            ? "it runs an older version, which does not know this question"
                            : reason(e)));
        }
    }

    /** As {@link #call}, of the service for those who only look. */
    <T> T watch(Function<WatchServiceGrpc.WatchServiceBlockingStub, T> question) {
        try {
            return question.apply(WatchServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(QUICK.toMillis(), TimeUnit.MILLISECONDS));
        } catch (StatusRuntimeException e) {
            throw CtlException.refused("the agent at " + chosen + ": "
                    + (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED
                            ? "it runs an older version, which does not know this question"
                            : reason(e)));
        }
    }

    /** What is wrong with the cluster; the agent ends its questions to the others before {@code timeout}. */
    ExamineReply examine(Duration timeout) {
        try {
            ExamineReply reply = DoctorServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS)
                    .examine(ExamineRequest.getDefaultInstance());
            if (cluster == null) {
                check(reply.getScope());
            }
            return reply;
        } catch (StatusRuntimeException e) {
            throw CtlException.refused("the agent at " + chosen + ": "
                    + (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED
                            ? "it runs an older version, which does not know this question; ask a newer one with --endpoint"
                            : reason(e)));
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

    /** How agents are spoken to. */
    CtlTls tls() {
        return tls;
    }

    private String reason(Throwable failure) {
        String plain = plainReason(failure);
        return tls.words(failure, plain).orElse(plain);
    }

    private static String plainReason(Throwable failure) {
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
