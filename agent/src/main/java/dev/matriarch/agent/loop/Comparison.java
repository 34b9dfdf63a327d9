package dev.matriarch.agent.loop;

import dev.matriarch.agent.postgres.Divergence;
import dev.matriarch.agent.postgres.PostgresException;
import java.time.Duration;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What follows from a comparison of the local history with a leader's, which is made beside the heartbeat. */
final class Comparison {
    private static final Logger LOG = LoggerFactory.getLogger(Comparison.class);

    private final Memory memory;
    private final Clock clock;
    private final Supplier<Duration> loopWait;
    private final Uncompared uncompared = new Uncompared();

    /** @param loopWait how long it takes at least until a comparison that could not be made is tried again */
    Comparison(Memory memory, Clock clock, Supplier<Duration> loopWait) {
        this.memory = memory;
        this.clock = clock;
        this.loopWait = loopWait;
    }

    /**
     * On the comparison's thread.
     *
     * @param epoch of the leader's lock when the comparison began
     * @throws PostgresException if it was cancelled: what is found then is no answer, and nothing follows
     */
    void ended(String leader, long epoch, Divergence found) throws PostgresException {
        switch (found) {
            case Divergence.NotDiverged same -> {
                LOG.info("The local history is part of {}'s", leader);
                uncompared.over();
                memory.compared(epoch, new dev.matriarch.agent.ha.Divergence.None(same.gap()));
            }
            case Divergence.Diverged other -> {
                LOG.warn("The local history has diverged from {}'s: {}", leader, other.reason());
                uncompared.over();
                memory.compared(epoch, new dev.matriarch.agent.ha.Divergence.Found(other.reason(), other.rewindable()));
            }
            case Divergence.Unknown(String reason) -> {
                if (Thread.currentThread().isInterrupted()) {
                    throw new PostgresException("could not compare with " + leader + ": " + reason);
                }
                uncompared.news(leader, reason).ifPresent(LOG::warn);
                failed();
            }
        }
    }

    /** Is tried again; what was known of the histories stays known. */
    void failed() {
        memory.notCompared(clock.nanos(), loopWait.get());
    }
}
