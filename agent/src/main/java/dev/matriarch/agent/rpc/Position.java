package dev.matriarch.agent.rpc;

import dev.matriarch.dcs.Lsn;

/**
 * Where a member's WAL stands at the moment it answers.
 *
 * @param running PostgreSQL answers queries
 * @param lsn max(received, replayed) of a replica, flushed position of a primary; {@link Lsn#INVALID} if unknown
 * @param timeline 0 if unknown
 * @param nofailover the member must not be promoted
 * @param watchdogFailed a required watchdog cannot be used
 */
public record Position(
        boolean running,
        boolean inRecovery,
        Lsn lsn,
        int timeline,
        boolean nofailover,
        int failoverPriority,
        boolean watchdogFailed) {}
