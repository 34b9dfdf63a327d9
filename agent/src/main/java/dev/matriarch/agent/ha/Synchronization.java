package dev.matriarch.agent.ha;

import dev.matriarch.agent.ha.Settings.Synchronous.Mode;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/** Chooses what the synchronous mode asks of the leader, one step at a time. */
final class Synchronization {
    private static final StandbyNames UNKNOWN = StandbyNames.of(StandbyNames.Kind.FIRST, 1, Set.of("*"));

    private final Observation seen;
    private final ClusterView view;
    private final LocalPostgres.Status status;
    private final SyncRules rules;

    Synchronization(Observation seen, ClusterView view, LocalPostgres.Status status) {
        this.seen = seen;
        this.view = view;
        this.status = status;
        this.rules = SyncRules.of(seen.settings().synchronous(), status.serverVersion());
    }

    /** The setting for a primary that starts under the lock it holds. */
    static String settingAtStart(Settings settings, Optional<Versioned<SyncState>> sync) {
        SyncRules rules = SyncRules.of(settings.synchronous());
        // The key may outlive the mode: as long as others may follow this leader, commits wait for them.
        if (settings.synchronous().isOff()
                && sync.map(s -> s.value().voters().isEmpty()).orElse(true)) {
            return settings.synchronous().userStandbyNames();
        }
        return sync.map(s -> rules.inForce(s.value())).orElse(rules.nobody()).setting();
    }

    /** What has to be in force before this member's first commit. */
    Optional<Decision> beforePromotion() {
        return settled().or(this::takenUp);
    }

    /** A list that PostgreSQL does not go by yet would let the first commits pass. */
    private Optional<Decision> takenUp() {
        if (status.synchronousStandbyNames().isEmpty() || status.reloadTakenUp()) {
            return Optional.empty();
        }
        boolean tooLong = seen.situation().lockSince().isPresent()
                && seen.now() - seen.situation().lockSince().getAsLong()
                        > seen.settings().ttl().toNanos();
        return Optional.of(
                tooLong && seen.lease() instanceof Lease.Held held
                        ? new Decision.ReleaseLease(
                                held.epoch(),
                                Optional.empty(),
                                "released the lock: PostgreSQL's checkpointer is too busy to take"
                                        + " synchronous_standby_names up")
                        : Decision.soon(
                                "PostgreSQL has not taken synchronous_standby_names up yet", Duration.ofMillis(50)));
    }

    private Optional<Decision> settled() {
        if (rules.mode() == Mode.OFF) {
            return off();
        }
        Optional<Versioned<SyncState>> active =
                view.sync().filter(s -> !s.value().leader().isEmpty());
        if (active.isEmpty()) {
            return setting(rules.nobody().setting());
        }
        SyncState sync = active.get().value();
        boolean mine = sync.leader().equalsIgnoreCase(seen.me());
        // Without strict mode the next commits need not wait, as long as nobody else may follow meanwhile.
        boolean alone = rules.mode() == Mode.ON && !rules.strict();
        SyncState mineNow = alone
                ? new SyncState(seen.me(), new TreeSet<>(), 0)
                : mine ? sync : SyncRules.takenOver(seen.me(), sync);
        Optional<Decision> names = setting(rules.inForce(mineNow).setting());
        if (names.isPresent() || mineNow.equals(sync)) {
            return names;
        }
        // Who led last may stand without votes, and that must be this member from its first commit on.
        return Optional.of(SyncSides.write(active.get(), mineNow));
    }

    /** Commits stop waiting only after nobody relies on it any more. */
    private Optional<Decision> off() {
        return view.sync().isPresent()
                ? Optional.of(new Decision.WriteSync(
                        Optional.empty(),
                        Expected.revision(view.sync().get().revision()),
                        "Disabled synchronous replication"))
                : setting(seen.settings().synchronous().userStandbyNames());
    }

    private Optional<Decision> setting(String wanted) {
        return status.synchronousStandbyNames().equals(wanted)
                ? Optional.empty()
                : Optional.of(new Decision.SetStandbyNames(
                        wanted, "Assigning synchronous_standby_names to '" + wanted + "'"));
    }

    /** A leader's next step, or empty when all is as wanted or only time can help. */
    Optional<Decision> next() {
        if (rules.mode() == Mode.OFF) {
            return off();
        }
        if (view.sync().isEmpty()) {
            return Optional.of(new Decision.WriteSync(
                    Optional.of(new SyncState(seen.me(), new TreeSet<>(), 0)),
                    Expected.absent(),
                    "Enabled synchronous replication"));
        }
        Versioned<SyncState> stored = view.sync().get();
        if (!stored.value().leader().equalsIgnoreCase(seen.me())) {
            // Who wrote it knows nothing of the commits that were acknowledged here.
            return Optional.of(SyncSides.write(stored, new SyncState(seen.me(), new TreeSet<>(), 0)));
        }
        SyncCandidates candidates =
                SyncCandidates.of(view, seen.me(), status, seen.settings().synchronous());
        SortedSet<String> active =
                rules.mode() == Mode.ON ? candidates.picked(rules.nodeCount()) : candidates.all(rules.nodeCount());
        return active.isEmpty() && justPromoted() && somebodyMayCome(stored.value())
                ? Optional.empty()
                : next(
                        rules,
                        seen.me(),
                        stored,
                        StandbyNames.parse(status.synchronousStandbyNames()),
                        active,
                        candidates.confirmed(seen.situation().standbyNamesSince()));
    }

    /** The standbys have not had the time to connect: do not give up on them yet. */
    private boolean justPromoted() {
        return seen.situation().primarySince().isEmpty()
                || seen.now() - seen.situation().primarySince().getAsLong()
                        < seen.settings().ttl().toNanos();
    }

    /**
     * At least one of those that commits wait for is known to the store, and does not say still that it is the primary. Whoever says
     * so while this member leads has had no agent since before the lock ended, and whose key has ended had none for longer, as after
     * a power failure: to wait for nobody but such members would only keep commits waiting.
     */
    private boolean somebodyMayCome(SyncState sync) {
        for (Member member : view.members()) {
            if (!member.isPrimary() && SyncRules.lower(sync.voters()).contains(SyncCandidates.lower(member.name()))) {
                return true;
            }
        }
        return false;
    }

    /** @param live empty: it cannot be said who is waited for */
    static Optional<Decision> next(
            SyncRules rules,
            String me,
            Versioned<SyncState> stored,
            Optional<StandbyNames> live,
            SortedSet<String> active,
            SortedSet<String> confirmed) {
        SyncState sync = stored.value();
        boolean promised = !sync.voters().isEmpty();
        if (promised && !live.map(l -> SyncRules.overlap(sync, l)).orElse(false)) {
            // Somebody else's list: promise nothing about it before it is replaced.
            return Optional.of(SyncSides.write(stored, new SyncState(me, new TreeSet<>(), 0)));
        }
        if (active.isEmpty() && rules.strict()) {
            StandbyNames last = promised ? rules.inForce(sync) : rules.nobody();
            return live.equals(Optional.of(last))
                    ? Optional.empty()
                    : Optional.of(new Decision.SetStandbyNames(
                            last.setting(),
                            "No active replication connections from Patroni members and synchronous_mode_strict is"
                                    + " requested. synchronous_standby_names is '" + last.setting()
                                    + "'. Commits will be delayed."));
        }
        // Of an unknown list nothing is counted on: it is replaced like one that is empty.
        SyncSides sides = new SyncSides(rules, me, stored, live.orElse(UNKNOWN), active, confirmed);
        return rules.mode() == Mode.ON ? PrioritySync.next(sides) : QuorumCommit.next(sides);
    }
}
