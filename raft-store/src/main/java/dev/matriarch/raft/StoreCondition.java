package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.GivenUp;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * How the store on this node is: the sentence that says why it cannot be used, and what its {@link Keeper} is ordered to
 * do. Orders come from any thread; the keeper's alone carries them out and takes them back.
 */
final class StoreCondition {
    private volatile String waiting = "starting";
    private volatile String problem = "";
    /** Another store is in force; until the process starts anew. */
    private volatile boolean stopped;

    private volatile boolean rebuild;
    /** The log is whole: before this peer stops it can still hand its office over. */
    private volatile boolean orderly;

    private volatile boolean removed;
    private volatile Optional<GivenUp> givenUp = Optional.empty();
    private volatile boolean reform;
    private volatile boolean closed;

    /** What a peer that is not part of a group yet waits for. */
    String waiting() {
        return waiting;
    }

    void waitsFor(String sentence) {
        waiting = sentence;
    }

    /** Empty: there is none. */
    String problem() {
        return problem;
    }

    boolean isSound() {
        return problem.isEmpty();
    }

    void broken(String why) {
        problem = why;
    }

    void sound() {
        problem = "";
    }

    boolean isClosed() {
        return closed;
    }

    void close() {
        closed = true;
    }

    /** Why the store cannot be used, for the error of whoever tried. */
    String unavailable() {
        if (closed) {
            return "the built-in store is closed";
        }
        return problem.isEmpty() ? waiting : problem;
    }

    /** Another store is in force, or may be: nobody goes on without one by what this one said last. */
    boolean isSuperseded() {
        return stopped || reform || givenUp.isPresent();
    }

    /** Until the process starts anew. */
    void stopped() {
        stopped = true;
    }

    /** @param handOver the log is whole: this peer can still hand Raft leadership over before it stops */
    synchronized void orderRebuild(boolean handOver) {
        if (handOver) {
            orderly = true;
        }
        rebuild = true;
        notifyAll();
    }

    boolean rebuildOrdered() {
        return rebuild;
    }

    /** The keeper itself finds that its replica is to be rebuilt. */
    void mustRebuild() {
        rebuild = true;
    }

    void rebuilding() {
        rebuild = false;
    }

    /** Once for each order. */
    boolean takeHandOver() {
        if (orderly) {
            orderly = false;
            return true;
        }
        return false;
    }

    /** Nothing is under way that decides more than the word of the others that this peer was removed. */
    boolean mayBeRemoved() {
        return !closed && !rebuild && !reform && givenUp.isEmpty();
    }

    synchronized void orderRemoval() {
        removed = true;
        notifyAll();
    }

    boolean removalOrdered() {
        return removed;
    }

    void removalConfirmed() {
        removed = false;
    }

    /**
     * The store that this peer belongs to was given up.
     *
     * @param isMine whether this peer still belongs to the group of that id; asked under the lock
     * @return false if it is too late, or of no concern
     */
    synchronized boolean orderGivingUp(GivenUp order, Predicate<String> isMine, String why) {
        if (closed || reform || givenUp.isPresent() || !isMine.test(order.getGroupId())) {
            return false;
        }
        problem = why;
        givenUp = Optional.of(order);
        notifyAll();
        return true;
    }

    Optional<GivenUp> givenUp() {
        return givenUp;
    }

    /** What was wrong with the old store, or ordered of it, counts no more. */
    void hasGivenUp() {
        removed = false;
        rebuild = false;
        givenUp = Optional.empty();
        problem = "";
    }

    synchronized void orderReform() {
        reform = true;
        notifyAll();
    }

    boolean reformOrdered() {
        return reform;
    }

    void reforming() {
        reform = false;
        problem = "";
    }

    /** @return false if nothing was ordered within that time */
    boolean awaitOrder(long millis) throws InterruptedException {
        long end = System.nanoTime() + millis * 1_000_000;
        synchronized (this) {
            while (!ordered()) {
                long left = (end - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    return false;
                }
                wait(left);
            }
        }
        return true;
    }

    private boolean ordered() {
        return rebuild || removed || closed || reform || givenUp.isPresent();
    }
}
