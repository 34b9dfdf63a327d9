package dev.matriarch.rest;

import java.util.Optional;

/** The health checks for those who ask in another protocol. */
public final class NamedHealth {
    private static final Query NO_CONDITIONS = Query.parse("");

    private NamedHealth() {}

    /**
     * @param name of a health check, without its slash, as in {@code primary}
     * @param nowNanos {@link System#nanoTime()} at the moment of the answer
     * @return empty if there is no such check
     */
    public static Optional<Boolean> of(String name, Snapshot snapshot, long nowNanos) {
        String path = "/" + name;
        return name.isEmpty() || !HealthCheck.PATHS.contains(path)
                ? Optional.empty()
                : Optional.of(HealthCheck.status(path, NO_CONDITIONS, snapshot, nowNanos) == HealthCheck.YES);
    }
}
