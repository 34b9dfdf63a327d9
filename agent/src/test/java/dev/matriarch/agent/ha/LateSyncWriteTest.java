package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.Settings.Synchronous;
import dev.matriarch.agent.ha.Settings.Synchronous.Mode;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.raft.ClusterCommands;
import dev.matriarch.raft.ClusterViews;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** The two sides of synchronous replication while a write of the store's side is under way. */
class LateSyncWriteTest {
    private static final Duration TTL = Duration.ofSeconds(5);
    private static final SyncRules RULES = SyncRules.of(new Synchronous(Mode.ON, false, 2, 0, ""));

    private StoreState store = StoreState.EMPTY;
    private StandbyNames live = StandbyNames.of(StandbyNames.Kind.FIRST, 1, Set.of("n2"));

    private boolean apply(Command command) {
        Apply.Applied applied = Apply.apply(store, command);
        store = applied.state();
        return applied.reply().getApplied();
    }

    private Versioned<SyncState> stored() {
        return new ClusterViews().of(store).sync().orElseThrow();
    }

    private Decision next(String... standbys) {
        SortedSet<String> streaming = new TreeSet<>(Set.of(standbys));
        return Synchronization.next(RULES, "n1", stored(), Optional.of(live), streaming, streaming)
                .orElseThrow();
    }

    private Decision.SetStandbyNames setNames(String... standbys) {
        Decision.SetStandbyNames set = assertInstanceOf(Decision.SetStandbyNames.class, next(standbys));
        live = StandbyNames.parse(set.setting()).orElseThrow();
        return set;
    }

    @Test
    void standbyThatIsNoLongerWaitedForDoesNotBecomeEligibleByAWriteThatCameLate() {
        assertTrue(apply(ClusterCommands.acquireLeader(store, "n1", TTL, store.revision())));
        long epoch = store.lease(ClusterCommands.LEADER_LEASE).orElseThrow().epoch();
        Optional<SyncState> first = Optional.of(new SyncState("n1", new TreeSet<>(Set.of("n2")), 0));
        assertTrue(apply(ClusterCommands.writeSync(store, "n1", epoch, first, Expected.absent())));

        // n3 joins: commits wait for it, and then it may follow. That write is held up on its way.
        setNames("n2", "n3");
        Decision.WriteSync grown = assertInstanceOf(Decision.WriteSync.class, next("n2", "n3"));
        Command late = ClusterCommands.writeSync(store, "n1", epoch, grown.state(), grown.expected());

        // The next heartbeat renews the lock. n3 has gone, the key shows that it was never in: commits go on without
        // it.
        assertTrue(apply(ClusterCommands.renewLeader(store, "n1", epoch, TTL, Optional.empty())));
        assertEquals("n2", setNames("n2").setting());

        apply(late);
        assertTrue(SyncRules.overlap(stored().value(), live), () -> stored() + " beside " + live);
        assertTrue(store.entry(ClusterKeys.SYNC).isPresent());
    }
}
