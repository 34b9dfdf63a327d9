package dev.matriarch.raft;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Watches the free space of the store's volume, on a thread of its own, and does what {@link DiskRoom} says. */
final class RoomWatch {
    private static final Logger LOG = LoggerFactory.getLogger(RoomWatch.class);
    private static final long LOOK_MILLIS = 1000;

    private final Path dataDir;
    private final StoreCondition condition;

    RoomWatch(Path dataDir, StoreCondition condition) {
        this.dataDir = dataDir;
        this.condition = condition;
    }

    /**
     * Until the store is closed.
     *
     * @param ballastAfter before that no ballast file is written
     */
    void start(Duration ballastAfter) {
        long ballastFrom = System.nanoTime() + ballastAfter.toNanos();
        Thread.ofVirtual().name("raft-store-room").start(() -> {
            Ballast ballast = new Ballast(dataDir);
            try {
                while (!condition.isClosed()) {
                    Thread.sleep(LOOK_MILLIS);
                    try {
                        look(ballast, System.nanoTime() - ballastFrom >= 0);
                    } catch (IOException e) {
                        LOG.warn(
                                "The free space for the store in {} could not be looked at: {}", dataDir, e.toString());
                    }
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private void look(Ballast ballast, boolean mayKeep) throws IOException {
        boolean runs = condition.isSound() && !condition.rebuildOrdered();
        long usable = ballast.usable();
        switch (DiskRoom.next(usable, ballast.isKept())) {
            case NONE -> {}
            case KEEP_BALLAST -> {
                if (mayKeep && runs) {
                    ballast.keep();
                }
            }
            case GIVE_UP_BALLAST -> {
                ballast.giveUp();
                LOG.error(
                        "{} has only {} kB left. The store's ballast file there was removed, which gives it {} MB more: free some"
                                + " space, this node's store stops when they are used up.",
                        dataDir,
                        usable >> 10,
                        DiskRoom.BALLAST >> 20);
            }
            case STOP -> {
                if (runs) {
                    stop(usable);
                }
            }
        }
    }

    private void stop(long usable) {
        condition.broken("The built-in store on this node is stopped, in good order: " + dataDir + " has only "
                + (usable >> 10) + " kB left. It starts again by itself once there are " + (DiskRoom.TO_START >> 20)
                + " MB; free some space.");
        LOG.error("{}", condition.problem());
        condition.orderRebuild(true);
    }
}
