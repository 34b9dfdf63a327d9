package dev.matriarch.agent.config;

import dev.matriarch.agent.ha.SafetyMargin;
import java.nio.file.Path;

/** The {@code watchdog} section. */
public record WatchdogConfig(Mode mode, Path device, SafetyMargin margin) {
    public enum Mode {
        OFF,
        /** Used if it can be; otherwise the member leads without. */
        AUTOMATIC,
        /** Who cannot use it does not lead. */
        REQUIRED
    }
}
