package dev.matriarch.agent.rpc;

import dev.matriarch.dcs.Measure;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What a member says of itself at this moment.
 *
 * @param lease rest of the lease, while this member holds it
 * @param guarded a living guard holds a deadline for PostgreSQL
 * @param watchdog {@code off}, {@code ready}, {@code active} or {@code failed}
 * @param late by how much the heartbeat is late
 * @param lastDecision why it does what it does
 * @param state of PostgreSQL, as users read it
 */
public record Pulse(
        Optional<Duration> lease,
        boolean guarded,
        String watchdog,
        Duration late,
        String lastDecision,
        List<Measure> store,
        String state) {}
