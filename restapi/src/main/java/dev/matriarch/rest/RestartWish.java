package dev.matriarch.rest;

import java.time.Duration;

/**
 * A restart of PostgreSQL as a client asks for it; nothing in it has been checked but its types. Empty texts: not given.
 *
 * @param role only if the member has it
 * @param postgresVersion only if PostgreSQL runs a lower one
 * @param onlyIfPending only if a parameter waits for a restart
 * @param timeout zero: not given
 * @param scheduledAt ISO 8601 with zone
 */
public record RestartWish(
        String role, String postgresVersion, boolean onlyIfPending, Duration timeout, String scheduledAt) {}
