package dev.matriarch.agent.move;

import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.StorePin;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.MovedAway;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What this member has noted of a move in this life of its agent, and what it may do by that: lead by the store in use, go back
 * to the one before, open one that is closed. Any thread; writing takes as long as the disk does.
 */
final class MoveNote {
    private static final Logger LOG = LoggerFactory.getLogger(MoveNote.class);

    private final ConfigSource source;
    private final AtomicBoolean noting = new AtomicBoolean();
    private volatile StorePin pin;
    /** Told to go back: the lock of the store in use is not asked for any more. */
    private boolean returning;
    /** The store was this cluster's since this agent began. */
    private volatile boolean sawItOpen;

    /** @param pin as it stands in {@code state_dir} */
    MoveNote(ConfigSource source, StorePin pin) {
        this.source = source;
        this.pin = pin;
    }

    StorePin pin() {
        return pin;
    }

    /**
     * The first to lead by the new store is the primary that led by the old one. Whoever else could be elected there, because
     * somebody has ended the pause too early, does not see that primary while its agent is on the way.
     *
     * @throws DcsException if this member must not ask for the lock
     */
    synchronized void beforeTheLock(LocalAgent agent) throws DcsException {
        if (pin.settled()) {
            return;
        }
        if (returning) {
            throw new DcsException("this member goes back to the store " + pin.from());
        }
        if (!agent.postgres().isPrimary()) {
            throw new DcsException("nobody has led by the store " + pin.store() + " since the cluster left "
                    + pin.from() + ": only a running primary takes this lock. If there is none any more, go back:"
                    + " matriarchctl migrate --to " + pin.from());
        }
        try {
            settle();
        } catch (IOException e) {
            throw new DcsException("the lock of the new store is not asked for before it can be noted: " + e);
        }
    }

    private synchronized void settle() throws IOException {
        if (!pin.settled()) {
            note(pin.asSettled());
        }
    }

    private synchronized void note(StorePin changed) throws IOException {
        changed.write(source.current().config().stateDir());
        pin = changed;
    }

    /** After each heartbeat; returns at once. */
    void beat(LocalAgent agent) {
        StorePin noted = pin;
        Optional<ClusterView> view = agent.view();
        sawItOpen |= view.filter(
                        v -> v.initialize().isPresent() && MovedAway.of(v).isEmpty())
                .isPresent();
        boolean led = !noted.settled() && view.filter(MoveNote::wasLed).isPresent();
        boolean over = noted.settled()
                && noted.isUnderWay()
                && !agent.dynamicConfig().paused()
                && view.flatMap(ClusterView::leader).isPresent();
        if ((led || over) && noting.compareAndSet(false, true)) {
            Thread.ofVirtual().name("store-note").start(() -> write(over));
        }
    }

    private void write(boolean over) {
        try {
            settle();
            if (over) {
                note(pin.asOver());
            }
        } catch (IOException e) {
            LOG.warn("{} could not be written: {}", StorePin.FILE, e.toString());
        } finally {
            noting.set(false);
        }
    }

    /** Only a leader writes the key sync. It outlives the lock, and what was committed since has waited for whom it names. */
    private static boolean wasLed(ClusterView view) {
        return view.leader().isPresent()
                || view.sync().filter(s -> !s.value().leader().isEmpty()).isPresent();
    }

    /** Whether this member knows that the cluster is not led elsewhere by now. */
    boolean mayOpen() {
        return sawItOpen || pin.isUnderWay();
    }

    /** @param view of the store in use, as it is now or was last */
    boolean mayGoBackTo(String store, Optional<ClusterView> view) {
        return !pin.settled()
                && pin.from().equals(store)
                && view.filter(MoveNote::wasLed).isEmpty();
    }

    /** From here on the lock of the store in use is not asked for. False if somebody may have led in the meantime. */
    synchronized boolean returns() {
        returning = !pin.settled();
        return returning;
    }
}
