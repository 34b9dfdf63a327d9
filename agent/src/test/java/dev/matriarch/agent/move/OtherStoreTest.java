package dev.matriarch.agent.move;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.rpc.FakeDcs;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.MovedAway;
import dev.matriarch.dcs.Versioned;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What may stand in a store that a cluster moves to. */
class OtherStoreTest {
    private static final String SYSTEM = "7400000000000000001";

    private static final MovedAway CLOSED = new MovedAway("raft", false);

    private static ClusterView holding(String initialize, String leader) {
        ClusterView v = ClusterView.empty();
        return new ClusterView(
                7,
                Optional.ofNullable(initialize).map(i -> new Versioned<>(i, 3)),
                v.config(),
                Optional.ofNullable(leader).map(l -> new Leader(l, 4)),
                v.members(),
                v.status(),
                v.failover(),
                v.history(),
                v.sync(),
                v.failsafe());
    }

    @Test
    void nothingOrWhatThisClusterLeftThereIsInNobodysWay() {
        for (String there : new String[] {null, SYSTEM, new MovedAway("raft", false).text()}) {
            assertEquals(Optional.empty(), OtherStore.objection(holding(there, null), SYSTEM), there);
        }
    }

    @Test
    void anotherClusterOrALeaderIs() {
        for (String there : new String[] {"7400000000000000002", "", "nonsense"}) {
            assertTrue(OtherStore.objection(holding(there, null), SYSTEM)
                    .orElseThrow()
                    .contains("keys of another cluster"));
        }
        assertTrue(OtherStore.objection(holding(SYSTEM, "n3"), SYSTEM)
                .orElseThrow()
                .contains("that n3 leads"));
    }

    @Test
    void nothingIsWrittenWithoutThePause() {
        FakeDcs store = new FakeDcs();
        store.set(holding(null, null));
        DcsException refused = assertThrows(
                DcsException.class,
                () -> new OtherStore(store).prepare("n1", SYSTEM, CLOSED, "{\"ttl\": 30}", Optional.empty()));
        assertTrue(refused.getMessage().contains("not paused"), refused.getMessage());
        store.set(holding("7400000000000000002", null));
        assertThrows(
                DcsException.class,
                () -> new OtherStore(store).prepare("n1", SYSTEM, CLOSED, "{\"pause\": true}", Optional.empty()));
    }

    @Test
    void whatIsPreparedIsClosedUntilAllHaveCome() throws Exception {
        for (String there : new String[] {null, SYSTEM, new MovedAway("raft", true).text()}) {
            FakeDcs store = new FakeDcs();
            store.set(holding(there, null));
            new OtherStore(store).prepare("n1", SYSTEM, CLOSED, "{\"pause\": true}", Optional.empty());
            ClusterView prepared = store.read(OtherStore.CALL);
            assertEquals(Optional.of(CLOSED), MovedAway.of(prepared), there);
            assertEquals("{\"pause\": true}", prepared.config().orElseThrow().value());
        }
    }
}
