package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Lsn;
import java.util.Optional;
import java.util.OptionalLong;

/** Builds what an agent remembers. */
final class Memories {
    private Optional<Upstream> following = Optional.empty();
    private Divergence divergence = new Divergence.Unchecked();
    private long divergenceEpoch = 6;
    private boolean rewindFailed;
    private boolean steppingDown;
    private boolean guarded = true;
    private int failedStarts;
    private SlotMemory slots = new SlotMemory(
            java.util.Set.of(), java.util.Map.of(), java.util.Map.of(), OptionalLong.of(0), OptionalLong.empty());
    private OptionalLong lockSince = OptionalLong.empty();
    private OptionalLong orderedAt = OptionalLong.empty();
    private OptionalLong storeLostSince = OptionalLong.empty();
    private WritePath writePath = WritePath.unknown();
    private Optional<Lsn> standbyNamesSince = Optional.of(new Lsn(1));
    private long primarySince = Scene.NOW - 60_000_000_000L;
    private Situation.Lifecycle lifecycle = Situation.Lifecycle.NONE;
    private OptionalLong retryAt = OptionalLong.empty();
    private OptionalLong standBackUntil = OptionalLong.empty();

    private WalFlow walFlow = WalFlow.NONE;

    private java.util.Map<String, String> listed = java.util.Map.of();
    private Optional<Failsafe.Promise> promise = Optional.empty();
    private long startedAt;
    private OptionalLong startingSince = OptionalLong.empty();

    Memories startingSince(long nanos) {
        startingSince = OptionalLong.of(nanos);
        return this;
    }

    /** The failsafe key as last read. */
    Memories listed(String... members) {
        listed = PublishedMembers.apiUrls(members);
        return this;
    }

    Memories promised(String leader, long until) {
        promise = Optional.of(new Failsafe.Promise(
                leader, "postgres://10.0.0.1:5432/postgres", "http://10.0.0.1:8008/patroni", until));
        return this;
    }

    Memories startedAt(long nanos) {
        startedAt = nanos;
        return this;
    }

    Memories walFlow(WalFlow value) {
        walFlow = value;
        return this;
    }

    Memories following(String name) {
        following = Optional.of(new Upstream.Of(name, "10.0.0." + name.substring(1), 5432));
        return this;
    }

    Memories following(Upstream upstream) {
        following = Optional.of(upstream);
        return this;
    }

    Memories divergenceEpoch(long epoch) {
        divergenceEpoch = epoch;
        return this;
    }

    Memories divergence(Divergence value) {
        divergence = value;
        return this;
    }

    Memories rewindFailed() {
        rewindFailed = true;
        return this;
    }

    Memories steppingDown() {
        steppingDown = true;
        return this;
    }

    Memories unguarded() {
        guarded = false;
        return this;
    }

    Memories failedStarts(int value) {
        failedStarts = value;
        return this;
    }

    Memories retryAt(long nanos) {
        retryAt = OptionalLong.of(nanos);
        return this;
    }

    Memories standBackUntil(long nanos) {
        standBackUntil = OptionalLong.of(nanos);
        return this;
    }

    Memories writePath(WritePath value) {
        writePath = value;
        return this;
    }

    private Wishes wishes = Wishes.NONE;
    private boolean bootstrapped;
    private Optional<String> bootstrapFailed = Optional.empty();

    Memories bootstrapFailed(String why) {
        bootstrapFailed = Optional.of(why);
        return this;
    }

    Memories bootstrapped() {
        bootstrapped = true;
        return this;
    }

    Situation situation() {
        return new Situation(
                following,
                Scene.NOW - 60_000_000_000L,
                divergence,
                divergenceEpoch,
                rewindFailed,
                steppingDown,
                OptionalLong.empty(),
                guarded,
                failedStarts,
                retryAt,
                standBackUntil,
                standbyNamesSince,
                bootstrapped,
                bootstrapFailed,
                startingSince,
                OptionalLong.of(primarySince),
                lockSince,
                orderedAt,
                storeLostSince,
                java.util.Set.of("n1", "n2", "n3"),
                walFlow,
                writePath,
                new Failsafe(listed, promise, startedAt),
                wishes,
                slots,
                lifecycle);
    }

    Memories lifecycle(Situation.Lifecycle value) {
        lifecycle = value;
        return this;
    }

    /** The server has been in trouble under the lock for this long. */
    Memories downFor(java.time.Duration time) {
        return lifecycle(new Situation.Lifecycle(OptionalLong.of(Scene.NOW - time.toNanos()), 0, false, false));
    }

    Memories wishes(Wishes value) {
        wishes = value;
        return this;
    }

    Memories standbyNamesSince(Optional<Lsn> position) {
        standbyNamesSince = position;
        return this;
    }

    Memories primaryFor(java.time.Duration time) {
        primarySince = Scene.NOW - time.toNanos();
        return this;
    }

    Memories lockHeldFor(java.time.Duration time) {
        lockSince = OptionalLong.of(Scene.NOW - time.toNanos());
        return this;
    }

    Memories orderedBefore(java.time.Duration time) {
        orderedAt = OptionalLong.of(Scene.NOW - time.toNanos());
        return this;
    }

    Memories slots(SlotMemory value) {
        slots = value;
        return this;
    }

    Memories storeLostFor(java.time.Duration time) {
        storeLostSince = OptionalLong.of(Scene.NOW - time.toNanos());
        return this;
    }
}
