package dev.matriarch.raft.state;

import static dev.matriarch.raft.state.Commands.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Expectation;
import dev.matriarch.proto.store.v1.Operation;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.state.StoreState.Event;
import dev.matriarch.raft.state.StoreState.Lease;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ApplyTest {
    private StoreState state = StoreState.EMPTY;
    private Apply.Applied last;

    private Reply run(Operation... operations) {
        last = Apply.apply(state, command(operations));
        state = last.state();
        return last.reply();
    }

    private Reply refused(Operation... operations) {
        StoreState before = state;
        Reply reply = run(operations);
        assertFalse(reply.getApplied());
        assertSame(before, state);
        assertEquals(List.of(), last.events());
        assertEquals(List.of(), last.renewed());
        assertFalse(reply.getRefusal().isEmpty());
        return reply;
    }

    private String value(String key) {
        return state.entry(key).map(e -> e.value().toStringUtf8()).orElse(null);
    }

    @Test
    void putMakesAndChangesAKey() {
        assertEquals(1, run(put("a", "1")).getOperations(0).getModRevision());
        assertEquals(2, run(put("a", "2")).getOperations(0).getModRevision());
        assertEquals(
                new StoreState.Entry(state.entry("a").orElseThrow().value(), 1, 2, ""),
                state.entries().get("a"));
        assertEquals("2", value("a"));
        assertEquals(List.of(new Event(2, "a", Event.Kind.PUT)), last.events());
    }

    @Test
    void absentIsHeld() {
        assertTrue(run(putIf("a", "1", absent())).getApplied());
        refused(putIf("a", "2", absent()));
        assertTrue(run(putIf("a", "2", Expectation.newBuilder().setAbsent(false).build()))
                .getApplied());
        refused(putIf("b", "2", Expectation.newBuilder().setAbsent(false).build()));
        refused(deleteIf("a", absent()));
    }

    @Test
    void revisionIsHeld() {
        refused(putIf("a", "1", revision(1)));
        run(put("a", "1"));
        refused(putIf("a", "2", revision(2)));
        assertTrue(run(putIf("a", "2", revision(1))).getApplied());
        refused(deleteIf("a", revision(1)));
        assertTrue(run(deleteIf("a", revision(2))).getApplied());
        assertEquals(Optional.empty(), state.entry("a"));
        refused(putIf("a", "3", revision(0)));
    }

    @Test
    void requiredLeaseIsHeldAndNotRenewedSince() {
        refused(require("l", "a", 1, 1), put("k", "1"));
        long epoch = run(grant("l", "a", 5)).getOperations(0).getLeaseEpoch();
        assertTrue(run(require("l", "a", epoch, 1), put("k", "1")).getApplied());
        assertEquals(List.of(), last.renewed());
        assertEquals(
                "a",
                refused(require("l", "b", epoch, 1), put("k", "2"))
                        .getOperations(0)
                        .getHolder());
        refused(require("l", "a", epoch + 1, 1), put("k", "2"));
        run(renew("l", "a", epoch, 5));
        refused(require("l", "a", epoch, 1), put("k", "2"));
        assertTrue(run(require("l", "a", epoch, 2), put("k", "2")).getApplied());
        run(release("l", "a", epoch));
        refused(require("l", "a", epoch, 2), put("k", "3"));
        // The same holder, another grant, as many renewals.
        run(grant("l", "a", 5));
        run(renew("l", "a", state.lease("l").orElseThrow().epoch(), 5));
        refused(require("l", "a", epoch, 2), put("k", "3"));
        assertEquals("2", value("k"));
    }

    @Test
    void deleteOfNothingChangesNothing() {
        assertTrue(run(delete("a")).getApplied());
        assertEquals(0, state.revision());
        assertEquals(List.of(), last.events());
    }

    @Test
    void deletePrefixTakesWhatBegins() {
        run(put("m/a", "1"), put("m/b", "2"), put("n", "3"));
        run(deletePrefix("m/"));
        assertEquals(List.of("n"), List.copyOf(state.entries().keySet()));
        assertEquals(5, state.revision());
        run(deletePrefix(""));
        assertTrue(state.entries().isEmpty());
    }

    @Test
    void aCommandIsAllOrNothing() {
        run(put("a", "1"));
        Reply reply = refused(put("a", "2"), grant("l", "x", 5), delete("a"), putIf("b", "1", revision(9)), barrier());
        assertEquals(3, reply.getFailedOperation());
        assertEquals("1", value("a"));
        assertEquals(Optional.empty(), state.lease("l"));
    }

    @Test
    void laterOperationsSeeEarlierOnes() {
        run(put("a", "1"), putIf("a", "2", revision(1)), grant("l", "x", 5), put("k", "v", "l"), release("l", "x", 3));
        assertEquals("2", value("a"));
        assertEquals(Optional.empty(), state.entry("k"));
        assertEquals(List.of(), last.renewed());
    }

    @Test
    void grantGivesAFreeLease() {
        Reply reply = run(grant("l", "x", 5000), put("leader", "x", "l"));
        assertEquals(1, reply.getOperations(0).getLeaseEpoch());
        assertEquals(new Lease("l", "x", 1, 1, 5000), state.leases().get("l"));
        assertEquals("l", state.entry("leader").orElseThrow().lease());
        assertEquals(List.of(state.leases().get("l")), last.renewed());
    }

    @Test
    void grantToTheHolderIsARenewal() {
        run(grant("l", "x", 5000));
        Reply reply = run(grant("l", "x", 7000));
        assertEquals(1, reply.getOperations(0).getLeaseEpoch());
        assertEquals(new Lease("l", "x", 1, 2, 7000), state.leases().get("l"));
        assertEquals(1, state.revision());
        assertEquals(List.of(), last.events());
        assertEquals(1, last.renewed().size());
    }

    @Test
    void grantToAnotherIsRefusedWithTheHolder() {
        run(grant("l", "x", 5000));
        Reply reply = refused(grant("l", "y", 5000), put("leader", "y", "l"));
        assertEquals("x", reply.getOperations(0).getHolder());
        refused(grant("", "y", 1));
        refused(grant("n", "", 1));
        refused(grant("n", "y", 0));
        refused(grant("n", "y", -1));
    }

    @Test
    void renewalNeedsHolderAndEpochAndIsQuiet() {
        run(grant("l", "x", 5000), put("leader", "x", "l"));
        var entries = state.entries();
        var history = state.history();
        Reply reply = run(renew("l", "x", 1, 6000));
        assertEquals(1, reply.getOperations(0).getLeaseEpoch());
        assertEquals(new Lease("l", "x", 1, 2, 6000), state.leases().get("l"));
        assertSame(entries, state.entries());
        assertSame(history, state.history());
        assertEquals(2, state.revision());
        assertEquals(List.of(), last.events());
        assertEquals("x", refused(renew("l", "y", 1, 1)).getOperations(0).getHolder());
        refused(renew("l", "x", 2, 1));
        refused(renew("l", "x", 1, 0));
        assertEquals("", refused(renew("m", "x", 1, 1)).getOperations(0).getHolder());
    }

    @Test
    void releaseTakesTheKeysAlong() {
        run(grant("l", "x", 5000), put("a", "1", "l"), put("b", "1", "l"), put("c", "1"));
        refused(release("l", "y", 1));
        refused(release("l", "x", 2));
        assertTrue(run(release("l", "x", 1)).getApplied());
        assertEquals(List.of("c"), List.copyOf(state.entries().keySet()));
        assertTrue(state.leases().isEmpty());
        assertEquals(
                List.of(Event.Kind.LEASE_RELEASED, Event.Kind.DELETE, Event.Kind.DELETE),
                last.events().stream().map(Event::kind).toList());
        refused(release("l", "x", 1));
    }

    @Test
    void expiryNamesTheLastRenewal() {
        run(grant("l", "x", 5000), put("a", "1", "l"));
        run(renew("l", "x", 1, 5000));
        refused(expire("l", 1, 1));
        refused(expire("l", 2, 2));
        refused(expire("m", 1, 1));
        assertTrue(run(expire("l", 1, 2)).getApplied());
        assertTrue(state.entries().isEmpty());
        assertTrue(state.leases().isEmpty());
        assertEquals(Event.Kind.LEASE_EXPIRED, last.events().getFirst().kind());
        refused(expire("l", 1, 2));
        refused(renew("l", "x", 1, 5000));
    }

    @Test
    void anEpochIsNeverGivenTwice() {
        run(grant("l", "x", 1), release("l", "x", 1), grant("l", "x", 1));
        long second = state.leases().get("l").epoch();
        assertTrue(second > 1);
        refused(renew("l", "x", 1, 1));
        run(release("l", "x", second));
        run(grant("l", "x", 1));
        assertTrue(state.leases().get("l").epoch() > second);
    }

    @Test
    void aKeyCanBeDetachedFromItsLease() {
        run(grant("l", "x", 1), put("a", "1", "l"));
        run(put("a", "2"));
        run(release("l", "x", 1));
        assertEquals("2", value("a"));
        refused(put("a", "3", "l"));
    }

    @Test
    void barrierChangesNothing() {
        Reply reply = run(barrier());
        assertTrue(reply.getApplied());
        assertEquals(StoreState.EMPTY, state);
    }

    @Test
    void whatIsNotKnownIsRefused() {
        for (Command command : List.of(
                Command.getDefaultInstance(),
                Command.newBuilder()
                        .setFormatVersion(2)
                        .addOperations(put("a", "1"))
                        .build(),
                command(put("a", "1"), Operation.getDefaultInstance()),
                command(putIf("a", "1", Expectation.getDefaultInstance())))) {
            Apply.Applied applied = Apply.apply(state, command);
            assertTrue(applied.reply().getUnknownFormat());
            assertFalse(applied.reply().getApplied());
            assertSame(state, applied.state());
        }
    }

    @Test
    void historyIsBounded() {
        for (int i = 1; i <= 300; i++) {
            run(put("k" + i % 7, "" + i));
        }
        assertEquals(StoreState.HISTORY_LIMIT, state.history().size());
        assertEquals(300, state.history().getLast().revision());
        assertEquals(45, state.history().getFirst().revision());
    }
}
