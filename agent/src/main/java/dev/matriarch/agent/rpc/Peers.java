package dev.matriarch.agent.rpc;

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
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Calls to the other members' gRPC doors. One channel is kept for each address.
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
    private final Map<String, ManagedChannel> channels = new HashMap<>();
    private boolean closed;

    /** @param self this member's name, told to those who are asked */
    public Peers(RpcTransport transport, String scope, String self) {
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
        long deadline = System.nanoTime() + timeout.toNanos();
        PositionRequest request =
                PositionRequest.newBuilder().setScope(scope).setAsking(self).build();
        Map<String, Future<PositionReply>> asked = new LinkedHashMap<>();
        Map<String, PeerAnswer> answers = new LinkedHashMap<>();
        for (Member member : members) {
            try {
                asked.put(
                        member.name(),
                        PeerServiceGrpc.newFutureStub(channel(member))
                                .withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS)
                                .position(request));
                answers.put(member.name(), new PeerAnswer.Unreachable("not asked"));
            } catch (IllegalArgumentException | IllegalStateException e) {
                answers.put(member.name(), new PeerAnswer.Unreachable(e.getMessage()));
            }
        }
        asked.forEach((name, future) -> answers.put(name, await(name, future, deadline)));
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
        long deadline = System.nanoTime() + timeout.toNanos();
        FailsafeRequest request = FailsafeRequest.newBuilder()
                .setScope(scope)
                .setName(self)
                .setConnUrl(me.connUrl())
                .setApiUrl(me.apiUrl())
                .setTtlMillis(ttl.toMillis())
                .build();
        Map<String, Future<FailsafeReply>> asked = new LinkedHashMap<>();
        Map<String, String> refusals = new LinkedHashMap<>();
        for (Member member : members) {
            try {
                asked.put(
                        member.name(),
                        PeerServiceGrpc.newFutureStub(channel(member))
                                .withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS)
                                .failsafe(request));
            } catch (IllegalArgumentException | IllegalStateException e) {
                refusals.put(member.name(), e.getMessage());
            }
        }
        asked.forEach((name, future) -> {
            try {
                FailsafeReply reply = future.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
                if (!reply.getName().equals(name)) {
                    refusals.put(name, "its address is answered by member '" + reply.getName() + "'");
                } else if (!reply.getAccepted()) {
                    refusals.put(name, reply.getReason());
                }
            } catch (ExecutionException e) {
                refusals.put(name, reason(e.getCause()));
            } catch (TimeoutException e) {
                future.cancel(true);
                refusals.put(name, "no answer in time");
            } catch (InterruptedException e) {
                future.cancel(true);
                Thread.currentThread().interrupt();
                refusals.put(name, "interrupted while waiting for its answer");
            }
        });
        return refusals;
    }

    /**
     * Asks all of {@code members} at the same time whether they would take the lock if the leader were gone.
     *
     * @param timeout for all of them together
     * @return the answers of those who gave one, by name
     */
    Map<String, CandidacyReply> candidacies(Collection<Member> members, Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        CandidacyRequest request = CandidacyRequest.newBuilder().setScope(scope).build();
        Map<String, Future<CandidacyReply>> asked = new LinkedHashMap<>();
        for (Member member : members) {
            try {
                asked.put(
                        member.name(),
                        PeerServiceGrpc.newFutureStub(channel(member))
                                .withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS)
                                .candidacy(request));
            } catch (IllegalArgumentException | IllegalStateException unusableAddress) {
                // No answer, then.
            }
        }
        Map<String, CandidacyReply> answers = new LinkedHashMap<>();
        asked.forEach((name, future) -> {
            try {
                CandidacyReply reply = future.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
                if (reply.getName().equals(name)) {
                    answers.put(name, reply);
                }
            } catch (ExecutionException e) {
                // No answer.
            } catch (TimeoutException e) {
                future.cancel(true);
            } catch (InterruptedException e) {
                future.cancel(true);
                Thread.currentThread().interrupt();
            }
        });
        return answers;
    }

    private static PeerAnswer await(String name, Future<PositionReply> future, long deadline) {
        try {
            PositionReply reply = future.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            if (!reply.getName().equals(name)) {
                return new PeerAnswer.Unreachable(
                        "its address is answered by member '" + reply.getName() + "'; check control.connect_address");
            }
            return new PeerAnswer.Answered(new Position(
                    reply.getRunning(),
                    reply.getInRecovery(),
                    new Lsn(reply.getLsn()),
                    reply.getTimeline(),
                    reply.getNofailover(),
                    reply.getFailoverPriority(),
                    reply.getWatchdogFailed()));
        } catch (ExecutionException e) {
            return new PeerAnswer.Unreachable(reason(e.getCause()));
        } catch (TimeoutException e) {
            future.cancel(true);
            return new PeerAnswer.Unreachable("no answer in time");
        } catch (InterruptedException e) {
            future.cancel(true);
            Thread.currentThread().interrupt();
            return new PeerAnswer.Unreachable("interrupted while waiting for its answer");
        }
    }

    /**
     * The control service of another member; requests through it are marked as forwarded.
     *
     * @throws IllegalArgumentException if the member has no usable gRPC address
     */
    ControlServiceGrpc.ControlServiceBlockingStub control(Member member, Duration timeout) {
        Metadata headers = new Metadata();
        headers.put(FORWARDED_BY, self);
        return ControlServiceGrpc.newBlockingStub(channel(member))
                .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                .withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
    }

    private ManagedChannel channel(Member member) {
        if (member.rpcAddress().isEmpty()) {
            throw new IllegalArgumentException("member " + member.name() + " publishes no gRPC address");
        }
        HostPort address = HostPort.parse(member.rpcAddress(), 0);
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
    static String reason(Throwable failure) {
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
    }
}
