package dev.matriarch.dcs;

import java.time.Instant;
import java.util.Optional;

/**
 * The {@code failover} key: somebody asked for another leader.
 *
 * @param leader the member to step down: given in a switchover, absent in a failover
 * @param candidate the member to promote; absent: the best one
 * @param scheduledAt when; absent: now
 */
public record FailoverRequest(Optional<String> leader, Optional<String> candidate, Optional<Instant> scheduledAt) {
    /** True if it asks for something; a key that was cleared asks for nothing. */
    public boolean asksForSomething() {
        return leader.isPresent() || candidate.isPresent();
    }

    public boolean isSwitchover() {
        return leader.isPresent();
    }
}
