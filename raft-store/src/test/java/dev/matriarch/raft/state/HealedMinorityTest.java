package dev.matriarch.raft.state;

import static dev.matriarch.raft.state.Commands.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.store.v1.Operation;
import dev.matriarch.raft.state.StoreState.Event;
import dev.matriarch.raft.state.StoreState.Lease;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Peers that were cut off come back with old clocks, old proposals and an old holder. None of it may end a lease that
 * was granted or renewed without them.
 */
class HealedMinorityTest {
    private static final long TTL = 5000;
    private static final long MS = 1_000_000L;

    /** A replica: what it has applied, and when it saw the renewals. Times in milliseconds. */
    private static final class Peer {
        private StoreState state = StoreState.EMPTY;
        private final LeaseClock clock = new LeaseClock();
        private int applied;

        Apply.Applied apply(Operation operation, long now) {
            Apply.Applied result = Apply.apply(state, command(operation));
            state = result.state();
            applied++;
            for (Event event : result.events()) {
                if (event.kind() == Event.Kind.LEASE_EXPIRED || event.kind() == Event.Kind.LEASE_RELEASED) {
                    clock.ended(event.key());
                }
            }
            result.renewed().forEach(lease -> clock.renewed(lease, now * MS));
            return result;
        }

        void catchUp(List<Operation> log, long now) {
            while (applied < log.size()) {
                apply(log.get(applied), now);
            }
        }

        List<Operation> due(long now) {
            return clock.due(now * MS).stream()
                    .map(l -> expire(l.name(), l.epoch(), l.renewal()))
                    .toList();
        }

        Lease lease() {
            return state.lease("leader").orElse(null);
        }
    }

    private final List<Operation> log = new ArrayList<>();

    private boolean append(Peer leader, Operation operation, long now) {
        leader.catchUp(log, now);
        log.add(operation);
        return leader.apply(operation, now).reply().getApplied();
    }

    @Test
    void oldLeaderOfTheStoreDoesNotEndTheNewLease() {
        Peer old = new Peer();
        Peer majority = new Peer();
        append(old, grant("leader", "n1", TTL), 0);
        majority.catchUp(log, 10);
        long epoch = old.lease().epoch();

        // The cut. Each side counts for itself; only the majority can append.
        List<Operation> stale = old.due(5000);
        assertEquals(1, stale.size());
        assertEquals(List.of(), majority.due(5009));
        majority.due(5010).forEach(o -> assertTrue(append(majority, o, 5010)));
        assertTrue(append(majority, grant("leader", "n2", TTL), 5100));
        Lease mine = majority.lease();

        // Healed: what the old side had on its way arrives at last.
        for (Operation late : stale) {
            append(majority, late, 5200);
        }
        assertFalse(append(majority, renew("leader", "n1", epoch, TTL), 5200));
        assertFalse(append(majority, release("leader", "n1", epoch), 5200));
        assertFalse(append(majority, grant("leader", "n1", TTL), 5200));
        assertEquals(mine, majority.lease());

        // The old one catches up with everything at once and starts the new lease's time from now, not from before.
        old.catchUp(log, 20_000);
        assertEquals(mine, old.lease());
        assertEquals(List.of(), old.due(20_000 + TTL - 1));
    }

    @Test
    void renewalThatCrossesTheEndOfItsLeaseIsRefused() {
        Peer peer = new Peer();
        append(peer, grant("leader", "n1", TTL), 0);
        long epoch = peer.lease().epoch();
        List<Operation> due = peer.due(TTL);
        assertTrue(append(peer, renew("leader", "n1", epoch, TTL), TTL + 1));
        due.forEach(o -> append(peer, o, TTL + 2));
        assertEquals("n1", peer.lease().holder());
        assertTrue(append(peer, peer.due(2 * TTL + 1).getFirst(), 2 * TTL + 1));
        assertFalse(append(peer, renew("leader", "n1", epoch, TTL), 2 * TTL + 2));
    }

    /** Whatever is cut, delayed and healed: no lease ends before its ttl has passed since its holder sent the renewal. */
    @Test
    void noLeaseEndsEarlyWhateverIsCutAndHealed() {
        for (long seed = 1; seed <= 200; seed++) {
            Random random = new Random(seed);
            List<Peer> peers = List.of(new Peer(), new Peer(), new Peer());
            List<Operation> delayed = new ArrayList<>();
            Peer leader = peers.getFirst();
            long now = 0;
            long lastSent = Long.MIN_VALUE / 2;
            int ended = 0;
            log.clear();
            for (int step = 0; step < 400; step++) {
                now += random.nextInt(1500);
                Peer some = peers.get(random.nextInt(3));
                switch (random.nextInt(7)) {
                    case 0 -> leader = some;
                    case 1 -> some.catchUp(log, now);
                    // A peer that believes to lead proposes; the proposal arrives now or much later.
                    case 2, 3 -> delayed.addAll(some.due(now));
                    case 4 -> {
                        if (!delayed.isEmpty()) {
                            leader.catchUp(log, now);
                            Lease before = leader.lease();
                            append(leader, delayed.remove(random.nextInt(delayed.size())), now);
                            if (before != null && leader.lease() == null) {
                                ended++;
                                long age = now - lastSent;
                                assertTrue(age >= TTL, "ended after " + age + " ms, seed " + seed);
                            }
                        }
                    }
                    default -> {
                        long sent = now;
                        now += random.nextInt(300);
                        leader.catchUp(log, now);
                        Lease held = leader.lease();
                        Operation wish = held == null
                                ? grant("leader", "n" + random.nextInt(3), TTL)
                                : renew("leader", held.holder(), held.epoch(), TTL);
                        if (append(leader, wish, now)) {
                            lastSent = sent;
                        }
                    }
                }
            }
            assertTrue(ended > 0 || seed > 1, "nothing ever expired");
        }
    }
}
