package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.Settings.Synchronous;
import dev.matriarch.agent.ha.Settings.Synchronous.Mode;
import dev.matriarch.dcs.SyncState;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class SynchronizationModelTest {
    private static final int EVENTS = 150;
    /** {@code -Dsync.walks=20} walks longer. */
    private static final int MORE = Integer.getInteger("sync.walks", 1);

    private static Synchronous settings(Random random, List<Mode> modes) {
        Mode mode = modes.get(random.nextInt(modes.size()));
        String users = random.nextBoolean() ? "" : "FIRST 1 (b, d)";
        return new Synchronous(
                mode, random.nextInt(3) == 0, 1 + random.nextInt(3), random.nextInt(4) == 0 ? 2 : 0, users);
    }

    /** Walks at random and looks for a wrong winner after each event. */
    private static void walk(long seed, List<Mode> modes, boolean failovers) {
        Random random = new Random(seed);
        SyncModel model = new SyncModel();
        model.story.append("seed ").append(seed).append('\n');
        model.settings = settings(random, modes);
        model.serverVersion = List.of(150_000, 150_000, 90_600, 90_500).get(random.nextInt(4));
        for (int i = 0; i < EVENTS; i++) {
            String name = model.all.get(random.nextInt(model.all.size()));
            switch (random.nextInt(failovers ? 32 : 30)) {
                case 0, 1, 2, 3, 4, 5 -> model.commit();
                case 6, 7, 8, 9, 10, 11 -> model.stream(name, 1 + random.nextInt(5));
                case 12, 13, 14 -> {
                    if (!model.connected.remove(name)) {
                        model.connect(name);
                    }
                }
                case 15 -> {
                    model.settings = settings(random, modes);
                    model.story.append(model.settings).append('\n');
                }
                case 16 -> model.longPrimary = true;
                case 17 ->
                    model.tags.put(
                            name,
                            List.<Map<String, Object>>of(
                                            Map.of(),
                                            Map.of("nosync", true),
                                            Map.of("nofailover", true),
                                            Map.of("sync_priority", 2))
                                    .get(random.nextInt(4)));
                case 18 -> {
                    if (model.promoted) {
                        // Somebody else's hand in the setting.
                        model.restartPrimary();
                    }
                }
                case 30, 31 -> {
                    if (model.mayWin(name)) {
                        model.elected(name);
                    }
                }
                default -> model.next().ifPresent(model::apply);
            }
            Optional<String> wrong = model.wrongWinner();
            assertTrue(wrong.isEmpty(), () -> "seed " + seed + ": " + wrong.orElse(""));
        }
    }

    @Test
    void modeOnNeverLetsAnybodyWinWhoLacksAnAcknowledgedCommit() {
        for (long seed = 1; seed <= 500 * MORE; seed++) {
            walk(seed, List.of(Mode.ON), true);
        }
    }

    @Test
    void switchingBetweenTheModesNeverLetsAnybodyWinWhoLacksAnAcknowledgedCommit() {
        for (long seed = 1; seed <= 1_000 * MORE; seed++) {
            walk(seed, List.of(Mode.ON, Mode.QUORUM, Mode.OFF), true);
        }
    }

    @Test
    void everyModeSettlesOnWhatItAsksForOnceNothingChangesAnyMore() {
        for (long seed = 1; seed <= 300 * MORE; seed++) {
            Random random = new Random(seed);
            SyncModel model = new SyncModel();
            model.story.append("seed ").append(seed).append('\n');
            for (int round = 0; round < 6; round++) {
                Synchronous asked = settings(random, List.of(Mode.ON, Mode.QUORUM, Mode.OFF));
                model.settings = new Synchronous(asked.mode(), asked.strict(), asked.nodeCount(), 0, "FIRST 1 (b, d)");
                model.story.append(model.settings).append('\n');
                model.connected.clear();
                model.all.stream().filter(n -> random.nextBoolean()).forEach(model::connect);
                for (int i = 0; i < 25; i++) {
                    model.commit();
                    model.connected.forEach(n -> model.stream(n, 1000));
                    Optional<Decision> step = model.next();
                    if (step.isEmpty()) {
                        break;
                    }
                    model.apply(step.get());
                    Optional<String> wrong = model.wrongWinner();
                    assertTrue(wrong.isEmpty(), wrong::toString);
                }
                check(model);
            }
        }
    }

    private static void check(SyncModel model) {
        Synchronous asked = model.settings;
        if (asked.isOff()) {
            assertTrue(model.sync.isEmpty(), model.story::toString);
            assertEquals("FIRST 1 (b, d)", model.names, model.story::toString);
            return;
        }
        SyncState sync = model.sync.orElseThrow().value();
        StandbyNames names = StandbyNames.parse(model.names).orElseThrow();
        TreeSet<String> connected = new TreeSet<>(model.connected);
        int count = Math.min(asked.nodeCount(), connected.size());
        if (connected.isEmpty()) {
            assertEquals(asked.strict(), !names.equals(StandbyNames.NONE), model.story::toString);
        } else if (asked.mode() == Mode.ON) {
            assertEquals(count, names.count(), model.story::toString);
            assertEquals(count, names.names().size(), model.story::toString);
            assertEquals(new SyncState("a", names.names(), 0), sync, model.story::toString);
            assertTrue(connected.containsAll(names.names()), model.story::toString);
        } else {
            assertEquals(StandbyNames.of(count, connected), names, model.story::toString);
            assertEquals(new SyncState("a", connected, connected.size() - count), sync, model.story::toString);
        }
    }
}
