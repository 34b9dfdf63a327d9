package dev.matriarch.dcs.contract;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.WriteResult;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/** What must hold while servers of a store fail, whichever store it is and however they do. */
public final class Outages {
    private static final Duration SOON = Duration.ofSeconds(60);

    private Outages() {}

    /** What is done to the servers. */
    public interface Fault {
        void strike() throws Exception;
    }

    /**
     * The servers go on afterwards, be it after an election: so does the holder of the lock, and nobody else gets it.
     *
     * @param n1 of the member of this name, which takes the lock
     * @param ttl longer than the store needs to recover
     */
    public static void theLockStays(Dcs n1, Dcs n2, Duration ttl, Fault fault) throws Exception {
        List<Change> heard = new CopyOnWriteArrayList<>();
        long epoch = epoch(n1.acquireLeader("n1", ttl, Long.MAX_VALUE, TIMEOUT));
        n1.touchMember(member("n1", "running"), ttl, TIMEOUT);
        assertEquals("n1", n2.read(TIMEOUT).leader().orElseThrow().name());
        n2.onChange(heard::add);
        fault.strike();
        await(SOON, "the holder goes on", () -> renew(n1, epoch, ttl).equals(new LeaseResult.Held(epoch)));
        await(
                SOON,
                "another sees it",
                () -> new LeaseResult.Lost("n1").equals(n2.acquireLeader("n2", ttl, Long.MAX_VALUE, TIMEOUT)));
        await(SOON, "changes are heard of", () -> {
            n1.writeConfig("{\"at\":" + System.nanoTime() + "}", Expected.anything(), TIMEOUT);
            // As a member's loop does; a watch on a server that is gone is found out by it.
            n2.read(TIMEOUT);
            return heard.contains(Change.CONFIG) || heard.contains(Change.RESYNC);
        });
        await(SOON, "the record is there", () -> n2.read(TIMEOUT).member("n1").isPresent());
    }

    /** The servers begin again with nothing: that is seen, the lock is lost, and everything can be written anew. */
    public static void everythingIsWrittenAnew(Dcs n1, Dcs n2, Duration ttl, Fault wipe) throws Exception {
        n1.writeInitialize("7", Expected.absent(), TIMEOUT);
        long epoch = epoch(n1.acquireLeader("n1", ttl, Long.MAX_VALUE, TIMEOUT));
        n1.touchMember(member("n1", "running"), ttl, TIMEOUT);
        assertEquals(1, n1.read(TIMEOUT).members().size());
        assertEquals("n1", n2.read(TIMEOUT).leader().orElseThrow().name());
        wipe.strike();
        await(SOON, "an empty view", () -> {
            ClusterView view = n1.read(TIMEOUT);
            return view.isUnlocked()
                    && view.initialize().isEmpty()
                    && view.members().isEmpty();
        });
        assertEquals(new LeaseResult.Lost(""), renew(n1, epoch, ttl));
        long next = epoch(n1.acquireLeader("n1", ttl, n1.read(TIMEOUT).revision(), TIMEOUT));
        n1.touchMember(member("n1", "running"), ttl, TIMEOUT);
        assertEquals(new LeaseResult.Held(next), renew(n1, next, ttl));
        assertInstanceOf(WriteResult.Written.class, n1.writeInitialize("7", Expected.absent(), TIMEOUT));
        await(SOON, "the other one sees it", () -> {
            ClusterView view = n2.read(TIMEOUT);
            return view.leader().filter(l -> l.name().equals("n1")).isPresent()
                    && view.members().size() == 1;
        });
        assertTrue(n2.read(TIMEOUT).initialize().isPresent());
    }

    private static LeaseResult renew(Dcs n1, long epoch, Duration ttl) throws DcsException {
        return n1.renewLeader("n1", epoch, ttl, Optional.empty(), TIMEOUT);
    }
}
