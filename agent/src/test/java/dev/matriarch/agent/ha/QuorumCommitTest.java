package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class QuorumCommitTest {
    private static SyncRules rules(int wanted) {
        return new SyncRules(Settings.Synchronous.Mode.QUORUM, StandbyNames.Kind.ANY, wanted, false);
    }

    /** A leader and its standbys as far as commits and votes are concerned. */
    private static final class Cluster {
        final String leader = "a";
        final List<String> standbys = List.of("b", "c", "d", "e");
        final Map<String, Integer> position = new HashMap<>();
        final Set<String> connected = new HashSet<>();
        Optional<Versioned<SyncState>> sync = Optional.empty();
        Optional<StandbyNames> names = Optional.of(StandbyNames.NONE);
        int namesSince;
        int written;
        int acknowledged;
        int wanted = 1;
        int revision;

        Cluster() {
            standbys.forEach(s -> position.put(s, 0));
        }

        Optional<Decision> next() {
            Set<String> confirmed = new HashSet<>(connected);
            confirmed.removeIf(s -> position.get(s) < namesSince);
            if (sync.isEmpty()) {
                return Optional.of(new Decision.WriteSync(
                        Optional.of(new SyncState(leader, new TreeSet<>(), 0)), Expected.absent(), "enabled"));
            }
            return Synchronization.next(
                    rules(wanted), leader, sync.get(), names, new TreeSet<>(connected), new TreeSet<>(confirmed));
        }

        void apply(Decision step) {
            switch (step) {
                case Decision.WriteSync write ->
                    sync = Optional.of(new Versioned<>(write.state().orElseThrow(), ++revision));
                case Decision.SetStandbyNames set -> {
                    names = StandbyNames.parse(set.setting());
                    acknowledge();
                    namesSince = written;
                }
                default -> throw new AssertionError(step);
            }
        }

        void acknowledge() {
            StandbyNames live = names.orElseThrow();
            List<Integer> positions = new ArrayList<>(live.names().stream()
                    .filter(connected::contains)
                    .map(position::get)
                    .sorted((x, y) -> y - x)
                    .toList());
            if (live.count() == 0) {
                acknowledged = written;
            } else if (positions.size() >= live.count()) {
                acknowledged = Math.max(acknowledged, positions.get(live.count() - 1));
            }
        }

        /** Nobody who could win an election lacks an acknowledged commit. */
        void check(String story) {
            if (sync.isEmpty()) {
                return;
            }
            SyncState state = sync.get().value();
            for (String candidate : state.voters()) {
                int mine = position.get(candidate);
                long votes = state.voters().stream()
                        .filter(v -> !v.equals(candidate) && position.get(v) <= mine)
                        .count();
                if (written <= mine) {
                    votes++;
                }
                if (votes >= state.quorum()) {
                    assertTrue(
                            mine >= acknowledged,
                            () -> candidate + " may win with " + mine + " of " + acknowledged + " under " + state
                                    + " and " + names + "\n" + story);
                }
            }
        }
    }

    @Test
    void noAcknowledgedCommitIsMissingFromAnybodyWhoCanWinWhateverTheOrderOfEvents() {
        for (long seed = 1; seed <= 3_000; seed++) {
            Random random = new Random(seed);
            Cluster cluster = new Cluster();
            StringBuilder story = new StringBuilder("seed " + seed + "\n");
            for (int i = 0; i < 150; i++) {
                String standby = cluster.standbys.get(random.nextInt(cluster.standbys.size()));
                switch (random.nextInt(8)) {
                    case 0, 1 -> cluster.written++;
                    case 2, 3 -> {
                        if (cluster.connected.contains(standby)) {
                            int p = cluster.position.get(standby);
                            cluster.position.put(standby, p + random.nextInt(cluster.written - p + 1));
                        }
                    }
                    case 4 -> {
                        if (!cluster.connected.remove(standby)) {
                            cluster.connected.add(standby);
                        }
                    }
                    case 5 -> cluster.wanted = 1 + random.nextInt(3);
                    default ->
                        cluster.next().ifPresent(step -> {
                            story.append(step.because()).append('\n');
                            cluster.apply(step);
                        });
                }
                cluster.acknowledge();
                cluster.check(story.toString());
            }
        }
    }

    @Test
    void settlesOnAllStreamingStandbysWithTheWantedCountOnceNothingChangesAnyMore() {
        for (long seed = 1; seed <= 500; seed++) {
            Random random = new Random(seed);
            Cluster cluster = new Cluster();
            for (int round = 0; round < 5; round++) {
                cluster.connected.clear();
                cluster.standbys.stream().filter(s -> random.nextBoolean()).forEach(cluster.connected::add);
                cluster.wanted = 1 + random.nextInt(3);
                for (int i = 0; i < 20; i++) {
                    cluster.connected.forEach(s -> cluster.position.put(s, cluster.written));
                    Optional<Decision> step = cluster.next();
                    if (step.isEmpty()) {
                        break;
                    }
                    cluster.apply(step.get());
                    cluster.acknowledge();
                    cluster.check("seed " + seed);
                }
                int count = Math.min(cluster.wanted, cluster.connected.size());
                assertEquals(Optional.of(StandbyNames.of(count, cluster.connected)), cluster.names, "seed " + seed);
                assertEquals(
                        new SyncState("a", new TreeSet<>(cluster.connected), cluster.connected.size() - count),
                        cluster.sync.orElseThrow().value(),
                        "seed " + seed);
            }
        }
    }

    @Test
    void foreignListOfStandbysIsReplacedAfterThePromiseAboutItIsTakenBack() {
        for (String foreign : List.of("*", "ANY 1 (b, x)", "FIRST 1 (b, c, d)")) {
            SyncState state = new SyncState("a", new TreeSet<>(Set.of("b")), 0);
            TreeSet<String> standbys = new TreeSet<>(Set.of("b"));
            Decision.WriteSync first = (Decision.WriteSync) Synchronization.next(
                            rules(1), "a", new Versioned<>(state, 3), StandbyNames.parse(foreign), standbys, standbys)
                    .orElseThrow();
            SyncState alone = first.state().orElseThrow();
            assertTrue(alone.voters().isEmpty());
            Decision.SetStandbyNames second = (Decision.SetStandbyNames) Synchronization.next(
                            rules(1), "a", new Versioned<>(alone, 4), StandbyNames.parse(foreign), standbys, standbys)
                    .orElseThrow();
            assertEquals("ANY 1 (b)", second.setting());
        }
    }
}
