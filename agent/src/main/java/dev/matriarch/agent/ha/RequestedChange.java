package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Versioned;
import java.util.Optional;

/** What the leader makes of the {@code failover} key: somebody asked for another leader. */
final class RequestedChange {
    private final Observation seen;
    private final ClusterView view;
    private final Versioned<FailoverRequest> key;
    private final FailoverRequest request;
    private final String kind;

    private RequestedChange(Observation seen, ClusterView view, Versioned<FailoverRequest> key) {
        this.seen = seen;
        this.view = view;
        this.key = key;
        this.request = key.value();
        this.kind = request.isSwitchover() ? "switchover" : "manual failover";
    }

    /** The leader runs or is starting; empty: nothing is to be done now. */
    static Optional<Decision> step(Observation seen, ClusterView view) {
        return view.pendingFailover().flatMap(key -> new RequestedChange(seen, view, key).asLeader());
    }

    /**
     * A member that has just taken the lock and is still in recovery: the race is over, and so is what it was about. A
     * switchover from this very member, planned for later, stays.
     */
    static Optional<Decision> raceIsOver(Observation seen, ClusterView view) {
        return view.pendingFailover().flatMap(key -> new RequestedChange(seen, view, key).cleanedUp());
    }

    private Optional<Decision> cleanedUp() {
        boolean mineLater = request.scheduledAt().isPresent()
                && request.leader().filter(seen.me()::equals).isPresent();
        if (mineLater) {
            return Optional.empty();
        }
        if (!seen.settings().paused()) {
            return Optional.of(forget("Cleaning up failover key after acquiring leader lock..."));
        }
        // In a paused cluster the candidate keeps the lock while it is a replica only because the key names it.
        boolean shorter = request.leader().isPresent() && request.candidate().isPresent();
        return shorter
                ? Optional.of(new Decision.WriteFailover(
                        Optional.of(new FailoverRequest(Optional.empty(), request.candidate(), request.scheduledAt())),
                        key.revision(),
                        "Updating failover key after acquiring leader lock..."))
                : Optional.empty();
    }

    private Optional<Decision> asLeader() {
        boolean paused = seen.settings().paused();
        if (request.scheduledAt().isPresent()) {
            if (paused) {
                return Optional.empty();
            }
            switch (TimeWindow.of(
                    request.scheduledAt().get(),
                    seen.wallClock(),
                    seen.settings().loopWait())) {
                case TimeWindow.Early early -> {
                    return Optional.empty();
                }
                case TimeWindow.Stale stale -> {
                    return Optional.of(forget("Found a stale " + kind + " value, cleaning up: "
                            + request.scheduledAt().get()));
                }
                case TimeWindow.Due due -> {
                    // From now on it is a request like any other: those who race must heed its candidate, and only this
                    // member's clock says that its time has come.
                    return Optional.of(new Decision.WriteFailover(
                            Optional.of(new FailoverRequest(request.leader(), request.candidate(), Optional.empty())),
                            key.revision(),
                            "the time of the scheduled " + kind + " has come"));
                }
            }
        }
        if (request.leader().filter(l -> !l.equals(seen.me())).isPresent()) {
            return Optional.of(
                    forget("leader name does not match: " + request.leader().get() + " != " + seen.me()));
        }
        if (request.candidate().map(seen.me()::equals).orElse(false)) {
            return Optional.of(forget("I am already the leader, no need to " + kind));
        }
        if (paused && request.candidate().isEmpty()) {
            return Optional.of(forget(kind + " is possible only to a specific candidate in a paused state"));
        }
        return Optional.of(
                switch (FailoverPossible.of(seen, view, Optional.empty())) {
                    case FailoverPossible.Answer.Ask ask ->
                        new Decision.AskPeers(ask.members(), kind + " was asked for");
                    case FailoverPossible.Answer.Yes yes ->
                        new Decision.Stop(Decision.StopMode.GRACEFUL, true, kind + ": demoting myself");
                    case FailoverPossible.Answer.No no ->
                        forget("no healthy members found, " + kind + " is not possible"
                                + (no.why().isEmpty() ? "" : ": " + String.join("; ", no.why())));
                });
    }

    /** What the leader's ordinary sentence says beside it; empty: nothing is scheduled. */
    static String awaited(Observation seen, ClusterView view) {
        Optional<FailoverRequest> later = view.pendingFailover()
                .map(Versioned::value)
                .filter(r -> r.scheduledAt().isPresent() && !seen.settings().paused());
        if (later.isEmpty()
                || !(TimeWindow.of(
                                later.get().scheduledAt().get(),
                                seen.wallClock(),
                                seen.settings().loopWait())
                        instanceof TimeWindow.Early early)) {
            return "";
        }
        String sentence = "Awaiting " + (later.get().isSwitchover() ? "switchover" : "manual failover") + " at "
                + later.get().scheduledAt().get();
        // The seconds only when they matter: a sentence that changes with each heartbeat fills the log.
        return early.left().compareTo(seen.settings().loopWait()) <= 0
                ? sentence + " (in " + early.left().toSeconds() + " seconds)"
                : sentence;
    }

    private Decision.WriteFailover forget(String because) {
        return new Decision.WriteFailover(Optional.empty(), key.revision(), because);
    }
}
