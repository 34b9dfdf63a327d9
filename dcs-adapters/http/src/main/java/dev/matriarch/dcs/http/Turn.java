package dev.matriarch.dcs.http;

import dev.matriarch.dcs.DcsException;
import java.util.concurrent.locks.ReentrantLock;

/** One at a time looks at a lock in a store or changes it, also while the store is asked. Any thread. */
public final class Turn {
    private final ReentrantLock turn = new ReentrantLock();

    /** What is done in one's turn. */
    public interface Step<T> {
        T take() throws DcsException;
    }

    /** Waits for those before, each of whom ends within the time that it gives the store. */
    public <T> T take(Step<T> step) throws DcsException {
        turn.lock();
        try {
            return step.take();
        } finally {
            turn.unlock();
        }
    }

    /** Notes what was seen elsewhere, unless it is somebody's turn: whoever has it knows more, and may be waiting for an answer. */
    public void ifNobodys(Runnable note) {
        if (turn.tryLock()) {
            try {
                note.run();
            } finally {
                turn.unlock();
            }
        }
    }
}
