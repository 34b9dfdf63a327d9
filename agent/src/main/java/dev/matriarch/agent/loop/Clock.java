package dev.matriarch.agent.loop;

import dev.matriarch.agent.fencing.Uptime;
import java.time.Instant;

/** The one source of time. */
public interface Clock {
    /** Monotonic nanoseconds. */
    long nanos();

    /** {@code /proc/uptime} in hundredths of a second: the clock that the guard shares with the agent. */
    long uptimeCentis();

    /** For display and schedules only. */
    Instant wall();

    static Clock system() {
        return new Clock() {
            @Override
            public long nanos() {
                return System.nanoTime();
            }

            @Override
            public long uptimeCentis() {
                return Uptime.centis();
            }

            @Override
            public Instant wall() {
                return Instant.now();
            }
        };
    }
}
