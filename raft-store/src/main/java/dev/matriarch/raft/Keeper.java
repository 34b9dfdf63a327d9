package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.GivenUp;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The background of the store, one thread: forms or joins first, then carries out what the {@link StoreCondition} orders
 * until the store is closed.
 */
final class Keeper {
    private static final Logger LOG = LoggerFactory.getLogger(Keeper.class);
    private static final long LOOK_AROUND_MILLIS = 3000;

    private final StoreCondition condition;
    private final ReplicaHost host;
    private final LeaseExpiry expiry;
    private final Herald herald;
    private final Supplier<Forming> forming;
    private final Refounding refounding;
    private final Removal removal;
    private final Rebuilding rebuilding;
    private final Runnable entered;
    private final Consumer<String> progress;
    private final Thread thread =
            Thread.ofPlatform().daemon().name("raft-store-keeper").unstarted(this::keep);

    /**
     * @param forming made anew for each time that this peer looks for a group
     * @param entered this peer is part of a group now; may take as long as the store may take to answer
     * @param progress told what stops the store for good
     */
    Keeper(
            StoreCondition condition,
            ReplicaHost host,
            LeaseExpiry expiry,
            Herald herald,
            Supplier<Forming> forming,
            Refounding refounding,
            Removal removal,
            Rebuilding rebuilding,
            Runnable entered,
            Consumer<String> progress) {
        this.condition = condition;
        this.host = host;
        this.expiry = expiry;
        this.herald = herald;
        this.forming = forming;
        this.refounding = refounding;
        this.removal = removal;
        this.rebuilding = rebuilding;
        this.entered = entered;
        this.progress = progress;
    }

    void start() {
        thread.start();
    }

    /** The store is closed: waits for nothing more. */
    void interrupt() {
        thread.interrupt();
    }

    private void keep() {
        try {
            herald.start(condition::isClosed);
            while (!condition.isClosed()) {
                if (giveUp()) {
                    continue;
                }
                refounding.run();
                forming.get().run();
                if (condition.givenUp().isPresent()) {
                    continue;
                }
                entered.run();
                while (!condition.isClosed()) {
                    if (!condition.awaitOrder(LOOK_AROUND_MILLIS)) {
                        removal.look();
                        continue;
                    }
                    if (condition.reformOrdered() || condition.givenUp().isPresent()) {
                        break;
                    }
                    if (condition.removalOrdered() && removal.startAnew()) {
                        break;
                    }
                    if (condition.rebuildOrdered()) {
                        rebuilding.run();
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (StoreStartException e) {
            condition.broken(e.getMessage());
            LOG.error("{}", e.getMessage());
            progress.accept(e.getMessage());
        } catch (RuntimeException e) {
            condition.broken("the built-in store failed: " + e);
            LOG.error("The built-in store failed", e);
        }
    }

    /** @return true if this peer's store was given up and it is a new peer now, which waits to be taken into the next one */
    private boolean giveUp() throws StoreStartException {
        Optional<GivenUp> order = condition.givenUp();
        if (order.isEmpty()) {
            return false;
        }
        expiry.lead(false);
        host.giveUp(order.get());
        condition.hasGivenUp();
        return true;
    }
}
