package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.peer.v1.CandidacyReply;
import dev.matriarch.proto.peer.v1.CandidacyRequest;
import dev.matriarch.proto.peer.v1.FailsafeReply;
import dev.matriarch.proto.peer.v1.FailsafeRequest;
import dev.matriarch.proto.peer.v1.IdentityReply;
import dev.matriarch.proto.peer.v1.IdentityRequest;
import dev.matriarch.proto.peer.v1.PeerServiceGrpc;
import dev.matriarch.proto.peer.v1.PositionReply;
import dev.matriarch.proto.peer.v1.PositionRequest;
import dev.matriarch.proto.watch.v1.WatchServiceGrpc;
import dev.matriarch.tls.Handshakes;
import io.grpc.ClientInterceptor;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Calls to the other members' gRPC doors, and to the REST doors of those that have no other. One channel is kept for each
 * address.
 *
 * <p>A member that refuses the connection is reported at once. A channel whose last attempt failed is thrown away
 * before the next call, so that a member that came back is reached at the first call and not after a back-off.
 */
public final class Peers implements AutoCloseable {
    /** Names the member that forwards a request; one that carries it is never forwarded again. */
    static final Metadata.Key<String> FORWARDED_BY =
            Metadata.Key.of("matriarch-forwarded-by", Metadata.ASCII_STRING_MARSHALLER);

    private final RpcTransport transport;
    private final String scope;
    private final String self;
    private final String run = UUID.randomUUID().toString();
    private final RestPeers rest;
    private final Map<String, ManagedChannel> channels = new HashMap<>();
    private boolean closed;

    /** @param self this member's name, told to those who are asked */
    public Peers(RpcTransport transport, String scope, String self) {
        this(transport, scope, self, Optional::empty);
    }

    /** @param credentials of the REST doors: members without a gRPC door are asked there */
    public Peers(
            RpcTransport transport,
            String scope,
            String self,
            Supplier<Optional<AgentConfig.Credentials>> credentials) {
        this.rest = new RestPeers(scope, credentials);
        this.transport = transport;
        this.scope = scope;
        this.self = self;
    }

    /** Tells this run of the agent from all others, of whatever name. */
    String run() {
        return run;
    }

    /** Who lives at the gRPC address in a record that bears this member's name. */
    public enum NameHolder {
        THIS_AGENT,
        ANOTHER_AGENT,
        /** No answer in time, or one by another name or of another cluster. */
        NOBODY
    }

    /** Asks the address in {@code record}, a record of this member's name; returns within {@code timeout}. */
    public NameHolder nameHolder(Member record, Duration timeout) {
        try {
            IdentityReply reply = PeerServiceGrpc.newBlockingStub(channel(record))
                    .withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS)
                    .identity(IdentityRequest.newBuilder().setScope(scope).build());
            if (!reply.getName().equals(self)) {
                return NameHolder.NOBODY;
            }
            return reply.getRun().equals(run) ? NameHolder.THIS_AGENT : NameHolder.ANOTHER_AGENT;
        } catch (StatusRuntimeException | IllegalArgumentException | IllegalStateException e) {
            return NameHolder.NOBODY;
        }
    }

    /**
     * Asks all of {@code members} at the same time.
     *
     * @param timeout for all of them together
     * @return an answer for each of them, in their order
     */
    public Map<String, PeerAnswer> positions(Collection<Member> members, Duration timeout) {
        PositionRequest request =
                PositionRequest.newBuilder().setScope(scope).setAsking(self).build();
        Map<String, PeerAnswer> answers = new LinkedHashMap<>();
        members.forEach(m -> answers.put(m.name(), new PeerAnswer.Unreachable("not asked")));
        CompletableFuture<Map<String, PeerAnswer>> others = overRest(members, m -> rest.positions(m, timeout));
        askAll(overRpc(members), timeout, stub -> stub.position(request), PositionReply::getName)
                .forEach((name, heard) -> answers.put(
                        name,
                        heard.reply()
                                .<PeerAnswer>map(Peers::answered)
                                .orElseGet(() -> new PeerAnswer.Unreachable(heard.whyNot()))));
        answers.putAll(others.join());
        return answers;
    }

    /**
     * Asks all of {@code members} at the same time to leave this member's lock alone for {@code ttl}.
     *
     * @param me this member's record, for those who do not have it
     * @param timeout for all of them together
     * @return name to the reason of each that did not promise it
     */
    public Map<String, String> refusals(Collection<Member> members, Member me, Duration ttl, Duration timeout) {
        FailsafeRequest request = FailsafeRequest.newBuilder()
                .setScope(scope)
                .setName(self)
                .setConnUrl(me.connUrl())
                .setApiUrl(me.apiUrl())
                .setTtlMillis(ttl.toMillis())
                .build();
        CompletableFuture<Map<String, String>> others = overRest(members, m -> rest.refusals(m, me, timeout));
        Map<String, String> refusals = new LinkedHashMap<>();
        askAll(overRpc(members), timeout, stub -> stub.failsafe(request), FailsafeReply::getName)
                .forEach((name, heard) -> {
                    if (heard.reply().filter(FailsafeReply::getAccepted).isEmpty()) {
                        refusals.put(
                                name,
                                heard.reply().map(FailsafeReply::getReason).orElse(heard.whyNot()));
                    }
                });
        refusals.putAll(others.join());
        return refusals;
    }

    private static List<Member> overRpc(Collection<Member> members) {
        return members.stream().filter(m -> !RestPeers.isFor(m)).toList();
    }

    /** @param question ends within its own time */
    private static <R> CompletableFuture<Map<String, R>> overRest(
            Collection<Member> members, Function<List<Member>, Map<String, R>> question) {
        List<Member> asked = members.stream().filter(RestPeers::isFor).toList();
        return asked.isEmpty()
                ? CompletableFuture.completedFuture(Map.of())
                : CompletableFuture.supplyAsync(() -> question.apply(asked), Thread::startVirtualThread);
    }

    /**
     * Asks all of {@code members} at the same time whether they would take the lock if the leader were gone.
     *
     * @param timeout for all of them together
     * @return the answers of those who gave one, by name
     */
    Map<String, CandidacyReply> candidacies(Collection<Member> members, Duration timeout) {
        CandidacyRequest request = CandidacyRequest.newBuilder().setScope(scope).build();
        Map<String, CandidacyReply> answers = new LinkedHashMap<>();
        askAll(members, timeout, stub -> stub.candidacy(request), CandidacyReply::getName)
                .forEach((name, heard) -> heard.reply().ifPresent(reply -> answers.put(name, reply)));
        return answers;
    }

    /** What came of asking one member. @param whyNot a sentence fragment for people, if there is no reply */
    public record Heard<R>(Optional<R> reply, String whyNot) {
        static <R> Heard<R> nothing(String why) {
            return new Heard<>(Optional.empty(), why);
        }
    }

    /**
     * Puts one question to all members at the same time. A reply by another name than the member's is none.
     *
     * @param timeout for all of them together
     * @return what came of it for each of them, in their order
     */
    private <R> Map<String, Heard<R>> askAll(
            Collection<Member> members,
            Duration timeout,
            Function<PeerServiceGrpc.PeerServiceFutureStub, Future<R>> question,
            Function<R, String> nameIn) {
        return ask(members, timeout, channel -> question.apply(inTime(channel, timeout)), nameIn);
    }

    private static PeerServiceGrpc.PeerServiceFutureStub inTime(ManagedChannel channel, Duration timeout) {
        return PeerServiceGrpc.newFutureStub(channel).withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** As {@link #askAll}, of the service for those who only look. */
    <R> Map<String, Heard<R>> watch(
            Collection<Member> members,
            Duration timeout,
            Function<WatchServiceGrpc.WatchServiceFutureStub, Future<R>> question,
            Function<R, String> nameIn) {
        return ask(
                members,
                timeout,
                channel -> question.apply(WatchServiceGrpc.newFutureStub(channel)
                        .withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS)),
                nameIn);
    }

    /** As {@link #askAll}, of any service; {@code question} sets its own deadline. */
    public <R> Map<String, Heard<R>> ask(
            Collection<Member> members,
            Duration timeout,
            Function<ManagedChannel, Future<R>> question,
            Function<R, String> nameIn) {
        long deadline = System.nanoTime() + timeout.toNanos();
        Map<String, Future<R>> asked = new LinkedHashMap<>();
        Map<String, Heard<R>> heard = new LinkedHashMap<>();
        for (Member member : members) {
            try {
                asked.put(member.name(), question.apply(channel(member)));
                heard.put(member.name(), Heard.nothing("not asked"));
            } catch (IllegalArgumentException | IllegalStateException e) {
                heard.put(member.name(), Heard.nothing(e.getMessage()));
            }
        }
        asked.forEach((name, future) -> heard.put(name, await(name, future, deadline, nameIn)));
        return heard;
    }

    private static <R> Heard<R> await(String name, Future<R> future, long deadline, Function<R, String> nameIn) {
        try {
            R reply = future.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            String answeredBy = nameIn.apply(reply);
            return answeredBy.equals(name)
                    ? new Heard<>(Optional.of(reply), "")
                    : Heard.nothing(
                            "its address is answered by member '" + answeredBy + "'; check control.connect_address");
        } catch (ExecutionException e) {
            return Heard.nothing(reason(e.getCause()));
        } catch (TimeoutException e) {
            future.cancel(true);
            return Heard.nothing("no answer in time");
        } catch (InterruptedException e) {
            future.cancel(true);
            Thread.currentThread().interrupt();
            return Heard.nothing("interrupted while waiting for its answer");
        }
    }

    private static PeerAnswer answered(PositionReply reply) {
        return new PeerAnswer.Answered(new Position(
                reply.getRunning(),
                reply.getInRecovery(),
                new Lsn(reply.getLsn()),
                reply.getTimeline(),
                reply.getNofailover(),
                reply.getFailoverPriority(),
                reply.getWatchdogFailed()));
    }

    /**
     * The control service of another member; requests through it are marked as forwarded.
     *
     * @throws IllegalArgumentException if the member has no usable gRPC address
     */
    ControlServiceGrpc.ControlServiceBlockingStub control(Member member, Duration timeout) {
        return ControlServiceGrpc.newBlockingStub(channel(member))
                .withInterceptors(forwarded())
                .withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** What marks a request as forwarded by this member. */
    public ClientInterceptor forwarded() {
        Metadata headers = new Metadata();
        headers.put(FORWARDED_BY, self);
        return MetadataUtils.newAttachHeadersInterceptor(headers);
    }

    private ManagedChannel channel(Member member) {
        if (member.rpcAddress().isEmpty()) {
            throw new IllegalArgumentException("member " + member.name() + " publishes no gRPC address");
        }
        return channel(HostPort.parse(member.rpcAddress(), 0));
    }

    /** To an agent of this cluster or another one. */
    public ManagedChannel channel(HostPort address) {
        synchronized (channels) {
            if (closed) {
                throw new IllegalStateException("this agent is shutting down");
            }
            ManagedChannel known = channels.get(address.toString());
            if (known != null && known.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
                known.shutdownNow();
                known = null;
            }
            if (known == null) {
                known = transport.connect(address);
                channels.put(address.toString(), known);
            }
            return known;
        }
    }

    /** What went wrong, without gRPC's wrapping. */
    public static String reason(Throwable failure) {
        Optional<String> noTls = Handshakes.words(failure, Optional.of("(tls.certificate)"));
        if (noTls.isPresent()) {
            return noTls.get();
        }
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
        return failure.getMessage() == null ? failure.toString() : failure.getMessage();
    }

    /** Closes all channels; calls under way fail. */
    @Override
    public void close() {
        synchronized (channels) {
            closed = true;
            channels.values().forEach(ManagedChannel::shutdownNow);
            channels.clear();
        }
        rest.close();
    }
}
