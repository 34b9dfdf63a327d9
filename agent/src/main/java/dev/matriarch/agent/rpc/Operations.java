package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.ha.RestartFilter;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.dcs.WriteResult;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a person can ask of the cluster through this member. All methods may be called by any thread, block, and end
 * within the time they name.
 */
public final class Operations {
    private static final Logger LOG = LoggerFactory.getLogger(Operations.class);
    private static final Duration ASK_PEERS = Duration.ofSeconds(2);
    private static final Duration SHORTEST_RESTART = Duration.ofSeconds(60);
    private static final Duration SHORTEST_WAIT = Duration.ofSeconds(10);
    /** Not every store tells of every change. */
    private static final Duration LOOK_AGAIN = Duration.ofSeconds(1);

    private final LocalAgent agent;
    private final Peers peers;
    private final Function<String, List<String>> configProblems;
    private final ChangeSignal changes = new ChangeSignal();
    private final ActionLog actions;

    /** @param configProblems what is wrong with a dynamic configuration's JSON text; empty if nothing is */
    Operations(LocalAgent agent, Peers peers, Function<String, List<String>> configProblems) {
        this.agent = agent;
        this.peers = peers;
        this.configProblems = configProblems;
        this.actions = new ActionLog(agent::noteOrder);
    }

    /** What this member was asked for. */
    ActionLog actions() {
        return actions;
    }

    /** @param action the id under which the log and the timeline show it */
    public record Ordered(Outcome outcome, String action) {}

    /** An order that came through the REST API. */
    private Ordered byRest(String what, Function<Progress, Outcome> work) {
        ActionLog.Action action = actions.begin("", what + " (REST API)");
        Outcome outcome = work.apply(action);
        action.end(outcome);
        return new Ordered(outcome, action.id());
    }

    /** Begins to listen to the store. */
    void listen() {
        agent.dcs().onChange(change -> changes.raise());
    }

    /** The store's state now, else as the loop saw it last. */
    public Optional<ClusterView> view() {
        return storedView().or(agent::view);
    }

    /** The store's state now; empty if it does not answer within {@code retry_timeout}. */
    public Optional<ClusterView> storedView() {
        try {
            return Optional.of(agent.dcs().read(patience()));
        } catch (DcsException e) {
            LOG.debug("the store does not answer", e);
            return Optional.empty();
        }
    }

    /** What became of a request to change the dynamic configuration. */
    public sealed interface ConfigOutcome {
        /** @param action the id under which the log and the timeline show it */
        record Changed(long revision, String action) implements ConfigOutcome {}

        /** Somebody else changed it first. */
        record Conflict(String action) implements ConfigOutcome {}

        /** Before it was begun. */
        record Refused(List<String> problems) implements ConfigOutcome {}

        /** The store did not answer; the change may still appear. */
        record Failed(String why, String action) implements ConfigOutcome {}
    }

    /** As asked for through the REST API. */
    public ConfigOutcome setConfig(String json, Expected expected) {
        return setConfig(json, expected, "", " (REST API)");
    }

    /**
     * @param id that the change is to be known by
     * @param way added to what the timeline says of it
     */
    ConfigOutcome setConfig(String json, Expected expected, String id, String way) {
        List<String> problems = configProblems.apply(json);
        if (!problems.isEmpty()) {
            return new ConfigOutcome.Refused(problems);
        }
        ActionLog.Action action = actions.begin(id, configChange(json) + way);
        ConfigOutcome outcome = write(json, expected, action.id());
        action.end(
                switch (outcome) {
                    case ConfigOutcome.Changed(long revision, String ignored) ->
                        new Outcome(200, "written as revision " + revision);
                    case ConfigOutcome.Conflict(String ignored) ->
                        new Outcome(409, "somebody else changed the configuration first");
                    case ConfigOutcome.Refused(List<String> why) -> new Outcome(400, String.join("; ", why));
                    case ConfigOutcome.Failed(String why, String ignored) -> new Outcome(503, why);
                });
        return outcome;
    }

    private String configChange(String json) {
        boolean paused = agent.dynamicConfig().paused();
        boolean pauses = DynamicConfigJson.parse(json).paused();
        return paused == pauses ? "change of the cluster-wide configuration" : pauses ? "pause" : "resume";
    }

    private ConfigOutcome write(String json, Expected expected, String action) {
        try {
            return switch (agent.dcs().writeConfig(json, expected, patience())) {
                case WriteResult.Written(long revision) -> {
                    agent.wake("the configuration was changed by request");
                    yield new ConfigOutcome.Changed(revision, action);
                }
                case WriteResult.Conflict() -> new ConfigOutcome.Conflict(action);
            };
        } catch (DcsException e) {
            return new ConfigOutcome.Failed(
                    "the store did not confirm the change: " + e.getMessage()
                            + "; look with show-config whether it happened",
                    action);
        }
    }

    /**
     * A switchover or failover. Returns when it is over, when it is certain that it does not happen, or after twice the
     * longer of 10 s and {@code loop_wait}. With quorum commit it waits for up to half of that until the leader counts the
     * candidate as synchronous.
     */
    public Ordered switchover(SwitchoverCheck.Request request) {
        return byRest(request.words(), progress -> switchover(request, progress));
    }

    Outcome switchover(SwitchoverCheck.Request request, Progress progress) {
        Duration half = longerOfLoopWaitAnd(SHORTEST_WAIT);
        long begin = System.nanoTime();
        try {
            return switch (allowed(request, begin + half.toNanos(), half, progress)) {
                case Checked.Refused(Outcome outcome) -> outcome;
                case Checked.Ready ready -> carryOut(ready, begin, half.multipliedBy(2), progress);
            };
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Outcome(503, "this agent ends; nothing was done");
        }
    }

    private Duration longerOfLoopWaitAnd(Duration other) {
        Duration loopWait = agent.dynamicConfig().loopWait();
        return loopWait.compareTo(other) > 0 ? loopWait : other;
    }

    private sealed interface Checked {
        record Refused(Outcome outcome) implements Checked {}

        /** @param before what was checked against */
        record Ready(FailoverRequest key, ClusterView before, Map<String, PeerAnswer> answers) implements Checked {}
    }

    /** Waits for the leader to count who is to follow it, if only that is missing. */
    private Checked allowed(SwitchoverCheck.Request request, long deadline, Duration patience, Progress progress)
            throws InterruptedException {
        Map<String, PeerAnswer> answers = null;
        long answered = 0;
        String said = "";
        while (true) {
            long seen = changes.current();
            Optional<ClusterView> view = view();
            if (view.isEmpty()) {
                return new Checked.Refused(
                        new Outcome(503, "the store cannot be read; nothing was done. Try again when it answers."));
            }
            DynamicConfig config = agent.dynamicConfig();
            if (answers == null) {
                answers = ask(SwitchoverCheck.toAsk(request, view.get()));
                answered = System.nanoTime();
            }
            FailoverRequest key;
            switch (SwitchoverCheck.check(request, view.get(), config, answers, Instant.now())) {
                case SwitchoverCheck.Verdict.Refused(Outcome outcome) -> {
                    return new Checked.Refused(outcome);
                }
                case SwitchoverCheck.Verdict.Allowed(FailoverRequest allowed) -> key = allowed;
            }
            Optional<String> objection = QuorumSet.objection(key, view.get(), config, answers);
            if (objection.isEmpty() && System.nanoTime() - answered > ASK_PEERS.toNanos()) {
                // Who was good before the wait need not be so any more.
                answers = null;
                continue;
            }
            if (objection.isEmpty()) {
                return new Checked.Ready(key, view.get(), answers);
            }
            if (QuorumSet.waitingIsVain(key, view.get())) {
                return new Checked.Refused(new Outcome(
                        412,
                        "switchover is not possible: " + objection.get() + ", and its tags keep it from being so"));
            }
            if (!said.equals(objection.get())) {
                said = objection.get();
                progress.step(said + " yet: waiting until the leader counts it");
                agent.wake("a switchover waits for a synchronous member");
            }
            long now = System.nanoTime();
            if (now - deadline >= 0) {
                return new Checked.Refused(new Outcome(
                        412,
                        "switchover is not possible: " + objection.get() + ", and did not become so within "
                                + patience.toSeconds() + " seconds; nothing was done"));
            }
            changes.awaitNewer(seen, Math.min(deadline, now + LOOK_AGAIN.toNanos()));
        }
    }

    private Map<String, PeerAnswer> ask(List<Member> members) {
        List<Member> others = new ArrayList<>(members);
        boolean includesSelf = others.removeIf(m -> m.name().equals(agent.name()));
        Map<String, PeerAnswer> answers = new HashMap<>(peers.positions(others, ASK_PEERS));
        if (includesSelf) {
            answers.put(agent.name(), new PeerAnswer.Answered(agent.position()));
        }
        return answers;
    }

    private Outcome carryOut(Checked.Ready ready, long begin, Duration limit, Progress progress) {
        FailoverRequest key = ready.key();
        ClusterView before = ready.before();
        Expected expected =
                before.failover().map(f -> Expected.revision(f.revision())).orElseGet(Expected::absent);
        Instant asked = Instant.now();
        long written;
        try {
            WriteResult result = agent.dcs().writeFailover(Optional.of(key), expected, patience());
            if (!(result instanceof WriteResult.Written(long revision))) {
                return new Outcome(
                        503,
                        "failed to write failover key into DCS: somebody else asked for another leader at the same time, or"
                                + " what was asked for before has just ended; nothing was changed. Look with list, and"
                                + " ask again");
            }
            written = revision;
            before.pendingFailover().ifPresent(f -> LOG.warn("{} takes the place of {}", words(key), words(f.value())));
        } catch (DcsException e) {
            LOG.warn("the store did not confirm the failover key: {}", e.getMessage());
            return new Outcome(503, "failed to write failover key into DCS");
        }
        progress.step(words(key) + " is asked of the cluster");
        Optional<String> oldLeader = before.leader().map(Leader::name);
        LeaderChangeWatch watch = new LeaderChangeWatch(progress, oldLeader, System.nanoTime());
        agent.wake(key.isSwitchover() ? "a switchover was asked for" : "a failover was asked for");
        if (key.scheduledAt().isPresent()) {
            return new Outcome(202, "Switchover scheduled");
        }
        try {
            return await(key, oldLeader, written, begin + limit.toNanos(), watch)
                    .map(end -> end.isSuccess() ? end : withReason(end, ready, asked))
                    .orElseGet(() -> unknown(key, limit));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return unknown(key, limit);
        }
    }

    /** @return empty if it is not over at {@code deadline} */
    private Optional<Outcome> await(
            FailoverRequest key, Optional<String> oldLeader, long written, long deadline, LeaderChangeWatch watch)
            throws InterruptedException {
        while (true) {
            long seen = changes.current();
            Optional<ClusterView> now = view();
            // A copy that has not seen the key yet says nothing about it.
            if (now.isPresent() && now.get().revision() >= written) {
                watch.saw(now.get(), System.nanoTime());
                Optional<Outcome> end = ending(key, oldLeader, now.get());
                if (end.isPresent()) {
                    return end;
                }
            }
            if (!changes.awaitNewer(seen, deadline)) {
                return Optional.empty();
            }
        }
    }

    private static Optional<Outcome> ending(FailoverRequest key, Optional<String> oldLeader, ClusterView now) {
        Optional<String> leader = now.leader().map(Leader::name);
        if (leader.isEmpty()) {
            return Optional.empty();
        }
        if (!leader.equals(oldLeader)) {
            boolean serves = now.leaderMember()
                    .filter(m -> m.isRunning() && (m.isPrimary() || m.role().equals("standby_leader")))
                    .isPresent();
            if (!serves) {
                return Optional.empty();
            }
            if (key.candidate().isEmpty() || key.candidate().equals(leader)) {
                return Optional.of(new Outcome(
                        200,
                        "Successfully " + (key.isSwitchover() ? "switched" : "failed") + " over to \"" + leader.get()
                                + "\""));
            }
            return Optional.of(new Outcome(
                    200,
                    (key.isSwitchover() ? "Switched" : "Failed") + " over to \"" + leader.get() + "\" instead of \""
                            + key.candidate().get() + "\""));
        }
        return now.pendingFailover().isPresent()
                ? Optional.empty()
                : Optional.of(new Outcome(503, name(key) + " failed"));
    }

    private Outcome withReason(Outcome failure, Checked.Ready ready, Instant asked) {
        Optional<String> reason = ready.before()
                .leaderMember()
                .flatMap(leader -> new LeadersReason(agent, peers).of(leader, asked))
                .or(() -> view().flatMap(
                                now -> QuorumSet.objection(ready.key(), now, agent.dynamicConfig(), ready.answers())));
        return reason.map(why -> new Outcome(failure.status(), failure.message() + ": " + why))
                .orElse(failure);
    }

    private static Outcome unknown(FailoverRequest key, Duration limit) {
        return new Outcome(
                503,
                name(key) + " status unknown after " + limit.toSeconds()
                        + " seconds; operation may still be in progress");
    }

    private static String words(FailoverRequest key) {
        return "the " + (key.isSwitchover() ? "switchover" : "failover")
                + key.leader().map(l -> " from " + l).orElse("")
                + key.candidate().map(c -> " to " + c).orElse("")
                + key.scheduledAt().map(at -> " at " + at).orElse("");
    }

    private static String name(FailoverRequest key) {
        return key.isSwitchover() ? "Switchover" : "Failover";
    }

    /**
     * Clears a scheduled switchover.
     *
     * @return 200, 404 or 409 as the REST API has it
     */
    public Ordered forgetSwitchover() {
        return byRest("flush switchover", progress -> cancelSwitchover());
    }

    Outcome cancelSwitchover() {
        Optional<Versioned<FailoverRequest>> pending = view().flatMap(ClusterView::failover)
                .filter(f -> f.value().scheduledAt().isPresent());
        if (pending.isEmpty()) {
            return new Outcome(404, "no switchover is scheduled");
        }
        try {
            WriteResult result = agent.dcs()
                    .writeFailover(
                            Optional.empty(), Expected.revision(pending.get().revision()), patience());
            return result instanceof WriteResult.Written
                    ? new Outcome(200, "scheduled switchover deleted")
                    : new Outcome(409, "the scheduled switchover was changed by somebody else; nothing was deleted");
        } catch (DcsException e) {
            return new Outcome(503, "the store did not confirm the deletion: " + e.getMessage());
        }
    }

    /** A restart as somebody asks for it, before anything in it was checked; empty texts: not given. */
    public record RestartRequest(
            String role, String postgresVersion, boolean onlyIfPending, Duration timeout, String scheduledAt) {}

    /** Restarts this member's PostgreSQL, now or at the time that the request names. */
    public Ordered restart(RestartRequest request) {
        return byRest("restart " + agent.name(), progress -> restart(request, progress));
    }

    Outcome restart(RestartRequest request, Progress progress) {
        if (!request.role().isEmpty()
                && !List.of("primary", "standby_leader", "replica").contains(request.role())) {
            return new Outcome(400, "PostgreSQL role should be either primary, standby_leader, or replica");
        }
        if (request.timeout().isNegative()) {
            return new Outcome(400, "Timeout should be a positive number of seconds");
        }
        RestartOrder order;
        try {
            order = new RestartOrder(
                    new RestartFilter(
                            request.role().isEmpty() ? Optional.empty() : Optional.of(request.role()),
                            request.postgresVersion().isEmpty()
                                    ? OptionalInt.empty()
                                    : OptionalInt.of(RestartOrder.parseVersion(request.postgresVersion())),
                            request.onlyIfPending()),
                    request.timeout().isZero() ? Optional.empty() : Optional.of(request.timeout()));
        } catch (IllegalArgumentException e) {
            return new Outcome(400, e.getMessage());
        }
        if (!request.scheduledAt().isBlank()) {
            return scheduleRestart(order, request.scheduledAt());
        }
        Optional<String> objection = order.filter().objection(agent.postgres(), agent.holdsLease());
        return objection.isPresent()
                ? new Outcome(503, "restart conditions are not satisfied: " + objection.get())
                : agent.restart(order, restartTimeout(request.timeout()), progress);
    }

    /** The conditions are looked at when the time has come. */
    private Outcome scheduleRestart(RestartOrder order, String at) {
        if (agent.dynamicConfig().paused()) {
            return new Outcome(500, "Can't schedule restart in the paused state");
        }
        return switch (ScheduledTime.of(at, "restart", Instant.now())) {
            case ScheduledTime.Refused(Outcome outcome) -> outcome;
            case ScheduledTime.At(Instant instant) -> agent.scheduleRestart(order, instant);
        };
    }

    /** Forgets this member's scheduled restart: 200, or 404 if there is none. */
    public Ordered forgetRestart() {
        return byRest("flush restart " + agent.name(), progress -> cancelRestart());
    }

    /** Has this member read its configuration again. */
    public Ordered reload() {
        return byRest("reload " + agent.name(), agent::reload);
    }

    Outcome cancelRestart() {
        return agent.cancelScheduledRestart();
    }

    /** How long a restart may take here. */
    Duration restartTimeout(Duration asked) {
        if (!asked.isZero()) {
            return asked;
        }
        Duration usual = agent.dynamicConfig().primaryStartTimeout();
        return usual.compareTo(SHORTEST_RESTART) > 0 ? usual : SHORTEST_RESTART;
    }

    /** Has this member's data directory cloned afresh; returns as soon as that began. */
    public Ordered reinitialize(ReinitOrder order) {
        return byRest("reinitialize " + agent.name(), progress -> reinitialize(order, progress));
    }

    Outcome reinitialize(ReinitOrder order, Progress progress) {
        if (order.cancel()) {
            return agent.reinitialize(order, progress);
        }
        Optional<ClusterView> view = view();
        if (view.isEmpty() || view.get().isUnlocked()) {
            return new Outcome(503, "Cluster has no leader, can not reinitialize");
        }
        if (agent.holdsLease()
                || view.get()
                        .leader()
                        .map(Leader::name)
                        .filter(agent.name()::equals)
                        .isPresent()) {
            return new Outcome(503, "I am the leader, can not reinitialize");
        }
        return agent.reinitialize(order, progress);
    }

    private Duration patience() {
        return agent.dynamicConfig().retryTimeout();
    }
}
