package dev.matriarch.agent.loop;

import dev.matriarch.agent.postgres.PostgresException;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The checkpoint that a new primary needs before anybody may rewind from it: until then its control file names the old
 * timeline, and pg_rewind finds nothing to do.
 *
 * <p>It is due whenever a primary is seen for the first time, not only after a promotion that this agent has seen to its
 * end: an agent that died or gave up while PostgreSQL was being promoted finds a primary that nobody made a checkpoint on,
 * and PostgreSQL's own takes its time.
 */
final class AfterPromotion {
    private static final Logger LOG = LoggerFactory.getLogger(AfterPromotion.class);

    /** Does nothing if the control file has the timeline already. */
    interface Checkpoint {
        void make() throws PostgresException;
    }

    private final Checkpoint checkpoint;
    private final Consumer<Runnable> background;
    private final Runnable wake;
    /** Counts how often the server has become a primary: a checkpoint that ends later is not this one's. */
    private int run;

    private boolean primary;
    private boolean pending;

    /**
     * @param background runs it beside the heartbeat
     * @param wake called when it is made
     */
    AfterPromotion(Checkpoint checkpoint, Consumer<Runnable> background, Runnable wake) {
        this.checkpoint = checkpoint;
        this.background = background;
        this.wake = wake;
    }

    /** Still to come: nobody may rewind from this server yet. */
    synchronized boolean pending() {
        return pending;
    }

    void primarySeen() {
        int mine;
        synchronized (this) {
            if (primary) {
                return;
            }
            primary = true;
            pending = true;
            mine = ++run;
        }
        background.accept(() -> make(mine));
    }

    synchronized void notPrimary() {
        primary = false;
        pending = false;
    }

    private void make(int mine) {
        try {
            checkpoint.make();
        } catch (PostgresException e) {
            LOG.warn("The checkpoint after promotion failed: {}", e.getMessage());
        }
        synchronized (this) {
            if (mine == run) {
                pending = false;
            }
        }
        wake.run();
    }
}
