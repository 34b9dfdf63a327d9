package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.DynamicConfig;
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
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Switchovers and failovers that somebody asks for: whether one is allowed, that it is asked of the cluster, and how it ends. Any
 * thread; calls block, and end within the time they name.
 */
final class LeaderChanges {
    private static final Logger LOG = LoggerFactory.getLogger(LeaderChanges.class);
    private static final Duration ASK_PEERS = Duration.ofSeconds(2);
    private static final Duration SHORTEST_WAIT = Duration.ofSeconds(10);
    /** Not every store tells of every change. */
    private static final Duration LOOK_AGAIN = Duration.ofSeconds(1);

    private final LocalAgent agent;
    private final Peers peers;
    private final Supplier<Optional<ClusterView>> views;
    private final ChangeSignal changes = new ChangeSignal();

    /** @param views the store's state now, else as the loop saw it last */
    LeaderChanges(LocalAgent agent, Peers peers, Supplier<Optional<ClusterView>> views) {
        this.agent = agent;
        this.peers = peers;
        this.views = views;
    }

    /** Begins to listen to the store. */
    void listen() {
        agent.dcs().onChange(change -> changes.raise());
    }

    /** As {@link Operations#switchover}. */
    Outcome carryOut(SwitchoverCheck.Request request, Progress progress) {
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
            Optional<ClusterView> view = views.get();
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
            WriteResult result = agent.dcs()
                    .writeFailover(
                            Optional.of(key), expected, agent.dynamicConfig().retryTimeout());
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
            Optional<ClusterView> now = views.get();
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

    /**
     * How it ended, by what the store shows once it has the key that asks for it; empty: it goes on.
     *
     * @param oldLeader who held the lock when it was asked for
     */
    static Optional<Outcome> ending(FailoverRequest key, Optional<String> oldLeader, ClusterView now) {
        Optional<String> leader = now.leader().map(Leader::name);
        if (leader.isEmpty()) {
            return Optional.empty();
        }
        if (!leader.equals(oldLeader)) {
            if (!LeaderChangeWatch.serves(now.leaderMember())) {
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
                .or(() -> views.get()
                        .flatMap(now -> QuorumSet.objection(ready.key(), now, agent.dynamicConfig(), ready.answers())));
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

    /** As {@link Operations#forgetSwitchover}. */
    Outcome forgetScheduled() {
        Optional<Versioned<FailoverRequest>> pending = views.get()
                .flatMap(ClusterView::failover)
                .filter(f -> f.value().scheduledAt().isPresent());
        if (pending.isEmpty()) {
            return new Outcome(404, "no switchover is scheduled");
        }
        try {
            WriteResult result = agent.dcs()
                    .writeFailover(
                            Optional.empty(),
                            Expected.revision(pending.get().revision()),
                            agent.dynamicConfig().retryTimeout());
            return result instanceof WriteResult.Written
                    ? new Outcome(200, "scheduled switchover deleted")
                    : new Outcome(409, "the scheduled switchover was changed by somebody else; nothing was deleted");
        } catch (DcsException e) {
            return new Outcome(503, "the store did not confirm the deletion: " + e.getMessage());
        }
    }
}
