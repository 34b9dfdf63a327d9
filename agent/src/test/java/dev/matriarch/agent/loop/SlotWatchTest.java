package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SlotWatchTest {
    private static final Duration KEPT = Duration.ofNanos(100);

    private final SlotWatch watch = new SlotWatch();

    private static ClusterView retaining(String... names) {
        ClusterView v = ClusterView.empty();
        return new ClusterView(
                1,
                v.initialize(),
                v.config(),
                v.leader(),
                v.members(),
                new ClusterStatus(Lsn.INVALID, Map.of(), List.of(names)),
                v.failover(),
                v.history(),
                v.sync(),
                v.failsafe());
    }

    private Set<String> retained(boolean leading, long now, String... names) {
        watch.seen(retaining(names), Optional.empty(), leading, now, KEPT);
        return watch.memory().retained();
    }

    @Test
    void whatTheLeaderNamesIsKeptForAWhileAfterItsLastWord() {
        assertEquals(Set.of("n3"), retained(false, 0, "n3"));
        assertEquals(Set.of("n3"), retained(false, 100));
        assertEquals(Set.of(), retained(false, 101));
    }

    @Test
    void theLeaderDoesNotBelieveItsOwnList() {
        assertEquals(Set.of("n3"), retained(false, 0, "n3"));
        // From the moment it leads its time runs, although the key still names the slot.
        assertEquals(Set.of("n3"), retained(true, 100, "n3"));
        assertEquals(Set.of(), retained(true, 101, "n3"));
    }

    @Test
    void whatFailedIsTriedAgainLaterAndWhatWasDroppedForItsCostIsRemembered() {
        List<SlotChange> changes = List.of(new SlotChange.Expire("a", "x"), new SlotChange.Expire("b", "x"));
        watch.changed(changes, Set.of("b"), 7);
        assertEquals(Map.of("a", 7L), watch.memory().expired());
        assertEquals(OptionalLong.of(5_000_000_007L), watch.memory().retryAt());
        watch.changed(List.of(), Set.of(), 8);
        assertEquals(OptionalLong.empty(), watch.memory().retryAt());
    }

    @Test
    void nothingNewIsTheSameValue() {
        retained(false, 0);
        var before = watch.memory();
        retained(false, 50);
        assertSame(before, watch.memory());
    }
}
