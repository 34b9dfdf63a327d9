package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.ha.RestartFilter;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.WriteResult;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
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
    private static final Duration SHORTEST_RESTART = Duration.ofSeconds(60);

    private final LocalAgent agent;
    private final Function<String, List<String>> configProblems;
    private final LeaderChanges leaderChanges;
    private final ActionLog actions;

    /** @param configProblems what is wrong with a dynamic configuration's JSON text; empty if nothing is */
    Operations(LocalAgent agent, Peers peers, Function<String, List<String>> configProblems) {
        this.agent = agent;
        this.configProblems = configProblems;
        this.actions = new ActionLog(agent::noteOrder);
        this.leaderChanges = new LeaderChanges(agent, peers, this::view);
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
        leaderChanges.listen();
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
        return leaderChanges.carryOut(request, progress);
    }

    /**
     * Clears a scheduled switchover.
     *
     * @return 200, 404 or 409 as the REST API has it
     */
    public Ordered forgetSwitchover() {
        return byRest("flush switchover", progress -> leaderChanges.forgetScheduled());
    }

    Outcome cancelSwitchover() {
        return leaderChanges.forgetScheduled();
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
