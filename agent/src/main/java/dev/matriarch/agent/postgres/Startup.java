package dev.matriarch.agent.postgres;

/**
 * A postmaster that was just started; it may still be in recovery.
 *
 * @param pid of the postmaster
 */
public record Startup(long pid) {}
