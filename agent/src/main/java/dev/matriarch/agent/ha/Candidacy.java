package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Optional;

/**
 * Whether this member would take the lock if the leader were gone at this moment: the leader race itself, run on a cluster
 * without a leader.
 *
 * @param promotable it would stand for election
 * @param why the race's own sentence, and what keeps this member from catching up
 * @param position {@link Lsn#INVALID} if unknown
 * @param timeline 0 if unknown
 */
public record Candidacy(boolean promotable, String why, Lsn position, int timeline) {

    /** @param others what the members other than the leader and this one answer now */
    public static Candidacy of(Observation seen, Survey others) {
        Optional<LocalPostgres.Status> status = seen.postgres().status();
        Lsn position = status.map(LocalPostgres.Status::position).orElse(Lsn.INVALID);
        int timeline = status.map(LocalPostgres.Status::timeline).orElse(0);
        Optional<String> obstacle = obstacle(seen);
        if (obstacle.isPresent()) {
            return new Candidacy(false, obstacle.get(), position, timeline);
        }
        ClusterView view = seen.view().orElseThrow();
        String leader = view.leader().map(Leader::name).orElse("");
        List<Survey.Answer> answers = others.answers().stream()
                .map(a -> a.name().equals(leader) ? Survey.Answer.unreachable(leader) : a)
                .toList();
        Observation alone = seen.asCandidate(leaderless(view), new Survey(answers));
        return switch (new LeaderRace(alone, alone.view().orElseThrow(), status.orElseThrow()).verdict()) {
            case LeaderRace.Verdict.Stand stand ->
                new Candidacy(true, stand.because() + stuck(seen), position, timeline);
            case LeaderRace.Verdict.StandBack back ->
                new Candidacy(false, back.because() + stuck(seen), position, timeline);
            case LeaderRace.Verdict.Ask ask ->
                new Candidacy(false, "the others could not be asked", position, timeline);
        };
    }

    private static String stuck(Observation seen) {
        return WalGap.sentence(seen).map(why -> "; " + why).orElse("");
    }

    private static Optional<String> obstacle(Observation seen) {
        if (seen.store() instanceof Store.Unreachable(String why)) {
            return Optional.of("the store cannot be reached: " + why);
        }
        if (seen.settings().paused()) {
            return Optional.of("the cluster is paused: nobody is promoted by itself");
        }
        if (seen.holdsLease()) {
            return Optional.of("it is the leader");
        }
        if (seen.task().isPresent()) {
            return Optional.of(seen.task().get().kind().words());
        }
        LocalPostgres pg = seen.postgres();
        if (pg.isPrimary()) {
            return Optional.of("it runs as a primary without the lock");
        }
        if (pg.status().isEmpty()) {
            return Optional.of(
                    pg.process() == LocalPostgres.Process.STOPPED
                            ? "PostgreSQL is not running"
                            : "PostgreSQL does not answer: " + pg.problem());
        }
        long left = seen.situation().standBackUntil().orElse(seen.now()) - seen.now();
        return left > 0
                ? Optional.of("it gave the lock up and leaves it to others for another " + left / 1_000_000_000 + " s")
                : Optional.empty();
    }

    private static ClusterView leaderless(ClusterView view) {
        return new ClusterView(
                view.revision(),
                view.initialize(),
                view.config(),
                Optional.empty(),
                view.members(),
                view.status(),
                Optional.empty(),
                view.history(),
                view.sync(),
                view.failsafe());
    }
}
