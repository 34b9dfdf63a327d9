package dev.matriarch.agent.recorder;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Store;
import dev.matriarch.agent.recorder.Event.Kind;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Finds in a row of observations and decisions what is worth telling: changes, and what was done. For one thread; reads
 * no clock, so that a recording tells the same as the time itself did.
 */
final class Newsroom {
    private Optional<ClusterView> view = Optional.empty();
    private Optional<Observation> before = Optional.empty();
    private boolean storeLost;
    private String lastSentence = "";

    /** The first observation is what changes are measured by; of it only the decision is told. */
    List<Event> step(Observation seen, Decision decided) {
        List<Event> news = new ArrayList<>();
        store(seen, news);
        seen.view().ifPresent(now -> {
            view.ifPresent(then -> cluster(then, now, seen, news));
            view = Optional.of(now);
        });
        before.ifPresent(then -> local(then, seen, news));
        before = Optional.of(seen);
        decision(seen, decided, news);
        return news;
    }

    private static void tell(List<Event> news, Observation seen, Kind kind, boolean shared, String what) {
        news.add(new Event(seen.wallClock(), kind, shared, what));
    }

    private void store(Observation seen, List<Event> news) {
        switch (seen.store()) {
            case Store.Known known -> {
                if (storeLost) {
                    tell(news, seen, Kind.STORE, false, "the configuration store answers again");
                }
                storeLost = false;
            }
            case Store.Unreachable(String why) -> {
                if (!storeLost && before.isPresent()) {
                    tell(news, seen, Kind.STORE, false, "the configuration store does not answer: " + why);
                }
                storeLost = true;
            }
        }
    }

    private static void cluster(ClusterView then, ClusterView now, Observation seen, List<Event> news) {
        if (!then.leader().equals(now.leader())) {
            tell(
                    news,
                    seen,
                    Kind.LEADER,
                    true,
                    now.leader()
                            .map(l -> l.name() + " holds the leader lock (epoch " + l.epoch() + ")")
                            .orElse("nobody holds the leader lock; it was "
                                    + then.leader().map(Leader::name).orElse("nobody") + "'s"));
        }
        Set<String> gone = names(then);
        Set<String> come = names(now);
        gone.removeAll(names(now));
        come.removeAll(names(then));
        come.forEach(name -> tell(news, seen, Kind.MEMBERS, true, name + " is a member"));
        gone.forEach(name -> tell(news, seen, Kind.MEMBERS, true, name + " is no longer heard of"));
        revision(then.config(), now.config())
                .ifPresent(r -> tell(
                        news, seen, Kind.CLUSTER, true, "the cluster-wide configuration changed (revision " + r + ")"));
        Optional<FailoverRequest> asked = now.pendingFailover().map(Versioned::value);
        if (!asked.equals(then.pendingFailover().map(Versioned::value))) {
            asked.ifPresent(request -> tell(news, seen, Kind.CLUSTER, true, words(request)));
        }
        Optional<SyncState> sync = now.sync().map(Versioned::value);
        if (!sync.equals(then.sync().map(Versioned::value))) {
            sync.ifPresent(s -> tell(news, seen, Kind.CLUSTER, true, words(s)));
        }
    }

    private static Set<String> names(ClusterView view) {
        return view.members().stream().map(Member::name).collect(Collectors.toCollection(TreeSet::new));
    }

    /** By its number: recordings do not hold the text. */
    private static Optional<Long> revision(Optional<Versioned<String>> then, Optional<Versioned<String>> now) {
        Optional<Long> revision = now.map(Versioned::revision);
        return revision.equals(then.map(Versioned::revision)) ? Optional.empty() : revision;
    }

    private static String words(FailoverRequest request) {
        return (request.isSwitchover() ? "a switchover" : "a failover") + " is asked for, from "
                + request.leader().orElse("whoever leads") + " to "
                + request.candidate().orElse("the best replica")
                + request.scheduledAt().map(at -> ", at " + at).orElse("");
    }

    private static String words(SyncState sync) {
        return sync.leader().isEmpty() || sync.voters().isEmpty()
                ? "no replica counts as synchronous"
                : "synchronous to " + sync.leader() + ": " + String.join(", ", sync.voters());
    }

    private static void local(Observation then, Observation seen, List<Event> news) {
        String was = words(then.postgres());
        String is = words(seen.postgres());
        if (!was.equals(is)) {
            tell(news, seen, Kind.POSTGRES, false, is);
        }
        if (then.settings().paused() != seen.settings().paused()) {
            tell(
                    news,
                    seen,
                    Kind.CLUSTER,
                    true,
                    seen.settings().paused() ? "the cluster is paused" : "the cluster is no longer paused");
        }
        boolean watched = then.situation().guarded();
        if (watched != seen.situation().guarded()) {
            tell(
                    news,
                    seen,
                    Kind.GUARD,
                    false,
                    watched ? "no guard holds a deadline any more" : "the guard holds a deadline for PostgreSQL");
        }
        if (then.watchdog().failed() != seen.watchdog().failed()) {
            tell(
                    news,
                    seen,
                    Kind.GUARD,
                    false,
                    seen.watchdog().failed()
                            ? "the watchdog that is required cannot be used"
                            : "the watchdog can be used again");
        }
    }

    /** Without positions, which change all the time. */
    private static String words(LocalPostgres postgres) {
        return switch (postgres.process()) {
            case STOPPED -> "PostgreSQL is stopped";
            case STARTING -> "PostgreSQL starts";
            case STOPPING -> "PostgreSQL stops";
            case RUNNING ->
                postgres.status()
                        .map(s -> "PostgreSQL runs as "
                                + (s.inRecovery()
                                        ? s.streaming() ? "a replica that streams" : "a replica that does not stream"
                                        : "the primary")
                                + (s.timeline() > 0 ? ", timeline " + s.timeline() : ""))
                        .orElse("PostgreSQL runs, but does not answer");
        };
    }

    private void decision(Observation seen, Decision decided, List<Event> news) {
        if (isQuiet(seen, decided)) {
            return;
        }
        String sentence = decided.because();
        String likeness = sentence.replaceAll("\\d+", "#");
        // An order that was refused again for the same reason was given again.
        if (!likeness.equals(lastSentence) || decided instanceof Decision.WriteFailover) {
            tell(news, seen, Kind.DECISION, false, sentence);
        }
        lastSentence = likeness;
    }

    /** What every heartbeat does, and steps on the way to what is told. Why nobody leads is always worth a line. */
    private static boolean isQuiet(Observation seen, Decision decided) {
        return switch (decided) {
            case Decision.RenewLease renew -> renew.because().equals("heartbeat");
            case Decision.Wait wait ->
                seen.view().map(v -> v.leader().isPresent()).orElse(true);
            case Decision.AskPeers ask -> true;
            case Decision.AskForPromises ask -> true;
            case Decision.SyncSlots sync -> sync.isRoutine();
            default -> false;
        };
    }
}
