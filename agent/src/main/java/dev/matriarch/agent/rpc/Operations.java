package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.DynamicConfig;
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

    private final LocalAgent agent;
    private final Peers peers;
    private final Function<String, List<String>> configProblems;
    private final ChangeSignal changes = new ChangeSignal();

    /** @param configProblems what is wrong with a dynamic configuration's JSON text; empty if nothing is */
    Operations(LocalAgent agent, Peers peers, Function<String, List<String>> configProblems) {
        this.agent = agent;
        this.peers = peers;
        this.configProblems = configProblems;
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
        record Changed(long revision) implements ConfigOutcome {}

        /** Somebody else changed it first. */
        record Conflict() implements ConfigOutcome {}

        record Refused(List<String> problems) implements ConfigOutcome {}

        /** The store did not answer; the change may still appear. */
        record Failed(String why) implements ConfigOutcome {}
    }

    public ConfigOutcome setConfig(String json, Expected expected) {
        List<String> problems = configProblems.apply(json);
        if (!problems.isEmpty()) {
            return new ConfigOutcome.Refused(problems);
        }
        try {
            return switch (agent.dcs().writeConfig(json, expected, patience())) {
                case WriteResult.Written(long revision) -> {
                    agent.wake("the configuration was changed by request");
                    yield new ConfigOutcome.Changed(revision);
                }
                case WriteResult.Conflict() -> new ConfigOutcome.Conflict();
            };
        } catch (DcsException e) {
            return new ConfigOutcome.Failed("the store did not confirm the change: " + e.getMessage()
                    + "; look with show-config whether it happened");
        }
    }

    /**
     * A switchover or failover. Returns when it is over, when it is certain that it does not happen, or after twice the
     * longer of 10 s and {@code loop_wait}.
     */
    public Outcome switchover(SwitchoverCheck.Request request) {
        Optional<ClusterView> seen = view();
        if (seen.isEmpty()) {
            return new Outcome(503, "the store cannot be read; nothing was done. Try again when it answers.");
        }
        ClusterView view = seen.get();
        DynamicConfig config = agent.dynamicConfig();
        Map<String, PeerAnswer> answers = ask(SwitchoverCheck.toAsk(request, view));
        return switch (SwitchoverCheck.check(request, view, config, answers, Instant.now())) {
            case SwitchoverCheck.Verdict.Refused(Outcome outcome) -> outcome;
            case SwitchoverCheck.Verdict.Allowed(FailoverRequest key) -> carryOut(key, view, config);
        };
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

    private Outcome carryOut(FailoverRequest key, ClusterView before, DynamicConfig config) {
        Expected expected =
                before.failover().map(f -> Expected.revision(f.revision())).orElseGet(Expected::absent);
        Duration limit = SHORTEST_WAIT.compareTo(config.loopWait()) > 0 ? SHORTEST_WAIT : config.loopWait();
        limit = limit.multipliedBy(2);
        long deadline = System.nanoTime() + limit.toNanos();
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
        agent.wake(key.isSwitchover() ? "a switchover was asked for" : "a failover was asked for");
        if (key.scheduledAt().isPresent()) {
            return new Outcome(202, "Switchover scheduled");
        }
        try {
            return await(key, before.leader().map(Leader::name), written, deadline, limit);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return unknown(key, limit);
        }
    }

    private Outcome await(FailoverRequest key, Optional<String> oldLeader, long written, long deadline, Duration limit)
            throws InterruptedException {
        while (true) {
            long seen = changes.current();
            Optional<ClusterView> now = view();
            // A copy that has not seen the key yet says nothing about it.
            if (now.isPresent() && now.get().revision() >= written) {
                Optional<Outcome> end = ending(key, oldLeader, now.get());
                if (end.isPresent()) {
                    return end.get();
                }
            }
            if (!changes.awaitNewer(seen, deadline)) {
                return unknown(key, limit);
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
    public Outcome cancelSwitchover() {
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
    public Outcome restart(RestartRequest request) {
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
                : agent.restart(order, restartTimeout(request.timeout()));
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
    public Outcome cancelRestart() {
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
    public Outcome reinitialize(ReinitOrder order) {
        if (order.cancel()) {
            return agent.reinitialize(order);
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
        return agent.reinitialize(order);
    }

    private Duration patience() {
        return agent.dynamicConfig().retryTimeout();
    }
}
