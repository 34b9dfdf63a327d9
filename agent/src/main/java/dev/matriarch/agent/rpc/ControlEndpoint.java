package dev.matriarch.agent.rpc;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.CancelRestartRequest;
import dev.matriarch.proto.control.v1.CancelSwitchoverRequest;
import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.EffectiveSetting;
import dev.matriarch.proto.control.v1.ExplainReply;
import dev.matriarch.proto.control.v1.ExplainRequest;
import dev.matriarch.proto.control.v1.FailoverRequest;
import dev.matriarch.proto.control.v1.GetActionReply;
import dev.matriarch.proto.control.v1.GetActionRequest;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.control.v1.GetConfigReply;
import dev.matriarch.proto.control.v1.GetConfigRequest;
import dev.matriarch.proto.control.v1.GetEffectiveConfigReply;
import dev.matriarch.proto.control.v1.GetEffectiveConfigRequest;
import dev.matriarch.proto.control.v1.GetHistoryReply;
import dev.matriarch.proto.control.v1.GetHistoryRequest;
import dev.matriarch.proto.control.v1.GetVersionReply;
import dev.matriarch.proto.control.v1.GetVersionRequest;
import dev.matriarch.proto.control.v1.HistoryRow;
import dev.matriarch.proto.control.v1.MemberVersion;
import dev.matriarch.proto.control.v1.ReinitializeRequest;
import dev.matriarch.proto.control.v1.ReloadRequest;
import dev.matriarch.proto.control.v1.RemoveClusterRequest;
import dev.matriarch.proto.control.v1.RestartRequest;
import dev.matriarch.proto.control.v1.SetConfigReply;
import dev.matriarch.proto.control.v1.SetConfigRequest;
import dev.matriarch.proto.control.v1.SwitchoverRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.function.Function;

/** Translates the control protocol to {@link Operations} and forwards what concerns another member. */
final class ControlEndpoint extends ControlServiceGrpc.ControlServiceImplBase {
    private static final Duration QUICK = Duration.ofSeconds(5);
    private static final Duration VERSION = Duration.ofSeconds(2);
    /** What a forwarded restart may take beyond its own timeout. */
    private static final Duration RESTART_MARGIN = Duration.ofSeconds(10);

    private static final double LONGEST_TIMEOUT_SECONDS = 7 * 86_400.0;

    private final LocalAgent agent;
    private final Operations operations;
    private final Peers peers;
    private final Candidacies candidacies;
    private final ExecutorService calls;
    private final ActionLog actions;
    private final Relay relay;

    ControlEndpoint(
            LocalAgent agent, Operations operations, Peers peers, Candidacies candidacies, ExecutorService calls) {
        this.agent = agent;
        this.operations = operations;
        this.actions = operations.actions();
        this.peers = peers;
        this.candidacies = candidacies;
        this.calls = calls;
        this.relay = new Relay(agent, operations::view, peers, actions);
    }

    @Override
    public void getCluster(GetClusterRequest request, StreamObserver<GetClusterReply> reply) {
        answer(reply, () -> {
            ClusterView view = operations.view().orElseThrow(ControlEndpoint::noView);
            return ClusterReply.of(agent.scope(), agent.name(), view, agent.viewAge(), agent.dynamicConfig());
        });
    }

    @Override
    public void getConfig(GetConfigRequest request, StreamObserver<GetConfigReply> reply) {
        answer(
                reply,
                () -> operations
                        .view()
                        .orElseThrow(ControlEndpoint::noView)
                        .config()
                        .map(c -> GetConfigReply.newBuilder()
                                .setExists(true)
                                .setJson(c.value())
                                .setRevision(c.revision())
                                .build())
                        .orElseGet(GetConfigReply::getDefaultInstance));
    }

    @Override
    public void getEffectiveConfig(GetEffectiveConfigRequest request, StreamObserver<GetEffectiveConfigReply> reply) {
        String name = request.getMember();
        answer(reply, () -> {
            GetEffectiveConfigReply.Builder answer =
                    GetEffectiveConfigReply.newBuilder().setMember(name.isEmpty() ? agent.name() : name);
            return switch (relay.addressee(name)) {
                case Addressee.Here() -> {
                    agent.effectiveConfig()
                            .forEach(row -> answer.addSettings(EffectiveSetting.newBuilder()
                                    .setKey(row.key())
                                    .setValue(row.value())
                                    .setSource(row.source())));
                    yield answer.build();
                }
                case Addressee.Misdirected(String why) -> answer.setProblem(why).build();
                case Addressee.Unknown(String why) -> answer.setProblem(why).build();
                case Addressee.There(Member member) -> {
                    try {
                        yield peers.control(member, QUICK).getEffectiveConfig(request);
                    } catch (StatusRuntimeException | IllegalArgumentException | IllegalStateException e) {
                        yield answer.setProblem("member " + name + " cannot be reached: " + Peers.reason(e))
                                .build();
                    }
                }
            };
        });
    }

    @Override
    public void setConfig(SetConfigRequest request, StreamObserver<SetConfigReply> reply) {
        answer(reply, () -> {
            Expected expected = request.getExpectedRevision() == 0
                    ? Expected.absent()
                    : Expected.revision(request.getExpectedRevision());
            SetConfigReply.Builder answer = SetConfigReply.newBuilder();
            switch (operations.setConfig(request.getJson(), expected, request.getActionId(), "")) {
                case Operations.ConfigOutcome.Changed(long revision, String action) ->
                    answer.setWritten(true).setRevision(revision).setActionId(action);
                case Operations.ConfigOutcome.Conflict(String action) ->
                    answer.setConflict(true).setActionId(action);
                case Operations.ConfigOutcome.Refused(List<String> problems) ->
                    answer.setProblem(String.join("\n", problems));
                case Operations.ConfigOutcome.Failed(String why, String action) ->
                    answer.setProblem(why).setActionId(action);
            }
            return answer.build();
        });
    }

    @Override
    public void getHistory(GetHistoryRequest request, StreamObserver<GetHistoryReply> reply) {
        answer(reply, () -> {
            GetHistoryReply.Builder answer = GetHistoryReply.newBuilder();
            operations
                    .view()
                    .orElseThrow(ControlEndpoint::noView)
                    .history()
                    .ifPresent(h -> h.rows()
                            .forEach(row -> answer.addRows(HistoryRow.newBuilder()
                                    .setTimeline(row.timeline())
                                    .setLsn(row.switchPoint().value())
                                    .setReason(row.reason())
                                    .setTimestamp(row.timestamp().orElse(""))
                                    .setNewLeader(row.newLeader().orElse("")))));
            return answer.build();
        });
    }

    @Override
    public void explain(ExplainRequest request, StreamObserver<ExplainReply> reply) {
        answer(
                reply,
                () -> Outlook.of(
                        operations.view().orElseThrow(ControlEndpoint::noView),
                        agent.dynamicConfig(),
                        candidacies.all(),
                        candidacies.positions()));
    }

    @Override
    public void getVersion(GetVersionRequest request, StreamObserver<GetVersionReply> reply) {
        boolean forwarded = ForwardMark.isForwarded();
        answer(reply, () -> {
            List<Member> members = operations.view().map(ClusterView::members).orElse(List.of());
            List<String> names = request.getMembersCount() > 0
                    ? request.getMembersList()
                    : members.isEmpty()
                            ? List.of(agent.name())
                            : members.stream().map(Member::name).toList();
            List<Future<MemberVersion>> asked = new ArrayList<>();
            for (String name : names) {
                Optional<Member> member =
                        members.stream().filter(m -> m.name().equals(name)).findFirst();
                Callable<MemberVersion> question = () -> version(name, member, forwarded);
                asked.add(calls.submit(question));
            }
            GetVersionReply.Builder answer = GetVersionReply.newBuilder();
            for (Future<MemberVersion> one : asked) {
                // Each of them ends within VERSION.
                answer.addMembers(one.get());
            }
            return answer.build();
        });
    }

    private MemberVersion version(String name, Optional<Member> member, boolean forwarded) {
        MemberVersion.Builder version = MemberVersion.newBuilder().setName(name);
        if (name.equals(agent.name())) {
            return version.setMatriarch(agent.version())
                    .setPostgresql(agent.postgres()
                            .status()
                            .map(s -> s.serverVersion())
                            .orElse(0))
                    .build();
        }
        if (member.isEmpty()) {
            return version.setProblem("is not a member of cluster " + agent.scope())
                    .build();
        }
        if (forwarded) {
            return version.setProblem("this is " + agent.name()).build();
        }
        try {
            GetVersionReply reply = peers.control(member.get(), VERSION)
                    .getVersion(GetVersionRequest.newBuilder().addMembers(name).build());
            return reply.getMembersCount() == 1
                    ? reply.getMembers(0)
                    : version.setProblem("gave no answer").build();
        } catch (StatusRuntimeException | IllegalArgumentException | IllegalStateException e) {
            return version.setMatriarch(member.get().version())
                    .setProblem(Peers.reason(e))
                    .build();
        }
    }

    @Override
    public void switchover(SwitchoverRequest request, StreamObserver<ActionReply> reply) {
        changeLeader(
                reply,
                request.getActionId(),
                new SwitchoverCheck.Request(
                        SwitchoverCheck.Kind.SWITCHOVER,
                        Optional.of(request.getLeader()),
                        Optional.of(request.getCandidate()),
                        Optional.of(request.getScheduledAt())));
    }

    @Override
    public void failover(FailoverRequest request, StreamObserver<ActionReply> reply) {
        changeLeader(
                reply,
                request.getActionId(),
                new SwitchoverCheck.Request(
                        SwitchoverCheck.Kind.FAILOVER,
                        Optional.empty(),
                        Optional.of(request.getCandidate()),
                        Optional.empty()));
    }

    private void changeLeader(StreamObserver<ActionReply> reply, String id, SwitchoverCheck.Request request) {
        answer(reply, () -> {
            ActionLog.Action action = actions.begin(id, request.words());
            return action.end(operations.switchover(request, action));
        });
    }

    @Override
    public void getAction(GetActionRequest request, StreamObserver<GetActionReply> reply) {
        String name = request.getMember();
        boolean forwarded = ForwardMark.isForwarded();
        answer(reply, () -> {
            Optional<Member> other = name.isEmpty() || name.equals(agent.name()) || forwarded
                    ? Optional.empty()
                    : agent.view().flatMap(v -> v.member(name));
            if (other.isEmpty()) {
                return actions.reply(request.getActionId());
            }
            try {
                return peers.control(other.get(), QUICK).getAction(request);
            } catch (StatusRuntimeException | IllegalArgumentException | IllegalStateException e) {
                return GetActionReply.getDefaultInstance();
            }
        });
    }

    @Override
    public void restart(RestartRequest request, StreamObserver<ActionReply> reply) {
        double seconds = request.getTimeoutSeconds();
        if (!(seconds >= 0) || seconds > LONGEST_TIMEOUT_SECONDS) {
            answer(reply, () -> Relay.refused(new Outcome(400, "Timeout should be a positive number of seconds")));
            return;
        }
        Duration timeout = Duration.ofMillis(Math.round(seconds * 1000));
        route(
                reply,
                request.getMember(),
                new Relay.Asked("restart", request.getActionId()),
                operations.restartTimeout(timeout).plus(RESTART_MARGIN),
                progress -> operations.restart(
                        new Operations.RestartRequest(
                                request.getRole(),
                                request.getPostgresVersion(),
                                request.getOnlyIfPending(),
                                timeout,
                                request.getScheduledAt()),
                        progress),
                stub -> stub.restart(request));
    }

    @Override
    public void cancelRestart(CancelRestartRequest request, StreamObserver<ActionReply> reply) {
        route(
                reply,
                request.getMember(),
                new Relay.Asked("flush restart", request.getActionId()),
                QUICK,
                progress -> operations.cancelRestart(),
                stub -> stub.cancelRestart(request));
    }

    @Override
    public void removeCluster(RemoveClusterRequest request, StreamObserver<ActionReply> reply) {
        answer(
                reply,
                () -> actions.begin("", "remove " + request.getScope())
                        .end(new Removal(agent).remove(request.getScope(), operations.storedView(), QUICK)));
    }

    @Override
    public void cancelSwitchover(CancelSwitchoverRequest request, StreamObserver<ActionReply> reply) {
        answer(
                reply,
                () -> actions.begin(request.getActionId(), "flush switchover").end(operations.cancelSwitchover()));
    }

    @Override
    public void reinitialize(ReinitializeRequest request, StreamObserver<ActionReply> reply) {
        route(
                reply,
                request.getMember(),
                new Relay.Asked("reinitialize", request.getActionId()),
                QUICK,
                progress -> operations.reinitialize(
                        new ReinitOrder(request.getForce(), request.getFromLeader(), request.getCancel()), progress),
                stub -> stub.reinitialize(request));
    }

    @Override
    public void reload(ReloadRequest request, StreamObserver<ActionReply> reply) {
        route(
                reply,
                request.getMember(),
                new Relay.Asked("reload", request.getActionId()),
                QUICK,
                agent::reload,
                stub -> stub.reload(request));
    }

    private void route(
            StreamObserver<ActionReply> reply,
            String name,
            Relay.Asked asked,
            Duration timeout,
            Function<Progress, Outcome> here,
            Function<ControlServiceGrpc.ControlServiceBlockingStub, ActionReply> there) {
        answer(reply, () -> relay.give(name, asked, timeout, here, there));
    }

    private static StatusRuntimeException noView() {
        return Status.UNAVAILABLE
                .withDescription("this member cannot read the store and has not read it before; ask another member")
                .asRuntimeException();
    }

    private static <T> void answer(StreamObserver<T> reply, Callable<T> work) {
        T value;
        try {
            value = work.call();
        } catch (StatusRuntimeException e) {
            reply.onError(e);
            return;
        } catch (ExecutionException e) {
            reply.onError(Status.INTERNAL
                    .withDescription(String.valueOf(e.getCause()))
                    .asRuntimeException());
            return;
        } catch (Exception e) {
            if (e instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
            reply.onError(
                    Status.INTERNAL.withDescription(e.toString()).withCause(e).asRuntimeException());
            return;
        }
        reply.onNext(value);
        reply.onCompleted();
    }
}
