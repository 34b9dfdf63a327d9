package dev.matriarch.dcs;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * A restart that a member has been asked to make later, as it publishes it.
 *
 * @param postmasterStartTime of the server it is meant for, as PostgreSQL prints it
 * @param role only if the member has it then
 * @param postgresVersion only if PostgreSQL runs a lower version then
 * @param onlyIfPending only if a parameter waits for a restart then
 * @param timeout how long the start may take
 */
public record PlannedRestart(
        Instant at,
        String postmasterStartTime,
        Optional<String> role,
        Optional<String> postgresVersion,
        boolean onlyIfPending,
        Optional<Duration> timeout) {}
