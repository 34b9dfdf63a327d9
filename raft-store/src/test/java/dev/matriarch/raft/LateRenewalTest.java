package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.TimelineClaim;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** An operator makes {@code ttl} shorter and longer again, and the renewal with the shorter one is held up on its way. */
class LateRenewalTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Duration SHORT = Duration.ofSeconds(5);

    private StoreState state = StoreState.EMPTY;
    private final long epoch = run(ClusterCommands.acquireLeader(state, "n1", LONG, 0));

    private long run(Command command) {
        Apply.Applied applied = Apply.apply(state, command);
        assertTrue(applied.reply().getApplied(), applied.reply().getRefusal());
        state = applied.state();
        return applied.reply().getOperations(0).getLeaseEpoch();
    }

    private Command renewal(Duration ttl) {
        return ClusterCommands.renewLeader(state, "n1", epoch, ttl, Optional.empty());
    }

    private void assertTtl(Duration ttl) {
        assertEquals(
                ttl.toMillis(),
                state.lease(ClusterCommands.LEADER_LEASE).orElseThrow().ttlMillis());
    }

    @Test
    void aShorterTtlCountsWithTheNextRenewal() {
        run(renewal(SHORT));
        assertTtl(SHORT);
        run(renewal(LONG));
        assertTtl(LONG);
    }

    @Test
    void aRenewalThatWasHeldUpShortensNothing() {
        Command late = renewal(SHORT);
        run(renewal(LONG));
        run(late);
        assertTtl(LONG);
    }

    private Command renewal(ClusterStatus status) {
        return ClusterCommands.renewLeader(state, "n1", epoch, LONG, Optional.of(status));
    }

    private ClusterStatus status() {
        return ClusterJson.readStatus(
                state.entry(ClusterKeys.STATUS).orElseThrow().value().toStringUtf8());
    }

    @Test
    void aRenewalThatWasHeldUpDoesNotTakeAClaimBack() {
        ClusterStatus before = ClusterStatus.NONE;
        ClusterStatus claimed = before.withClaim(Optional.of(new TimelineClaim(7, epoch)));
        Command late = renewal(before.withClaim(Optional.of(new TimelineClaim(6, epoch))));
        run(renewal(claimed));
        run(late);
        assertEquals(claimed, status());
        run(renewal(before.withClaim(Optional.of(new TimelineClaim(8, epoch)))));
        assertEquals(8, status().claim().orElseThrow().timeline());
    }

    @Test
    void aHolderThatTakesItsLockUpAgainShortensNothing() {
        run(ClusterCommands.acquireLeader(state, "n1", SHORT, state.revision()));
        assertTtl(LONG);
        run(renewal(SHORT));
        assertTtl(SHORT);
    }
}
