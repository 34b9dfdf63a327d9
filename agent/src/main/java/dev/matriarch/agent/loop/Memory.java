package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Divergence;
import dev.matriarch.agent.ha.Failsafe;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.ScheduledRestart;
import dev.matriarch.agent.ha.Situation;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.agent.ha.WalFlow;
import dev.matriarch.agent.ha.Wishes;
import dev.matriarch.agent.ha.WritePath;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * What the agent remembers between heartbeats. Written by the heartbeat and, under its own lock, by the long task that
 * runs beside it.
 */
final class Memory {
    private static final long FIRST_RETRY = 1_000_000_000L;
    private static final long LONGEST_RETRY = 10_000_000_000L;
    private static final long NEXT_COMPARISON = 1_000_000_000L;

    private Optional<Upstream> following = Optional.empty();
    private long followingSince;
    private Divergence divergence = new Divergence.Unchecked();
    private long divergenceEpoch;
    private boolean rewindFailed;
    private boolean steppingDown;
    private OptionalLong releasedAt = OptionalLong.empty();
    private int failures;
    private OptionalLong retryAt = OptionalLong.empty();
    private OptionalLong standBackUntil = OptionalLong.empty();
    private final StandbyNamesWatch standbyNames = new StandbyNamesWatch();
    private OptionalLong lockSince = OptionalLong.empty();
    private boolean bootstrapped;
    private Optional<String> bootstrapFailed = Optional.empty();
    private Optional<ServerState.LastAction> lastAction = Optional.empty();
    private OptionalLong startingSince = OptionalLong.empty();
    private OptionalLong primarySince = OptionalLong.empty();
    private OptionalLong orderedAt = OptionalLong.empty();
    private OptionalLong storeLostSince = OptionalLong.empty();
    private final Map<String, Long> memberSeen = new HashMap<>();
    private Set<String> remembered = Set.of();
    private final long startedAt;
    private Map<String, String> failsafeListed = Map.of();
    private Optional<Failsafe.Promise> promise = Optional.empty();
    private WalFlow walFlow = WalFlow.NONE;
    private Optional<Lsn> received = Optional.empty();
    private final SlotWatch slots = new SlotWatch();
    private WritePath writePath = WritePath.unknown();
    private boolean abandoned;
    private OptionalLong downSince = OptionalLong.empty();
    private long prePromoteEpoch;
    private boolean prePromotePassed;
    private boolean crashRecoveryTried;
    private Wishes wishes = Wishes.NONE;

    Memory(long startedAt) {
        this.startedAt = startedAt;
    }

    /** @param apiUrls the {@code failsafe} key as the store has it */
    synchronized void failsafeListed(Map<String, String> apiUrls) {
        failsafeListed = Map.copyOf(apiUrls);
    }

    /** Notes a promise not to race; false if another leader has one that still lasts. Never shortens one. */
    synchronized boolean promise(Failsafe.Promise given, long now) {
        Optional<Failsafe.Promise> lasting = promise.filter(p -> p.until() - now > 0);
        if (lasting.filter(p -> !p.leader().equals(given.leader())).isPresent()) {
            return false;
        }
        if (lasting.isEmpty() || given.until() - lasting.get().until() > 0) {
            promise = Optional.of(given);
        }
        return true;
    }

    synchronized Situation situation(boolean guarded) {
        return new Situation(
                following,
                followingSince,
                divergence,
                divergenceEpoch,
                rewindFailed,
                steppingDown,
                releasedAt,
                guarded,
                failures,
                retryAt,
                standBackUntil,
                standbyNames.since(),
                bootstrapped,
                bootstrapFailed,
                startingSince,
                primarySince,
                lockSince,
                orderedAt,
                storeLostSince,
                remembered,
                walFlow,
                writePath.withAbandoned(abandoned),
                new Failsafe(failsafeListed, promise, startedAt),
                wishes,
                slots.memory(),
                new Situation.Lifecycle(downSince, prePromoteEpoch, prePromotePassed, crashRecoveryTried));
    }

    synchronized void lockHeld(boolean held, long now) {
        if (!held) {
            lockSince = OptionalLong.empty();
        } else if (lockSince.isEmpty()) {
            lockSince = OptionalLong.of(now);
        }
    }

    synchronized void ordered(boolean something, long now) {
        if (!something) {
            orderedAt = OptionalLong.empty();
        } else if (orderedAt.isEmpty()) {
            orderedAt = OptionalLong.of(now);
        }
    }

    synchronized void storeAnswers(boolean answers, long now) {
        if (answers) {
            storeLostSince = OptionalLong.empty();
        } else if (storeLostSince.isEmpty()) {
            storeLostSince = OptionalLong.of(now);
        }
    }

    /** Notes who is in the store, and forgets who has not been for {@code ttl}. */
    synchronized void membersSeen(Collection<String> names, long now, Duration ttl) {
        long kept = ttl.toNanos();
        names.forEach(name -> memberSeen.put(name, now));
        memberSeen.values().removeIf(seen -> now - seen > kept);
        if (!remembered.equals(memberSeen.keySet())) {
            remembered = Set.copyOf(memberSeen.keySet());
        }
    }

    /** @param leading this member holds the lock */
    synchronized void slotsSeen(
            ClusterView view, Optional<LocalPostgres.Status> status, boolean leading, long now, Duration kept) {
        slots.seen(view, status, leading, now, kept);
    }

    /** @param failed names of slots that could not be changed */
    synchronized void slotsChanged(Collection<SlotChange> changes, Set<String> failed, long now) {
        slots.changed(changes, failed, now);
    }

    synchronized void slotProven(String name) {
        slots.proven(name);
    }

    /** @param all nothing is left to be copied */
    synchronized void slotsCopied(Set<String> names, boolean all, long now) {
        slots.copied(names, all, now);
    }

    /** @param position last one received, of a standby */
    synchronized void walSeen(boolean unlocked, Optional<Lsn> position, long now) {
        boolean moved = received.isPresent() && position.isPresent() && !position.equals(received);
        received = position;
        walFlow = new WalFlow(
                unlocked ? OptionalLong.of(walFlow.unlockedSince().orElse(now)) : OptionalLong.empty(),
                moved ? OptionalLong.of(now) : walFlow.movedAt());
    }

    synchronized void followed(Upstream upstream, long now) {
        following = Optional.of(upstream);
        followingSince = now;
        if (divergence instanceof Divergence.None) {
            // Said of a stopped server, whose control file does not know the end of its WAL: if it does not get to
            // stream,
            // the running one is compared again.
            divergence = new Divergence.Unchecked();
        }
    }

    synchronized void forgetUpstream() {
        following = Optional.empty();
    }

    synchronized void compared(long epoch, Divergence finding) {
        divergence = finding;
        divergenceEpoch = epoch;
        rewindFailed = false;
    }

    synchronized void rewound(boolean success) {
        rewindFailed = !success;
        if (success) {
            divergence = new Divergence.None();
        }
    }

    synchronized void steppingDown(boolean value) {
        steppingDown = value;
    }

    /**
     * The lock is given up because the server is stuck: whether it can be stopped or not, no renewal follows, and this
     * member stands back for a while.
     */
    synchronized void abandon(long standBackUntil) {
        abandoned = true;
        this.standBackUntil = OptionalLong.of(standBackUntil);
    }

    /** Somebody else leads, or nobody: what was given up is gone. */
    synchronized void lockGone() {
        abandoned = false;
    }

    synchronized void writePath(WritePath seen) {
        writePath = seen;
    }

    synchronized void released(long now) {
        wishes = wishes.withHandedOver(steppingDown);
        abandoned = false;
        steppingDown = false;
        releasedAt = OptionalLong.of(now);
        primarySince = OptionalLong.empty();
        bootstrapped = false;
    }

    synchronized void lockLost() {
        primarySince = OptionalLong.empty();
        steppingDown = false;
    }

    /** The pause before another attempt doubles with each failure in a row, up to 10 s. */
    synchronized void failed(long now) {
        failures++;
        retryAt = OptionalLong.of(now + Math.min(LONGEST_RETRY, FIRST_RETRY << Math.min(failures - 1, 5)));
    }

    synchronized void succeeded() {
        failures = 0;
        retryAt = OptionalLong.empty();
    }

    /** What failed before this member led says nothing about it as a leader. */
    synchronized void lockTaken() {
        abandoned = false;
        succeeded();
        standBackUntil = OptionalLong.empty();
    }

    /** The lock was given up: others go first for a while. */
    synchronized void standBack(long until) {
        succeeded();
        standBackUntil = OptionalLong.of(until);
    }

    /** The leader could not be asked about its history. That is no failure of this server. */
    synchronized void notCompared(long now, Duration loopWait) {
        retryAt = OptionalLong.of(now + Math.max(NEXT_COMPARISON, loopWait.toNanos()));
    }

    synchronized void prePromoted(long epoch, boolean passed) {
        prePromoteEpoch = epoch;
        prePromotePassed = passed;
    }

    synchronized void crashRecoveryTried() {
        crashRecoveryTried = true;
    }

    /** The server runs, or at least tries to: the next crash is another one. */
    synchronized void running() {
        crashRecoveryTried = false;
    }

    /**
     * Notes since when a leader's server has been in trouble. One that keeps crashing soon after each start is in the same
     * trouble as one that does not start.
     *
     * @param settled how long it must have run before the trouble counts as over
     */
    synchronized void leading(boolean holdsLock, boolean down, long now, long settled) {
        if (!holdsLock) {
            downSince = OptionalLong.empty();
        } else if (down) {
            downSince = downSince.isPresent() ? downSince : OptionalLong.of(now);
        } else if (primarySince.isPresent() && now - primarySince.getAsLong() >= settled) {
            downSince = OptionalLong.empty();
        }
    }

    synchronized void ended(ServerState.LastAction action) {
        lastAction = Optional.of(action);
    }

    /** The last long action that ended; empty: none did since the agent began. */
    synchronized Optional<ServerState.LastAction> lastAction() {
        return lastAction;
    }

    synchronized void bootstrapped() {
        bootstrapped = true;
    }

    synchronized void bootstrapFailed(String why) {
        bootstrapFailed = Optional.of(why);
    }

    synchronized void dataGone() {
        following = Optional.empty();
        divergence = new Divergence.Unchecked();
        divergenceEpoch = 0;
        rewindFailed = false;
        bootstrapped = false;
    }

    /** As {@link StandbyNamesWatch#seen}. */
    synchronized void standbyNamesSeen(String value, Lsn position, boolean takenUp, long now, long settle) {
        standbyNames.seen(value, position, takenUp, now, settle);
    }

    synchronized boolean standbyNamesSettling() {
        return standbyNames.since().isEmpty();
    }

    synchronized void notPrimary() {
        primarySince = OptionalLong.empty();
        standbyNames.forget();
    }

    synchronized void primarySeen(long now) {
        // Whatever was found out about a standby's history says nothing about what a primary wrote since.
        divergence = new Divergence.Unchecked();
        if (primarySince.isEmpty()) {
            primarySince = OptionalLong.of(now);
        }
    }

    synchronized Wishes wishes() {
        return wishes;
    }

    /** False if one is scheduled already. */
    synchronized boolean scheduleRestart(ScheduledRestart restart) {
        if (wishes.restart().isPresent()) {
            return false;
        }
        wishes = wishes.withRestart(Optional.of(restart));
        return true;
    }

    /** False if none was scheduled. */
    synchronized boolean dropScheduledRestart() {
        boolean there = wishes.restart().isPresent();
        wishes = wishes.withRestart(Optional.empty());
        return there;
    }

    /** A restart begins: whatever was scheduled for the server that ran until now is void. */
    synchronized void restarting(Optional<Duration> startTimeout) {
        wishes = wishes.withRestart(Optional.empty()).withStartTimeout(startTimeout);
    }

    /** @param held no copy is made before an operator orders one */
    synchronized void holdClone(boolean held) {
        wishes = wishes.withCloneHeld(held);
    }

    synchronized void cloneFromLeader(boolean wanted) {
        wishes = wishes.withCloneFromLeader(wanted);
    }

    /** The server answers, and nothing is going on with it. */
    synchronized void settled() {
        wishes = wishes.withHandedOver(false).withStartTimeout(Optional.empty());
    }

    synchronized void starting(boolean starting, long now) {
        if (!starting) {
            startingSince = OptionalLong.empty();
        } else if (startingSince.isEmpty()) {
            startingSince = OptionalLong.of(now);
        }
    }
}
