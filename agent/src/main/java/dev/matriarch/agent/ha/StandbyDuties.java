package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** What a member without the lock does: become a healthy standby of the leader, or wait for one. */
final class StandbyDuties {
    private static final Duration STREAMING_PATIENCE = Duration.ofSeconds(3);

    /** What it has replayed until then it replays again. */
    private static final Duration STARTING_PATIENCE = Duration.ofSeconds(10);

    private final Observation seen;
    private final ClusterView view;
    private final Situation situation;
    private final Settings settings;
    private final LocalPostgres pg;

    StandbyDuties(Observation seen, ClusterView view) {
        this.seen = seen;
        this.view = view;
        this.situation = seen.situation();
        this.settings = seen.settings();
        this.pg = seen.postgres();
    }

    /** Somebody else holds the lock. */
    Decision under(Leader leader) {
        return switch (pg.dataDirectory()) {
            case EMPTY, PARTIAL_COPY -> createReplica();
            case UNUSABLE -> Decision.idle("the data directory cannot be used: " + pg.problem());
            case HALF_WRITTEN -> discardHalfWritten();
            case VALID ->
                switch (pg.process()) {
                    case STOPPED ->
                        settings.paused() && !situation.wishes().handedOver()
                                ? Decision.idle("postgres is not running")
                                : bringBack(leader);
                    case STARTING ->
                        whileStarting()
                                .orElse(Decision.soon("PostgreSQL is still starting up", Duration.ofMillis(200)));
                    case STOPPING -> Decision.soon("PostgreSQL is stopping", Duration.ofMillis(200));
                    case RUNNING -> running(leader);
                };
        };
    }

    private Decision createReplica() {
        if (situation.wishes().cloneHeld()) {
            return Decision.idle("creating the replica was cancelled by an operator: reinit begins it again");
        }
        if (!retryDue()) {
            return retryLater();
        }
        Optional<Upstream.Of> leader = leaderToFollow();
        Optional<Upstream.Of> replica = situation.wishes().cloneFromLeader() ? Optional.empty() : cloneSource();
        if (leader.isPresent() && replica.isPresent()) {
            return new Decision.Clone(
                    replica.get(),
                    "trying to bootstrap from replica '" + replica.get().member() + "'");
        }
        return leader.<Decision>map(
                        from -> new Decision.Clone(from, "trying to bootstrap from leader '" + from.member() + "'"))
                .orElse(Decision.idle(
                        settings.standbyCluster().isPresent()
                                ? "waiting for standby_leader to bootstrap"
                                : "waiting for leader to bootstrap"));
    }

    /** One of the running standbys with the tag {@code clonefrom}: not always the same, so that many clones spread. */
    private Optional<Upstream.Of> cloneSource() {
        List<Upstream.Of> sources = view.members().stream()
                .filter(m -> m.flag("clonefrom")
                        && m.isRunning()
                        && !m.isPrimary()
                        && !m.name().equals(seen.me()))
                .map(StandbyDuties::upstream)
                .flatMap(Optional::stream)
                .toList();
        // Chance must come from the observation, or a recorded decision could not be repeated.
        int chance = Objects.hash(seen.me(), seen.now() / 1_000_000);
        return sources.isEmpty() ? Optional.empty() : Optional.of(sources.get(Math.floorMod(chance, sources.size())));
    }

    private Decision discardHalfWritten() {
        if (settings.paused()) {
            return Decision.idle("the data directory is half written; nothing is removed while the cluster is paused");
        }
        if (!settings.discardOnRewindFailure()) {
            return Decision.idle(
                    "the data directory was left half written by a rewind or clone and must not be started: run"
                            + " reinit, or set postgresql.remove_data_directory_on_rewind_failure");
        }
        return new Decision.Discard("a rewind or clone into it did not finish");
    }

    private boolean retryDue() {
        return situation.retryAt().isEmpty() || situation.retryAt().getAsLong() - seen.now() <= 0;
    }

    private Decision retryLater() {
        long left = situation.retryAt().orElse(seen.now()) - seen.now();
        return Decision.soon("waiting before another attempt", Duration.ofNanos(Math.max(left, 1_000_000)));
    }

    /** The server is down, the leader is somebody else. */
    private Decision bringBack(Leader leader) {
        if (!retryDue()) {
            return retryLater();
        }
        if (crashRecoveryNeeded()) {
            return new Decision.CrashRecovery("doing crash recovery in a single user mode");
        }
        Optional<Upstream.Of> source = leaderToFollow();
        if (source.isEmpty()) {
            return Decision.idle("waiting for the leader " + leader.name() + " to be running as primary");
        }
        // Of a standby that was well the running server tells, unless it does not come up: PostgreSQL refuses to go on
        // where a
        // later timeline that it knows of left out what it has replayed.
        if (pg.control().map(c -> c.state().equals("shut down in recovery")).orElse(false)
                && situation.failedStarts() == 0
                && situation.divergenceAgainst(leader.epoch()) instanceof Divergence.Unchecked) {
            return startSecondary(source.get());
        }
        Optional<Upstream.Of> history = historyOf(source);
        boolean wasStandby =
                pg.control().map(LocalPostgres.ControlFile::wasStandby).orElse(false);
        if (history.isEmpty() || settings.standbyCluster().isPresent() && wasStandby && !found(leader)) {
            return startSecondary(source.get());
        }
        return switch (situation.divergenceAgainst(leader.epoch())) {
            case Divergence.Unchecked unchecked ->
                new Decision.CheckDivergence(
                        history.get(), leader.epoch(), "was my history left behind by " + leader.name() + "?");
            case Divergence.None none -> startSecondary(source.get());
            case Divergence.Found found -> cure(history.get(), found);
        };
    }

    private boolean found(Leader leader) {
        return situation.divergenceAgainst(leader.epoch()) instanceof Divergence.Found;
    }

    private Decision startSecondary(Upstream.Of leader) {
        Upstream upstream = seen.tags().nostream()
                ? new Upstream.Nobody()
                : chosenUpstream().<Upstream>map(u -> u).orElse(leader);
        return new Decision.StartReplica(upstream, "starting as a secondary");
    }

    /**
     * Where a crashed primary's WAL ends is known for certain, and pg_rewind accepts it, only after its own recovery. Once
     * is enough: what fails once is left to the rewind or to a clone. While nobody leads it is not done, unlike Patroni:
     * the checkpoint that ends it is WAL that nobody else has, while starting as a standby replays the same and adds
     * nothing.
     */
    private boolean crashRecoveryNeeded() {
        return settings.usePgRewind()
                && !situation.lifecycle().crashRecoveryTried()
                && pg.control().map(LocalPostgres.ControlFile::crashedAsPrimary).orElse(false);
    }

    private Decision cure(Upstream.Of leader, Divergence.Found found) {
        String reason = found.reason();
        boolean rewindable = found.rewindable()
                && settings.usePgRewind()
                && pg.control().map(LocalPostgres.ControlFile::rewindable).orElse(true)
                && !situation.rewindFailed();
        if (rewindable) {
            if (pg.process() != LocalPostgres.Process.STOPPED) {
                return new Decision.Stop(Decision.StopMode.FAST, false, "stopping to rewind: " + reason);
            }
            boolean ready =
                    view.leaderMember().flatMap(Member::checkpointAfterPromote).orElse(true);
            return ready
                    ? new Decision.Rewind(leader, "running pg_rewind from " + leader.member() + ": " + reason)
                    : Decision.soon(
                            "Waiting for checkpoint on " + leader.member() + " before rewind", Duration.ofMillis(300));
        }
        if (settings.paused()) {
            return Decision.idle("this data directory has diverged from " + leader.member() + " (" + reason
                    + ") and cannot be rewound; nothing is removed while the cluster is paused");
        }
        boolean allowed = situation.rewindFailed() ? settings.discardOnRewindFailure() : settings.discardOnDivergence();
        if (allowed) {
            return pg.process() == LocalPostgres.Process.STOPPED
                    ? new Decision.Discard("reinitializing due to diverged timelines: " + reason)
                    : new Decision.Stop(Decision.StopMode.FAST, false, "stopping to clone anew: " + reason);
        }
        return Decision.idle("this data directory has diverged from " + leader.member() + " (" + reason
                + ") and may neither be rewound nor removed: run reinit, or switch on use_pg_rewind");
    }

    private Decision running(Leader leader) {
        if (pg.isPrimary()) {
            if (settings.paused()) {
                return Decision.idle("continue to run as primary without lock");
            }
            return new Decision.Stop(
                    Decision.StopMode.IMMEDIATE,
                    false,
                    "demoting self because I do not have the lock and I was a leader: " + leader.name() + " has it");
        }
        if (!pg.isReplica()) {
            return Decision.soon("PostgreSQL does not answer: " + pg.problem(), Duration.ofMillis(500));
        }
        Optional<Upstream> upstream = seen.tags().nostream()
                ? Optional.of(new Upstream.Nobody())
                : chosenUpstream().map(u -> u);
        if (upstream.isPresent() && !situation.following().equals(upstream)) {
            return new Decision.Follow(upstream.get(), whyFollow(upstream.get()));
        }
        return strandedOn(leader)
                .or(() -> new SlotPolicy(seen, view, pg.status().orElseThrow()).step())
                .or(() -> LogicalSlots.copy(seen, view, pg.status().orElseThrow(), leader))
                .or(() -> ScheduledRestart.step(seen))
                .orElseGet(() -> Decision.idle(WalGap.sentence(seen)
                        .orElse("no action. I am (" + seen.me() + "), a secondary, and following a leader ("
                                + leader.name() + ")")));
    }

    /**
     * A standby that was started while nobody led, or under another leader. After a rewind it may need WAL that it does not get
     * before it accepts connections, and would never accept any. It is not pointed to the new leader as it is: what it
     * copied from the old one may be no part of the new one's history, so that is compared first, as of any stopped server.
     * Immediately, because after an orderly stop it would pass for a standby that had been well. Not for a leader that is no
     * primary yet: this member may be the one that has to lead, and would begin its recovery anew at each attempt.
     */
    Optional<Decision> whileStarting() {
        Optional<Upstream> primary = leaderToFollow().map(l -> l);
        boolean stuck = pg.process() == LocalPostgres.Process.STARTING
                && !settings.paused()
                && situation.following().isPresent()
                && primary.isPresent()
                && !situation.following().equals(primary)
                && situation.startingSince().isPresent()
                && seen.now() - situation.startingSince().getAsLong() >= STARTING_PATIENCE.toNanos();
        Optional<Upstream.Of> upstream = stuck ? chosenUpstream() : Optional.empty();
        return upstream.filter(u -> !situation.following().equals(Optional.of(u)))
                .map(u -> new Decision.Stop(
                        Decision.StopMode.IMMEDIATE,
                        false,
                        "stopping a standby that has not come up yet and was not started to follow " + u.member()));
    }

    private String whyFollow(Upstream upstream) {
        if (!(upstream instanceof Upstream.Of source)) {
            return "nostream: taking WAL from the archive only";
        }
        return new Cascade(view).goesInACircle(seen.me(), seen.tags())
                ? "following " + source.member() + ": replicatefrom "
                        + seen.tags().replicateFrom().orElseThrow() + " leads back to me, so it is not heeded"
                : "following " + source.member();
    }

    /** A standby that does not get to stream may be on a branch that the leader left. */
    private Optional<Decision> strandedOn(Leader leader) {
        LocalPostgres.Status status = pg.status().orElseThrow();
        boolean patient = seen.now() - situation.followingSince() < STREAMING_PATIENCE.toNanos();
        if (status.streaming() || patient || !retryDue() || settings.paused()) {
            return Optional.empty();
        }
        Optional<Upstream.Of> source = leaderToFollow().flatMap(l -> historyOf(Optional.of(l)));
        if (source.isEmpty()) {
            return Optional.empty();
        }
        return switch (situation.divergenceAgainst(leader.epoch())) {
            case Divergence.Unchecked unchecked ->
                Optional.of(new Decision.CheckDivergence(
                        source.get(),
                        leader.epoch(),
                        "not streaming: was my history left behind by " + leader.name() + "?"));
            case Divergence.None none -> Optional.empty();
            case Divergence.Found found -> Optional.of(cure(source.get(), found));
        };
    }

    private boolean leadsStandbyCluster(Member leader) {
        return settings.standbyCluster().isPresent() && leader.role().equals("standby_leader");
    }

    /**
     * Whose history counts. A leader that is a standby itself cannot tell: then it is the remote cluster's, and nobody's if
     * there is only an archive.
     */
    private Optional<Upstream.Of> historyOf(Optional<Upstream.Of> leader) {
        return settings.standbyCluster().isPresent() ? StandbyCluster.toCompareWith(settings, seen.now()) : leader;
    }

    /** The leader, once it is known to be running as primary, or to lead a standby cluster. */
    Optional<Upstream.Of> leaderToFollow() {
        return view.leaderMember()
                .filter(m -> m.isRunning() && (m.isPrimary() || leadsStandbyCluster(m)))
                .flatMap(StandbyDuties::upstream);
    }

    /** The member named by the tag {@code replicatefrom} if it is running, else the leader, even before it is promoted. */
    private Optional<Upstream.Of> chosenUpstream() {
        return new Cascade(view).upstreamOf(seen.me(), seen.tags()).flatMap(StandbyDuties::upstream);
    }

    static Optional<Upstream.Of> upstream(Member member) {
        try {
            URI uri = URI.create(member.connUrl());
            return uri.getHost() == null
                    ? Optional.empty()
                    : Optional.of(
                            new Upstream.Of(member.name(), uri.getHost(), uri.getPort() > 0 ? uri.getPort() : 5432));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** Nobody holds the lock and this server is down: come up as a standby, to be able to stand for election. */
    Decision withoutLeader() {
        return switch (pg.dataDirectory()) {
            case EMPTY -> emptyWithoutLeader();
            case PARTIAL_COPY -> NewCluster.isCreated(view) ? emptyWithoutLeader() : partialCopyOfNothing();
            case UNUSABLE -> Decision.idle("the data directory cannot be used: " + pg.problem());
            case HALF_WRITTEN ->
                NewCluster.isBegun(view)
                        ? emptyWithoutLeader()
                        : Decision.idle("waiting for a leader: the data directory is half written");
            case VALID -> {
                if (settings.paused() && !situation.wishes().handedOver()) {
                    yield Decision.idle("postgres is not running");
                }
                boolean justReleased = situation.releasedAt().isPresent()
                        && seen.now() - situation.releasedAt().getAsLong()
                                < Math.min(
                                        Duration.ofSeconds(2).toNanos(),
                                        settings.ttl().toNanos());
                if (justReleased) {
                    yield Decision.soon("waiting for the next leader", Duration.ofMillis(500));
                }
                yield retryDue()
                        ? new Decision.StartReplica(new Upstream.Nobody(), "starting as a secondary: nobody leads")
                        : retryLater();
            }
        };
    }

    private static Decision partialCopyOfNothing() {
        return Decision.idle("the store knows no cluster, and the data directory holds an unfinished copy of one: empty"
                + " it to let a new cluster be created");
    }

    private Decision emptyWithoutLeader() {
        if (settings.paused()) {
            return Decision.idle("running with empty data directory");
        }
        if (NewCluster.isCreated(view)) {
            if (settings.cloneWithoutLeader() && !situation.wishes().cloneHeld()) {
                return retryDue()
                        ? new Decision.CloneWithoutLeader("trying to bootstrap (without leader)")
                        : retryLater();
            }
            return Decision.idle("waiting for leader to bootstrap: the cluster exists and nobody leads it");
        }
        Optional<String> other = NewCluster.createdBy(seen, view);
        if (other.isPresent()) {
            return Decision.idle("waiting for " + other.get() + ", which is creating the cluster");
        }
        if (seen.tags().nofailover()) {
            return Decision.idle("waiting for another member to bootstrap: I am not allowed to lead");
        }
        if (seen.watchdog().failed()) {
            return Decision.idle("waiting for another member to bootstrap: Watchdog device is not usable: "
                    + seen.watchdog().why());
        }
        return retryDue() ? new Decision.AcquireLease("nobody has created the cluster yet") : retryLater();
    }
}
