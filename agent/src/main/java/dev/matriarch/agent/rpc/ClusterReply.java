package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.ScheduledSwitchover;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;

/** The cluster in the words of the control protocol. Pure. */
final class ClusterReply {
    private static final int POSTGRES_PORT = 5432;

    private ClusterReply() {}

    static GetClusterReply of(
            String scope, String answeredBy, ClusterView view, Duration viewAge, DynamicConfig config) {
        GetClusterReply.Builder reply = GetClusterReply.newBuilder()
                .setScope(scope)
                .setPaused(config.paused())
                .setGuarantee(Guarantee.sentence(view, config))
                .setViewAgeMillis(Math.max(0, viewAge.toMillis()))
                .setAnsweredBy(answeredBy)
                .setLoopWaitSeconds(config.loopWait().toMillis() / 1000.0)
                .setSynchronousMode(config.synchronousMode().name().toLowerCase(java.util.Locale.ROOT));
        view.initialize().ifPresent(i -> reply.setSystemIdentifier(i.value()));
        view.pendingFailover()
                .map(Versioned::value)
                .filter(f -> f.scheduledAt().isPresent())
                .ifPresent(f -> reply.setScheduledSwitchover(scheduled(f)));
        Lsn end = view.leaderMember()
                .flatMap(Member::xlogLocation)
                .map(own -> Lsn.max(own, view.status().optime()))
                .orElse(view.status().optime());
        for (Member member : view.members()) {
            reply.addMembers(row(member, view, config, end));
        }
        return reply.build();
    }

    private static ScheduledSwitchover scheduled(FailoverRequest request) {
        return ScheduledSwitchover.newBuilder()
                .setAt(request.scheduledAt().orElseThrow().toString())
                .setFrom(request.leader().orElse(""))
                .setTo(request.candidate().orElse(""))
                .build();
    }

    private static MemberRow row(Member member, ClusterView view, DynamicConfig config, Lsn end) {
        boolean leads =
                view.leader().map(Leader::name).filter(member.name()::equals).isPresent();
        MemberRow.Builder row = MemberRow.newBuilder()
                .setName(member.name())
                .setRole(leads ? leaderRole(member) : replicaRole(member, view, config))
                .setState(
                        leads || !member.isRunning()
                                ? member.state()
                                : member.replicationState().orElse(member.state()))
                .setPendingRestart(!member.pendingRestart().isEmpty())
                .putAllPendingRestartReason(member.pendingRestart())
                .setApiUrl(member.apiUrl())
                .setRpcAddress(member.rpcAddress())
                .setPaused(member.paused())
                .setVersion(member.version());
        member.tags().forEach((tag, value) -> row.putTags(tag, String.valueOf(value)));
        member.plannedRestart()
                .ifPresent(planned -> row.setScheduledRestart(planned.at()
                        + planned.postgresVersion()
                                .map(v -> " if version < " + v)
                                .orElse("")));
        member.copying().ifPresent(clone -> row.setCloneProgress(clone.words()));
        setAddress(row, member.connUrl());
        if (member.timeline().orElse(0) > 0) {
            row.setTimeline(member.timeline().getAsInt());
        }
        if (!leads) {
            known(member.receiveLsn()).ifPresent(lsn -> {
                row.setReceiveLsn(lsn.value());
                lag(end, lsn).ifPresent(row::setReceiveLag);
            });
            known(member.replayLsn()).ifPresent(lsn -> {
                row.setReplayLsn(lsn.value());
                lag(end, lsn).ifPresent(row::setReplayLag);
            });
        }
        return row.build();
    }

    private static String leaderRole(Member member) {
        return member.role().equals("standby_leader") ? "standby_leader" : "leader";
    }

    private static String replicaRole(Member member, ClusterView view, DynamicConfig config) {
        boolean voter = view.sync()
                .map(Versioned::value)
                .filter(s -> view.leader()
                        .map(Leader::name)
                        .filter(s.leader()::equals)
                        .isPresent())
                .map(SyncState::voters)
                .map(v -> v.stream().anyMatch(member.name()::equalsIgnoreCase))
                .orElse(false);
        if (!voter) {
            return "replica";
        }
        return switch (config.synchronousMode()) {
            case OFF -> "replica";
            case ON -> "sync_standby";
            case QUORUM -> "quorum_standby";
        };
    }

    private static Optional<Lsn> known(Optional<Lsn> lsn) {
        return lsn.filter(l -> !l.equals(Lsn.INVALID));
    }

    private static Optional<Long> lag(Lsn end, Lsn own) {
        return end.equals(Lsn.INVALID) ? Optional.empty() : Optional.of(Math.max(0, end.minus(own)));
    }

    private static void setAddress(MemberRow.Builder row, String connUrl) {
        try {
            URI uri = URI.create(connUrl);
            if (uri.getHost() != null) {
                String host = uri.getHost();
                row.setHost(host.startsWith("[") ? host.substring(1, host.length() - 1) : host);
                row.setPort(uri.getPort() > 0 ? uri.getPort() : POSTGRES_PORT);
            }
        } catch (IllegalArgumentException e) {
            row.setHost(connUrl);
        }
    }
}
