package dev.matriarch.rest;

import java.util.Optional;

/**
 * A switchover or failover as a client asks for it; nothing in it has been checked but its types.
 *
 * @param failover the leader may be gone, and its data with it
 * @param scheduledAt ISO 8601 with zone
 */
public record ChangeOfLeader(
        boolean failover, Optional<String> leader, Optional<String> candidate, Optional<String> scheduledAt) {}
