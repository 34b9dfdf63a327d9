package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.store.v1.HelloReply;
import dev.matriarch.proto.store.v1.PeerIdentity;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.apache.ratis.protocol.RaftPeer;
import org.junit.jupiter.api.Test;

/** Who may be taken into the store. */
class NewcomerTest {
    private static final GroupMembers NOW =
            new GroupMembers(List.of(peer("n1-00", "h1:1"), peer("n2-00", "h2:1")), List.of(peer("l1-00", "h7:1")));

    private static RaftPeer peer(String id, String address) {
        return RaftPeer.newBuilder().setId(id).setAddress(address).build();
    }

    /** A new peer that waits for this store, but for what a test says. */
    private static Optional<String> unfit(UnaryOperator<HelloReply.Builder> but) {
        HelloReply.Builder hello = HelloReply.newBuilder()
                .setFormatVersion(Forming.FORMAT_VERSION)
                .setScope("test")
                .setMe(PeerIdentity.newBuilder()
                        .setPeerId("n3-00")
                        .setName("n3")
                        .setAddress("h3:1"))
                .setWaitingFor("mine")
                .setFeatureLevel(2);
        return Newcomer.unfit(but.apply(hello).build(), "h3:1", false, "test", "mine", NOW, 2);
    }

    private static void refused(String part, UnaryOperator<HelloReply.Builder> but) {
        String why = unfit(but).orElse("fit");
        assertTrue(why.contains(part), why);
    }

    @Test
    void whoWaitsForThisStoreIsTakenIn() {
        assertEquals(Optional.empty(), unfit(h -> h));
    }

    @Test
    void whoDoesNotFitIsRefusedWithTheReason() {
        refused("belongs to the cluster \"other\", not to \"test\"", h -> h.setScope("other"));
        refused("speaks format 9", h -> h.setFormatVersion(9));
        refused("is of an older version", h -> h.setFeatureLevel(1));
        refused(
                "says that its own address is h9:1",
                h -> h.setMe(h.getMe().toBuilder().setAddress("h9:1")));
    }

    @Test
    void whoIsPartOfAStoreIsNotTakenOutOfIt() {
        refused("is part of another store (theirs)", h -> h.clearWaitingFor().setGroupId("theirs"));
        refused(
                "has not noticed yet that it was removed",
                h -> h.clearWaitingFor().setGroupId("mine"));
    }

    @Test
    void whoWaitsForNoneOrAnotherIsToldWhomToName() {
        refused(
                "does not wait for this store yet. Its raft.partner_addrs must name one of h1:1, h2:1",
                h -> h.clearWaitingFor());
        refused("does not wait for this store but for theirs", h -> h.setWaitingFor("theirs"));
    }

    @Test
    void twoPeersOfOneNameOrAddressAreNot() {
        refused(
                "a peer named n1 is in the store already, at h1:1",
                h -> h.setMe(h.getMe().toBuilder().setName("n1").setPeerId("n1-01")));
        Optional<String> replaced = Newcomer.unfit(
                HelloReply.newBuilder()
                        .setFormatVersion(Forming.FORMAT_VERSION)
                        .setScope("test")
                        .setMe(PeerIdentity.newBuilder()
                                .setPeerId("n9-00")
                                .setName("n9")
                                .setAddress("h1:1"))
                        .setWaitingFor("mine")
                        .build(),
                "h1:1",
                false,
                "test",
                "mine",
                NOW,
                1);
        assertTrue(replaced.orElse("fit").contains("replaces by itself"));
    }

    private static String listener(boolean wanted, String name, String address) {
        return Newcomer.unfit(
                        HelloReply.newBuilder()
                                .setFormatVersion(Forming.FORMAT_VERSION)
                                .setScope("test")
                                .setMe(PeerIdentity.newBuilder()
                                        .setPeerId(name + "-01")
                                        .setName(name)
                                        .setAddress(address)
                                        .setListener(true))
                                .setWaitingFor("mine")
                                .build(),
                        address,
                        wanted,
                        "test",
                        "mine",
                        NOW,
                        1)
                .orElse("fit");
    }

    @Test
    void aListenerIsTakenInAsOneAndInNobodyElsesPlace() {
        assertEquals("fit", listener(true, "l2", "h8:1"));
        assertTrue(listener(false, "l2", "h8:1").contains("Take it in with --listener"));
        assertTrue(listener(true, "l1", "h7:1").contains("replaces by itself"));
        assertTrue(listener(true, "l1", "h8:1").contains("a peer named l1 is in the store already"));
        assertTrue(listener(true, "l2", "h1:1").contains("that of n1-00, which has a vote. Remove that one first"));
        String voter = Newcomer.unfit(
                        HelloReply.newBuilder()
                                .setFormatVersion(Forming.FORMAT_VERSION)
                                .setScope("test")
                                .setMe(PeerIdentity.newBuilder()
                                        .setPeerId("n3-00")
                                        .setName("n3")
                                        .setAddress("h3:1"))
                                .setWaitingFor("mine")
                                .build(),
                        "h3:1",
                        true,
                        "test",
                        "mine",
                        NOW,
                        1)
                .orElse("fit");
        assertTrue(voter.contains("is to have a vote. Take it in without --listener"), voter);
    }
}
