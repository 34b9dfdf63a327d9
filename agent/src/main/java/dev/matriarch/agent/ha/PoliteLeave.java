package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A synchronous standby that is about to stop asks not to be waited for first. Otherwise commits would hang until the
 * leader notices that it is gone.
 */
public final class PoliteLeave {
    private PoliteLeave() {}

    /** What it publishes meanwhile. */
    public static Map<String, Object> tags(Map<String, Object> own) {
        Map<String, Object> tags = new TreeMap<>(own);
        tags.put("nosync", true);
        tags.put("sync_priority", 0);
        return tags;
    }

    /** A wait for the leader to let this member go; empty when it has, or has had the time to. */
    static Optional<Decision> step(Observation seen, ClusterView view) {
        boolean waitedFor = view.leader()
                        .map(Leader::name)
                        .filter(n -> !n.equals(seen.me()))
                        .isPresent()
                && view.sync()
                        .map(s -> s.value().voters().stream().anyMatch(seen.me()::equalsIgnoreCase))
                        .orElse(false);
        long since = seen.situation().orderedAt().orElse(seen.now());
        boolean patient =
                seen.now() - since < seen.settings().loopWait().multipliedBy(2).toNanos();
        boolean stays = seen.settings().paused() && seen.order().orElse(null) instanceof Order.Shutdown;
        return waitedFor && patient && !stays && seen.postgres().isReplica()
                ? Optional.of(Decision.soon(
                        "Waiting for primary to release us from synchronous standby", Duration.ofMillis(100)))
                : Optional.empty();
    }
}
