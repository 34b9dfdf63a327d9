package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * May this standby take the free lock? Follows Patroni's health rules: the member with the most WAL wins, a living
 * primary vetoes, and with quorum commit enough of the others must have nothing that the candidate lacks.
 */
final class LeaderRace {
    sealed interface Verdict {
        record Stand(String because) implements Verdict {}

        record StandBack(String because) implements Verdict {}

        /** The others must be asked first. */
        record Ask(Set<String> members) implements Verdict {}
    }

    private final Observation seen;
    private final ClusterView view;
    private final LocalPostgres.Status mine;

    LeaderRace(Observation seen, ClusterView view, LocalPostgres.Status mine) {
        this.seen = seen;
        this.view = view;
        this.mine = mine;
    }

    Verdict verdict() {
        if (seen.tags().nofailover()) {
            return new Verdict.StandBack("following a different leader because I am not allowed to promote");
        }
        WritePath path = seen.situation().writePath();
        if (!path.fits()) {
            return new Verdict.StandBack("not standing for leader: only " + path.megabytesFree()
                    + " MB are free on the volume of the data directory, and a primary needs "
                    + (WritePath.LEAST_ROOM >> 20) + " MB to begin with");
        }
        if (seen.watchdog().failed()) {
            return new Verdict.StandBack(
                    "Watchdog device is not usable: " + seen.watchdog().why());
        }
        Optional<FailoverRequest> request = view.pendingFailover()
                .map(Versioned::value)
                .filter(r -> r.scheduledAt().isEmpty());
        Optional<Duration> arriving =
                request.isPresent() || seen.settings().standbyCluster().isPresent()
                        ? Optional.empty()
                        : seen.situation().walFlow().stillArriving(seen.now(), mine.streaming(), seen.settings());
        if (arriving.isPresent()) {
            return new Verdict.StandBack("My (" + seen.me() + ") wal position moved since last heart beat loop, "
                    + (arriving.get().toSeconds() + 1) + " seconds until leader race");
        }
        Set<String> others = new TreeSet<>();
        view.members().stream()
                .map(m -> m.name())
                .filter(n -> !n.equals(seen.me()))
                .forEach(others::add);
        if (seen.survey().isEmpty() && !others.isEmpty()) {
            return new Verdict.Ask(others);
        }
        Survey survey = seen.survey().orElse(new Survey(java.util.List.of()));
        boolean pausedForMe = seen.settings().paused()
                && request.flatMap(FailoverRequest::candidate)
                        .filter(seen.me()::equals)
                        .isPresent();
        for (Survey.Answer peer : survey.answers()) {
            // A paused cluster may have several primaries, and its operator says who holds the lock.
            if (peer.reachable() && peer.running() && !peer.inRecovery() && !pausedForMe) {
                return new Verdict.StandBack("Primary (" + peer.name() + ") is still alive");
            }
        }
        return request.isPresent() ? asked(request.get(), survey) : compare(survey, true, true);
    }

    /** Somebody asked for this change of leader. */
    private Verdict asked(FailoverRequest request, Survey survey) {
        boolean candidateIsMe = request.candidate().map(seen.me()::equals).orElse(false);
        if (candidateIsMe) {
            if (!request.isSwitchover()) {
                return new Verdict.Stand("I am the requested candidate");
            }
            // A switchover loses nothing: the wish counts among those who have everything.
            return !isSynchronous(seen.me())
                    ? new Verdict.StandBack("I am asked to lead but am not synchronous")
                    : compare(survey, false, false);
        }
        boolean candidateMayLead = request.candidate()
                .flatMap(survey::of)
                .filter(Survey.Answer::eligible)
                .filter(c -> Failsafe.mayRace(view, c.name()))
                .filter(c -> !request.isSwitchover() || isSynchronous(c.name()) && comparedWithMe(c) >= 0)
                .filter(c -> !request.isSwitchover() || hasTheVotes(c, survey))
                .isPresent();
        if (candidateMayLead) {
            return new Verdict.StandBack(
                    "the requested candidate is " + request.candidate().get());
        }
        if (request.leader().map(seen.me()::equals).orElse(false)) {
            // Who lacks something would stand back for me: without this both would wait for the other.
            boolean somebodyElse = survey.answers().stream()
                    .filter(a -> !requestedInVain(request, a))
                    .anyMatch(a -> a.eligible() && comparedWithMe(a) >= 0 && maySucceed(a, survey));
            return somebodyElse
                    ? new Verdict.StandBack("I stepped down for another leader")
                    : compare(survey, false, true);
        }
        return compare(survey, false, true);
    }

    /** The candidate of a switchover leaves the lock alone if it is not synchronous, whatever votes it would have. */
    private boolean requestedInVain(FailoverRequest request, Survey.Answer peer) {
        return request.isSwitchover()
                && request.candidate().filter(peer.name()::equals).isPresent()
                && !isSynchronous(peer.name());
    }

    /** Where commits wait for certain standbys, nobody else follows the leader. */
    private boolean maySucceed(Survey.Answer peer, Survey survey) {
        if (!Failsafe.mayRace(view, peer.name())) {
            return false;
        }
        boolean onlySync = seen.settings().synchronous().mode() == Settings.Synchronous.Mode.ON;
        return (!onlySync || isSynchronous(peer.name())) && hasTheVotes(peer, survey);
    }

    /**
     * Whether the peer, which lacks nothing that this member has, would find the votes that {@link #compare} asks for:
     * who stands back for one that does not, waits for ever.
     */
    private boolean hasTheVotes(Survey.Answer peer, Survey survey) {
        Optional<SyncState> sync = syncInForce();
        if (sync.isEmpty() || sync.get().leader().equalsIgnoreCase(peer.name())) {
            // The last leader needs no votes.
            return true;
        }
        int votes = isSynchronous(peer.name()) ? 0 : -1;
        if (isSynchronous(seen.me())) {
            votes++;
        }
        for (Survey.Answer voter : survey.answers()) {
            if (!voter.name().equals(peer.name())
                    && voter.reachable()
                    && isSynchronous(voter.name())
                    && voter.lsn().value() != 0
                    && compared(voter, peer.timeline(), peer.lsn()) <= 0) {
                votes++;
            }
        }
        return votes >= sync.get().quorum();
    }

    private Verdict compare(Survey survey, boolean checkLag, boolean checkPriority) {
        Lsn position = mine.position();
        if (position.equals(Lsn.INVALID)) {
            return new Verdict.StandBack("my position is not known yet: WAL from before my start is being replayed");
        }
        long lag = view.status().optime().minus(position);
        if (checkLag && lag > seen.settings().maximumLagOnFailover()) {
            return new Verdict.StandBack("My wal position exceeds maximum replication lag: " + lag + " bytes behind");
        }
        // Whom the sync key names last was made leader over that timeline, by force, and nobody else may lead now.
        boolean ledLast = syncInForce()
                .filter(s -> s.leader().equalsIgnoreCase(seen.me()))
                .isPresent();
        if (seen.settings().checkTimeline()
                && !ledLast
                && seen.settings().standbyCluster().isEmpty()
                && view.history()
                        .map(h -> mine.timeline() < h.currentTimeline())
                        .orElse(false)) {
            return new Verdict.StandBack("My timeline " + mine.timeline() + " is behind last known cluster timeline "
                    + view.history().get().currentTimeline());
        }
        Optional<SyncState> sync = syncInForce();
        boolean onlySync = seen.settings().synchronous().mode() == Settings.Synchronous.Mode.ON;
        if (onlySync && !isSynchronous(seen.me())) {
            return new Verdict.StandBack(
                    "I was not a synchronous standby of " + sync.get().leader());
        }
        int votes = sync.map(s -> s.contains(seen.me()) ? 0 : -1).orElse(0);
        Optional<String> ahead = Optional.empty();
        for (Survey.Answer peer : survey.answers()) {
            if (!peer.reachable()
                    || peer.nofailover()
                            && sync.filter(s -> s.contains(peer.name())).isEmpty()) {
                continue;
            }
            if (onlySync && sync.isPresent() && !sync.get().contains(peer.name())) {
                // It may be ahead with what nobody acknowledged, and cannot lead.
                continue;
            }
            boolean formerLeader =
                    sync.map(s -> s.leader().equalsIgnoreCase(peer.name())).orElse(false);
            int compared = comparedWithMe(peer);
            // Who may not race waits for somebody else to lead, whatever it has.
            boolean rival = !formerLeader && Failsafe.mayRace(view, peer.name());
            if (compared > 0 && rival) {
                ahead = Optional.of(peer.name());
            } else if (checkPriority
                    && compared == 0
                    && peer.priority() > seen.tags().priority()
                    && peer.eligible()
                    && rival) {
                ahead = Optional.of(peer.name());
            }
            boolean votes1 = peer.lsn().value() != 0 && compared <= 0;
            if (votes1 && sync.map(s -> s.contains(peer.name())).orElse(false)) {
                votes++;
            }
        }
        boolean lastLeader =
                sync.map(s -> s.leader().equalsIgnoreCase(seen.me())).orElse(false);
        if (sync.isPresent() && votes < sync.get().quorum() && !lastLeader) {
            return new Verdict.StandBack(tooFew(votes, sync.get()));
        }
        return ahead.<Verdict>map(name ->
                        new Verdict.StandBack("following a different leader because i am not the healthiest node: "
                                + name + " is ahead of me"))
                .orElse(new Verdict.Stand("I am the healthiest member"));
    }

    /** Who is outside of the synchronous set needs one vote more than who is in it. */
    private String tooFew(int votes, SyncState sync) {
        return sync.contains(seen.me())
                ? "I have " + votes + " of the " + sync.quorum() + " votes that synchronous replication asks for"
                : "I was not a synchronous standby of " + sync.leader() + ", and so need " + (sync.quorum() + 1)
                        + " votes of those who were; I have " + (votes + 1);
    }

    /**
     * The timeline counts before the position: a former leader's tail that nobody acknowledged may be longer than all that
     * was acknowledged on the timeline after it.
     */
    private static int compared(Survey.Answer peer, int timeline, Lsn position) {
        boolean known = peer.timeline() != 0 && timeline != 0;
        return known && peer.timeline() != timeline
                ? Integer.compare(peer.timeline(), timeline)
                : peer.lsn().compareTo(position);
    }

    private int comparedWithMe(Survey.Answer peer) {
        return compared(peer, mine.timeline(), mine.position());
    }

    private boolean isSynchronous(String name) {
        return syncInForce().map(s -> s.contains(name)).orElse(true);
    }

    private Optional<SyncState> syncInForce() {
        return view.sync().map(Versioned::value).filter(s -> !s.leader().isEmpty());
    }
}
