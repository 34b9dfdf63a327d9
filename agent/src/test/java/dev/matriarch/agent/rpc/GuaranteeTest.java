package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class GuaranteeTest {
    private static String sentence(SynchronousMode mode, String syncLeader, String... voters) {
        ClusterView view = new ClusterView(
                1,
                Optional.empty(),
                Optional.empty(),
                Optional.of(new Leader("n1", 1)),
                List.of(),
                ClusterStatus.NONE,
                Optional.empty(),
                Optional.empty(),
                Optional.of(new Versioned<>(new SyncState(syncLeader, new TreeSet<>(List.of(voters)), 1), 1)),
                Map.of());
        return Guarantee.sentence(view, FakeLocalAgent.config(mode, false));
    }

    @Test
    void quorumWithVotersLosesNothing() {
        assertEquals("a failover now loses at most: nothing", sentence(SynchronousMode.QUORUM, "n1", "n2", "n3"));
    }

    @Test
    void quorumWithoutVotersSaysSo() {
        for (String sentence :
                List.of(sentence(SynchronousMode.QUORUM, "n1"), sentence(SynchronousMode.QUORUM, "n9", "n2"))) {
            assertTrue(sentence.startsWith("a failover now loses at most: 1 MB"), sentence);
            assertTrue(sentence.contains("no replica confirms commits"), sentence);
        }
    }

    @Test
    void modeOnWithASynchronousStandbyLosesNothing() {
        assertEquals("a failover now loses at most: nothing", sentence(SynchronousMode.ON, "n1", "n2"));
        assertTrue(sentence(SynchronousMode.ON, "n1").contains("synchronous_mode is on, but no replica confirms"));
    }

    @Test
    void asynchronousNamesTheLag() {
        assertEquals(
                "a failover now loses at most: 1 MB (maximum_lag_on_failover) and what was written since the leader's"
                        + " last heartbeat",
                sentence(SynchronousMode.OFF, "n1", "n2"));
    }
}
