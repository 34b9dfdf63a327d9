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
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.AbstractBlockingStub;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** The agent that is spoken to, the first that answered, and what can be asked of it. */
final class Agents implements AutoCloseable {
    private static final Duration ALL_ENDPOINTS = Duration.ofSeconds(5);
    private static final Duration QUICK = Duration.ofSeconds(10);

    private static final String OLDER = "it runs an older version, which does not know this question";

    private final Channels channels;
    private final Settings settings;
    private Settings.Endpoint chosen;
    private ManagedChannel channel;
    private GetClusterReply cluster;

    private Agents(Settings settings) {
        this.settings = settings;
        this.channels = new Channels(settings.tls());
    }

    /** @throws CtlException with code 3 and each endpoint's error if nobody answers within five seconds */
    static Agents reach(Settings settings) {
        Agents agents = new Agents(settings);
        try {
            agents.cluster = agents.find((channel, nanos, to) -> ControlServiceGrpc.newStub(channel)
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
            agents.<GetClockReply>find((channel, nanos, to) -> DoctorServiceGrpc.newStub(channel)
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
                ManagedChannel one = agents.channels.open(endpoint);
                try {
                    String scope = within(ALL_ENDPOINTS, RaftServiceGrpc.newBlockingStub(one))
                            .listPeers(ListPeersRequest.getDefaultInstance())
                            .getScope();
                    agents.chosen = endpoint;
                    agents.channel = one;
                    agents.check(scope);
                    return agents;
                } catch (StatusRuntimeException e) {
                    errors.append("\n  ")
                            .append(endpoint)
                            .append(": ")
                            .append(
                                    e.getStatus().getCode() == Status.Code.UNIMPLEMENTED
                                            ? "its cluster does not use the built-in store"
                                            : agents.channels.reason(e));
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

    /** To this agent, whether it answers or not. */
    ManagedChannel to(Settings.Endpoint endpoint) {
        return channels.to(endpoint);
    }

    /** What went wrong, without gRPC's wrapping. */
    String words(Throwable failure) {
        return channels.reason(failure);
    }

    private <T> T find(FirstAnswer.Question<T> question) {
        FirstAnswer<T> first = FirstAnswer.find(channels, settings.endpoints(), ALL_ENDPOINTS, question);
        chosen = first.endpoint();
        channel = first.channel();
        return first.reply();
    }

    private void check(String scope) {
        if (settings.scope().filter(s -> !s.equals(scope)).isPresent()) {
            throw CtlException.refused("the agent at " + chosen + " belongs to cluster '" + scope
                    + "', the configuration names '" + settings.scope().get() + "'");
        }
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
            return question.apply(within(timeout, ControlServiceGrpc.newBlockingStub(channel)));
        } catch (StatusRuntimeException e) {
            Status.Code code = e.getStatus().getCode();
            CtlException refused = refused(e);
            throw code == Status.Code.UNAVAILABLE || code == Status.Code.CANCELLED
                    ? new CtlException.AgentGone(refused.getMessage())
                    : refused;
        }
    }

    private static <S extends AbstractBlockingStub<S>> S within(Duration timeout, S stub) {
        return stub.withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS);
    }

    private CtlException refused(StatusRuntimeException e) {
        return CtlException.refused("the agent at " + chosen + ": " + channels.reason(e));
    }

    /** @param older what is said of an agent that does not know the question */
    private CtlException refused(StatusRuntimeException e, String older) {
        return e.getStatus().getCode() == Status.Code.UNIMPLEMENTED
                ? CtlException.refused("the agent at " + chosen + ": " + older)
                : refused(e);
    }

    /** A question that agents of earlier releases do not know. */
    private <S extends AbstractBlockingStub<S>, T> T call(S stub, Duration timeout, Function<S, T> question) {
        try {
            return question.apply(within(timeout, stub));
        } catch (StatusRuntimeException e) {
            throw refused(e, OLDER);
        }
    }

    /**
     * How far something got; nothing known if the agent cannot say or is too old to.
     *
     * @param member who carries it out; empty: the agent that is asked
     */
    GetActionReply action(String id, String member) {
        try {
            return within(QUICK, ControlServiceGrpc.newBlockingStub(channel))
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
            return question.apply(within(timeout, RaftServiceGrpc.newBlockingStub(channel)));
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED) {
                throw CtlException.refused("the agent at " + chosen
                        + " is too old for that, or its cluster does not use the built-in store");
            }
            throw refused(e);
        }
    }

    /** As {@link #call}, of the service for certificates. */
    <T> T callCertificates(
            Duration timeout, Function<CertificateServiceGrpc.CertificateServiceBlockingStub, T> question) {
        return call(CertificateServiceGrpc.newBlockingStub(channel), timeout, question);
    }

    /** As {@link #call}, of the service for tokens of new members. */
    <T> T callTokens(Duration timeout, Function<TokenServiceGrpc.TokenServiceBlockingStub, T> question) {
        return call(TokenServiceGrpc.newBlockingStub(channel), timeout, question);
    }

    /** As {@link #call}, of the service for those who only look. */
    <T> T watch(Function<WatchServiceGrpc.WatchServiceBlockingStub, T> question) {
        return call(WatchServiceGrpc.newBlockingStub(channel), QUICK, question);
    }

    /** What is wrong with the cluster; the agent ends its questions to the others before {@code timeout}. */
    ExamineReply examine(Duration timeout) {
        try {
            ExamineReply reply = within(timeout, DoctorServiceGrpc.newBlockingStub(channel))
                    .examine(ExamineRequest.getDefaultInstance());
            if (cluster == null) {
                check(reply.getScope());
            }
            return reply;
        } catch (StatusRuntimeException e) {
            throw refused(e, OLDER + "; ask a newer one with --endpoint");
        }
    }

    /** The parts of the distributed database that the cluster belongs to; empty if it stands alone. */
    Optional<GroupsReply> groups() {
        try {
            GroupsReply reply = within(QUICK, ShardingServiceGrpc.newBlockingStub(channel))
                    .groups(GroupsRequest.getDefaultInstance());
            return reply.hasOwn() ? Optional.of(reply) : Optional.empty();
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED) {
                // An older agent, which knows nothing of groups.
                return Optional.empty();
            }
            throw refused(e);
        }
    }

    /** How agents are spoken to. */
    CtlTls tls() {
        return settings.tls();
    }

    @Override
    public void close() {
        channels.close();
    }
}
