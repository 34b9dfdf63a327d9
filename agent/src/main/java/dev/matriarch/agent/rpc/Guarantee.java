package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.util.Locale;
import java.util.Optional;

/** Says how much a failover at this moment can lose. Pure. */
public final class Guarantee {
    private Guarantee() {}

    /** One sentence that begins with {@code a failover now loses at most:}. */
    public static String sentence(ClusterView view, DynamicConfig config) {
        if (config.synchronousMode() == SynchronousMode.OFF) {
            return "a failover now loses at most: " + allowedLag(config);
        }
        Optional<SyncState> sync = view.sync().map(Versioned::value);
        boolean ofThisLeader = view.leader().isEmpty()
                || sync.map(s -> s.leader().equals(view.leader().get().name())).orElse(false);
        if (sync.isPresent() && ofThisLeader && !sync.get().voters().isEmpty()) {
            return "a failover now loses at most: nothing";
        }
        if (config.synchronousModeStrict()) {
            return "a failover now loses at most: nothing, because commits wait: synchronous_mode_strict is on and no"
                    + " replica confirms them at the moment";
        }
        return "a failover now loses at most: " + allowedLag(config) + "; synchronous_mode is "
                + config.synchronousMode().name().toLowerCase(Locale.ROOT)
                + ", but no replica confirms commits at the moment";
    }

    private static String allowedLag(DynamicConfig config) {
        return megabytes(config.maximumLagOnFailover())
                + " (maximum_lag_on_failover) and what was written since the leader's last heartbeat";
    }

    private static String megabytes(long bytes) {
        double megabytes = bytes / (1024.0 * 1024.0);
        return megabytes == Math.rint(megabytes)
                ? String.format(Locale.ROOT, "%.0f MB", megabytes)
                : String.format(Locale.ROOT, "%.1f MB", megabytes);
    }
}
