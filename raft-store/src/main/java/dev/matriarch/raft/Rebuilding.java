package dev.matriarch.raft;

import dev.matriarch.dcs.Change;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Stops a replica that has failed and starts it again as soon as its disk allows it. The keeper's thread. */
final class Rebuilding {
    private static final Logger LOG = LoggerFactory.getLogger(Rebuilding.class);
    private static final long PAUSE_MILLIS = 3000;

    private final StoreCondition condition;
    private final ReplicaHost host;
    private final LeaseExpiry expiry;
    private final ChangeListeners listeners;

    Rebuilding(StoreCondition condition, ReplicaHost host, LeaseExpiry expiry, ChangeListeners listeners) {
        this.condition = condition;
        this.host = host;
        this.expiry = expiry;
        this.listeners = listeners;
    }

    /** Returns when the replica runs again, or the store is closed or given up. */
    void run() throws InterruptedException {
        expiry.lead(false);
        if (condition.takeHandOver()) {
            host.handOver();
        }
        host.stopReplica();
        while (!condition.isClosed() && condition.givenUp().isEmpty()) {
            Thread.sleep(PAUSE_MILLIS);
            try {
                host.checkSpace();
                condition.rebuilding();
                host.start();
                condition.sound();
                LOG.info("The built-in store runs again");
                listeners.changed(Set.of(Change.RESYNC));
                return;
            } catch (StoreStartException e) {
                condition.broken(e.getMessage());
                LOG.warn("The built-in store cannot be started again yet: {}", e.getMessage());
            }
        }
    }
}
