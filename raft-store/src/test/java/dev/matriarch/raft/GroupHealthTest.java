package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.PeerSight;
import dev.matriarch.proto.store.v1.ViewReply;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** One voter and one listener, as the voter sees them. */
class GroupHealthTest {
    private static final PeerIdentity VOTER = peer("n1-1", "n1", "10.0.0.1:7000", false);
    private static final PeerIdentity LISTENER = peer("r1-1", "r1", "10.0.0.9:7000", true);
    private static final ViewReply LEADER = view(VOTER, "leader", 5000);

    private static PeerIdentity peer(String id, String name, String address, boolean listener) {
        return PeerIdentity.newBuilder()
                .setPeerId(id)
                .setName(name)
                .setAddress(address)
                .setListener(listener)
                .build();
    }

    private static ViewReply view(PeerIdentity me, String role, long index) {
        return ViewReply.newBuilder()
                .setMe(me)
                .setRole(role)
                .setGroupId("g")
                .setLeaderId("n1-1")
                .setLastContactMillis(10)
                .setCommitIndex(index)
                .setAppliedIndex(index)
                .addPeers(PeerSight.newBuilder().setPeer(VOTER))
                .addPeers(PeerSight.newBuilder().setPeer(LISTENER))
                .build();
    }

    private static GroupReport.Row listener(Optional<ViewReply> answer) {
        GroupReport report =
                GroupHealth.of(LEADER, Map.of("10.0.0.1:7000", Optional.of(LEADER), "10.0.0.9:7000", answer));
        assertTrue(report.optimal());
        assertEquals(1, report.voters());
        assertEquals(1, report.healthy());
        assertFalse(report.rows().getFirst().listener());
        GroupReport.Row row = report.rows().get(1);
        assertTrue(row.listener() && !row.voter());
        return row;
    }

    private static String note(ViewReply.Builder answer) {
        return listener(Optional.of(answer.build())).note();
    }

    @Test
    void aListenerThatIsAwayOrFarBehindIsNotedAndNotCounted() {
        assertTrue(listener(Optional.of(view(LISTENER, "listener", 4000))).healthy());
        assertEquals("1001 entries behind", note(view(LISTENER, "listener", 3999).toBuilder()));
        assertEquals(
                "has not heard the Raft leader for a while",
                note(view(LISTENER, "listener", 5000).toBuilder().setLastContactMillis(GroupHealth.SILENT_MILLIS + 1)));
        assertEquals("unreachable", listener(Optional.empty()).role());
        // Somebody else at its address.
        PeerIdentity stranger = peer("r1-2", "r1", "10.0.0.9:7000", true);
        GroupReport report = GroupHealth.of(
                LEADER,
                Map.of(
                        "10.0.0.1:7000",
                        Optional.of(LEADER),
                        "10.0.0.9:7000",
                        Optional.of(view(stranger, "forming", 0))));
        assertEquals(3, report.rows().size());
        assertEquals(1, report.rows().stream().filter(GroupReport.Row::listener).count());
    }
}
