package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Whether a switchover or failover that somebody asks for can be tried. Pure: no I/O, no clock.
 *
 * <p>Order and wording are part of the interface: the first failing check answers. A switchover in mode {@code on} goes to
 * a member of the synchronous set. With quorum commit any member may be asked for: {@link QuorumSet} says whether the leader
 * counts it; a failover may lose data by its nature.
 */
public final class SwitchoverCheck {
    public enum Kind {
        SWITCHOVER,
        FAILOVER;

        String word() {
            return this == SWITCHOVER ? "switchover" : "failover";
        }
    }

    /**
     * @param leader who is to step down; a failover that names it is treated as a switchover
     * @param candidate absent: the best one
     * @param scheduledAt ISO 8601 with zone; absent: now
     */
    public record Request(
            Kind kind, Optional<String> leader, Optional<String> candidate, Optional<String> scheduledAt) {
        public Request {
            leader = leader.filter(s -> !s.isBlank());
            candidate = candidate.filter(s -> !s.isBlank());
            scheduledAt = scheduledAt.filter(s -> !s.isBlank());
        }

        String words() {
            return kind.word()
                    + leader.map(l -> " from " + l).orElse("")
                    + candidate.map(c -> " to " + c).orElse("")
                    + scheduledAt.map(at -> " at " + at).orElse("");
        }
    }

    public sealed interface Verdict {
        record Refused(Outcome outcome) implements Verdict {}

        /** @param key what to write; it is scheduled if it carries a time */
        record Allowed(FailoverRequest key) implements Verdict {}
    }

    private SwitchoverCheck() {}

    /** The members whose answers {@link #check} wants. Empty if the request is for later. */
    public static List<Member> toAsk(Request request, ClusterView view) {
        if (request.scheduledAt().isPresent()) {
            return List.of();
        }
        String leader = view.leader().map(Leader::name).orElse("");
        return view.members().stream()
                .filter(m -> !m.name().equals(leader))
                .filter(m -> request.candidate().map(m.name()::equals).orElse(true))
                .toList();
    }

    /**
     * @param answers of the members of {@link #toAsk}, by name
     * @param now wall time: schedules are made in it
     */
    public static Verdict check(
            Request request, ClusterView view, DynamicConfig config, Map<String, PeerAnswer> answers, Instant now) {
        Kind kind = request.kind();
        Optional<String> candidate = request.candidate();
        if (kind == Kind.FAILOVER && candidate.isEmpty()) {
            return refused(400, "Failover could be performed only to a specific candidate");
        }
        if (kind == Kind.SWITCHOVER && request.leader().isEmpty()) {
            return refused(400, "Switchover could be performed only from a specific leader");
        }
        if (kind == Kind.FAILOVER && request.scheduledAt().isPresent()) {
            return refused(400, "Failover can't be scheduled");
        }
        if (request.scheduledAt().isPresent() && config.paused()) {
            return refused(400, "Can't schedule switchover in the paused state");
        }
        Optional<Instant> at = Optional.empty();
        if (request.scheduledAt().isPresent()) {
            switch (ScheduledTime.of(request.scheduledAt().get(), "switchover", now)) {
                case ScheduledTime.Refused(Outcome outcome) -> {
                    return new Verdict.Refused(outcome);
                }
                case ScheduledTime.At(Instant instant) -> at = Optional.of(instant);
            }
        }
        if (request.leader().isPresent()) {
            kind = Kind.SWITCHOVER;
        }
        if (config.paused() && candidate.isEmpty()) {
            return refused(400, "Switchover is possible only to a specific candidate in a paused state");
        }
        if (candidate.isPresent() && candidate.equals(request.leader())) {
            return refused(400, "Switchover target and source are the same");
        }
        if (at.isEmpty()) {
            Optional<Verdict> refusal = checkMembers(kind, request, view, config, answers);
            if (refusal.isPresent()) {
                return refusal.get();
            }
        }
        return new Verdict.Allowed(new FailoverRequest(request.leader(), candidate, at));
    }

    private static Optional<Verdict> checkMembers(
            Kind kind, Request request, ClusterView view, DynamicConfig config, Map<String, PeerAnswer> answers) {
        Optional<String> leader = view.leader().map(Leader::name);
        if (request.leader().isPresent() && !request.leader().equals(leader)) {
            return Optional.of(refused(412, "leader name does not match"));
        }
        Optional<String> candidate = request.candidate();
        boolean onlySynchronous =
                kind == Kind.SWITCHOVER && config.synchronousMode() == DynamicConfig.SynchronousMode.ON;
        if (onlySynchronous && candidate.isPresent() && !synchronous(candidate.get(), view)) {
            return Optional.of(refused(412, "candidate name does not match with sync_standby"));
        }
        if (candidate.isPresent() && view.member(candidate.get()).isEmpty()) {
            return Optional.of(refused(412, "candidate does not exists"));
        }
        if (candidate.isPresent() && candidate.equals(leader)) {
            return Optional.of(refused(412, "Member " + candidate.get() + " is already the leader"));
        }
        List<Member> eligible = toAsk(request, view);
        if (eligible.isEmpty()) {
            return Optional.of(
                    refused(412, kind.word() + " is not possible: cluster does not have members except leader"));
        }
        if (onlySynchronous) {
            eligible =
                    eligible.stream().filter(m -> synchronous(m.name(), view)).toList();
            if (eligible.isEmpty()) {
                return Optional.of(refused(412, kind.word() + " is not possible: can not find sync_standby"));
            }
        }
        boolean anyGood = eligible.stream()
                .anyMatch(m -> !m.nofailover()
                        && answers.getOrDefault(m.name(), new PeerAnswer.Unreachable("not asked"))
                                .isGoodCandidate());
        if (!anyGood) {
            return Optional.of(refused(412, kind.word() + " is not possible: no good candidates have been found"));
        }
        return Optional.empty();
    }

    private static boolean synchronous(String name, ClusterView view) {
        return view.sync().map(s -> s.value().contains(name)).orElse(false);
    }

    private static Verdict refused(int status, String message) {
        return new Verdict.Refused(new Outcome(status, message));
    }
}
