package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Observation;
import java.util.OptionalLong;

/** Where each observation goes, for the doors to answer from. Must return at once. */
interface Publisher {
    /** @param leaseDeadline in monotonic nanoseconds, while the lock is held */
    void publish(Observation seen, OptionalLong leaseDeadline);
}
