package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.PeerSight;
import dev.matriarch.proto.store.v1.ViewReply;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Whose word counts when a peer is to believe that it was removed. */
class RemovalTest {
    private static final String ME = "n3-00";

    private static ViewReply leader(long term, boolean committed, String... peers) {
        ViewReply.Builder view =
                ViewReply.newBuilder().setRole("leader").setTerm(term).setPeersCommitted(committed);
        for (String peer : peers) {
            view.addPeers(PeerSight.newBuilder()
                    .setPeer(PeerIdentity.newBuilder().setPeerId(peer).setAddress(peer + ":1")));
        }
        return view.build();
    }

    @Test
    void aLeaderWhoseCommittedListDoesNotNameItHasRemovedIt() {
        assertTrue(Removal.leadsWithout(leader(5, true, "n1-00", "n2-00"), ME, 5));
        assertTrue(Removal.leadsWithout(leader(6, true, "n1-00", "n2-00"), ME, 5));
    }

    @Test
    void aLeaderThatNamesItHasNot() {
        assertFalse(Removal.leadsWithout(leader(6, true, "n1-00", "n2-00", ME), ME, 5));
    }

    @Test
    void aListThatMayBeTakenBackSaysNothing() {
        assertFalse(Removal.leadsWithout(leader(6, false, "n1-00", "n2-00"), ME, 5));
    }

    @Test
    void aLeaderOfATermThatIsOverMayNotHaveHeardOfIt() {
        assertFalse(Removal.leadsWithout(leader(4, true, "n1-00", "n2-00"), ME, 5));
    }

    @Test
    void anotherPeerOfThatNameIsNotThisOne() {
        assertTrue(Removal.leadsWithout(leader(5, true, "n1-00", "n2-00", "n3-01"), ME, 5));
        assertFalse(Removal.names(leader(5, true, "n3-01"), ME));
    }

    private static RaftStatus hears(Optional<String> leader, long agoMillis) {
        return new RaftStatus(ME, RaftStatus.Role.LISTENER, leader, 3, 7, 7, agoMillis, List.of(), List.of());
    }

    @Test
    void aListenerGoesByTheSilenceOfTheLeaderThatItKnew() {
        assertTrue(Removal.isAlone(hears(Optional.of("n1"), 3001), true));
        assertFalse(Removal.isAlone(hears(Optional.of("n1"), 2999), true));
        assertFalse(Removal.isAlone(hears(Optional.of("n1"), 60_000), false), "who has a vote calls for others");
        assertTrue(Removal.isAlone(hears(Optional.empty(), 0), false));
    }
}
