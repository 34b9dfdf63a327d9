package dev.matriarch.agent.rpc;

import dev.matriarch.agent.ha.RestartFilter;
import java.time.Duration;
import java.util.Optional;

/**
 * A restart of PostgreSQL.
 *
 * @param filter only if this holds
 * @param timeout how long the start may take; empty: the cluster's {@code primary_start_timeout}
 */
public record RestartOrder(RestartFilter filter, Optional<Duration> timeout) {
    /**
     * {@code 9.5.2} to 90502, {@code 15.4} to 150004.
     *
     * @throws IllegalArgumentException with a sentence for the user
     */
    static int parseVersion(String text) {
        String[] parts = text.strip().split("\\.", -1);
        try {
            int major = Integer.parseInt(parts[0]);
            int second = parts.length > 1 ? Integer.parseInt(parts[1]) : 0;
            int third = parts.length > 2 ? Integer.parseInt(parts[2]) : 0;
            boolean oldScheme = major < 10;
            if (major < 1 || second < 0 || third < 0 || parts.length > (oldScheme ? 3 : 2)) {
                throw new NumberFormatException();
            }
            return oldScheme ? major * 10_000 + second * 100 + third : major * 10_000 + second;
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "Invalid PostgreSQL version: '" + text + "' is not of the form 15.4 or 9.5.2", e);
        }
    }
}
