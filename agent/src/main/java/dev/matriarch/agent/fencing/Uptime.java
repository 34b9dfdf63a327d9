package dev.matriarch.agent.fencing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** The clock that agent and guards share: time since boot, also while suspended, in hundredths of a second. */
public final class Uptime {
    private static final Path FILE = Path.of("/proc/uptime");

    private Uptime() {}

    /** Now, rounded down. */
    public static long centis() {
        try {
            String text = Files.readString(FILE);
            int dot = text.indexOf('.');
            return Long.parseLong(text, 0, dot, 10) * 100 + Long.parseLong(text, dot + 1, dot + 3, 10);
        } catch (IOException e) {
            throw new UncheckedIOException("/proc/uptime cannot be read", e);
        }
    }

    /** Now plus the duration, rounded down: a deadline computed so is never late. */
    public static long centisIn(Duration duration) {
        return centis() + Math.floorDiv(duration.toMillis(), 10);
    }
}
