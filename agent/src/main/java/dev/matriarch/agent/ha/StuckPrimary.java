package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.util.Comparator;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * A leader whose server is alive but takes no writes (stopped, stuck in a hanging disk) or has no room left must not
 * keep the lock for ever. It gives it up only if somebody else could take over: a stuck primary is no worse than none.
 */
final class StuckPrimary {
    private final Observation seen;
    private final ClusterView view;
    private final Settings settings;
    private final LocalPostgres pg;
    private final WritePath path;

    private StuckPrimary(Observation seen, ClusterView view) {
        this.seen = seen;
        this.view = view;
        this.settings = seen.settings();
        this.pg = seen.postgres();
        this.path = seen.situation().writePath();
    }

    /** True while the lease is to run out: a process that cannot even be killed must not be waited for. */
    static boolean leavesLease(Observation seen) {
        return seen.situation().writePath().abandoned() && !seen.settings().paused();
    }

    /** Empty if there is nothing wrong, or nothing to be done about it. */
    static Optional<Decision> step(Observation seen, ClusterView view, Lease.Held lease) {
        return seen.settings().paused() ? Optional.empty() : new StuckPrimary(seen, view).step(lease);
    }

    private Optional<Decision> step(Lease.Held lease) {
        boolean stopped = pg.process() == LocalPostgres.Process.STOPPED;
        if (path.abandoned()) {
            return Optional.of(
                    stopped
                            ? new Decision.ReleaseLease(
                                    lease.epoch(),
                                    Optional.empty(),
                                    "handing the lock over: PostgreSQL, which took no writes any more, has stopped")
                            : new Decision.Stop(
                                    Decision.StopMode.IMMEDIATE,
                                    true,
                                    "PostgreSQL does not end; the lock is not renewed any more and runs out"));
        }
        if (stopped && pg.dataDirectory() == LocalPostgres.DataDirectory.VALID && crashed() && !path.fits()) {
            return withoutRoom(lease);
        }
        return pg.isRunning() && !pg.isReplica() && path.exhausted(settings, seen.now())
                ? Optional.of(stuck())
                : Optional.empty();
    }

    private boolean crashed() {
        return pg.control().map(LocalPostgres.ControlFile::crashedAsPrimary).orElse(false)
                && !seen.situation().steppingDown();
    }

    /** It ended because its disk is full: started again it would end again. */
    private Optional<Decision> withoutRoom(Lease.Held lease) {
        String space = "PostgreSQL has ended and only " + path.megabytesFree() + " MB are free on its volume";
        if (seen.survey().isEmpty() && !others().isEmpty()) {
            return Optional.of(new Decision.AskPeers(others(), space + ": could another member lead?"));
        }
        // Without a successor it is tried twice, as after any crash, before the lock is given up.
        return successor()
                .map(next -> new Decision.ReleaseLease(
                        lease.epoch(), Optional.empty(), space + ": leaving the lock to " + next));
    }

    private Decision stuck() {
        long seconds = (seen.now() - path.failingSince().orElse(seen.now())) / 1_000_000_000L;
        String state = "PostgreSQL has taken no writes for " + seconds + " s (" + path.problem() + ")";
        if (seen.survey().isEmpty() && !others().isEmpty()) {
            return new Decision.AskPeers(others(), state + ": could another member lead?");
        }
        return successor()
                .<Decision>map(next -> new Decision.Stop(
                        Decision.StopMode.IMMEDIATE, true, state + ": stopping it, " + next + " can take over"))
                .orElse(Decision.idle("PostgreSQL takes no writes (" + path.problem()
                        + "), but no other member could take over: keeping the lock"));
    }

    private Set<String> others() {
        return view.members().stream()
                .map(Member::name)
                .filter(n -> !n.equals(seen.me()))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** Somebody who would win the race once this member is gone. */
    private Optional<String> successor() {
        Survey survey = seen.survey().orElse(new Survey(java.util.List.of()));
        Optional<SyncState> sync =
                view.sync().map(Versioned::value).filter(s -> !s.leader().isEmpty());
        Optional<Survey.Answer> best = survey.answers().stream()
                .filter(Survey.Answer::eligible)
                .filter(a -> sync.isEmpty() || sync.get().contains(a.name()))
                .max(Comparator.comparingInt(Survey.Answer::timeline).thenComparing(Survey.Answer::lsn));
        if (best.isEmpty()) {
            return Optional.empty();
        }
        if (sync.isPresent()) {
            long votes = survey.answers().stream()
                    .filter(a -> a.reachable() && a.lsn().value() != 0)
                    .filter(a -> sync.get().contains(a.name())
                            && !a.name().equals(best.get().name()))
                    .count();
            return votes >= sync.get().quorum() ? best.map(Survey.Answer::name) : Optional.empty();
        }
        boolean near = view.status().optime().minus(best.get().lsn()) <= settings.maximumLagOnFailover();
        return near ? best.map(Survey.Answer::name) : Optional.empty();
    }
}
