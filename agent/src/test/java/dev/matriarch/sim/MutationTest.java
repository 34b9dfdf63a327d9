package dev.matriarch.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The simulator notices the faults of {@code mutations.txt}, or a unit test does; the table is in docs/simulation.md. */
class MutationTest {
    /** From the known seed on: as the core grows, its schedules play differently. */
    private static final long SCHEDULES = 300;

    @TempDir
    Path work;

    @Test
    void textsAreStillInTheSources() throws IOException {
        for (Mutation mutation : Mutation.all()) {
            assertFalse(mutation.mutated(Mutation.sources()).isEmpty());
        }
    }

    @Test
    void tableNamesThemAll() throws IOException {
        String page = Files.readString(Mutation.sources().resolve("docs/simulation.md"));
        for (Mutation mutation : Mutation.all()) {
            assertTrue(page.contains(mutation.row()), () -> "docs/simulation.md lacks this row: " + mutation.row());
        }
    }

    @Test
    void mostAreCaughtBySimulation() {
        assertTrue(Mutation.all().stream().filter(Mutation::isCaught).count() >= 25);
    }

    @Test
    @Tag("slow")
    void eachIsCaught() throws Exception {
        Map<String, String> missed = new ConcurrentSkipListMap<>();
        try (ExecutorService players =
                Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            List<Future<?>> all = new ArrayList<>();
            for (Mutation mutation : Mutation.all()) {
                all.add(players.submit(() -> isCaught(mutation).ifPresent(why -> missed.put(mutation.name(), why))));
            }
            for (Future<?> one : all) {
                one.get();
            }
        }
        assertEquals(Map.of(), missed);
    }

    /** @return why not */
    private Optional<String> isCaught(Mutation mutation) {
        try {
            if (!mutation.isCaught()) {
                return !mutation.testIsHere() || mutation.failsItsTest(work)
                        ? Optional.empty()
                        : Optional.of(mutation.test() + " passes");
            }
            Optional<Mutation.Caught> caught = mutation.hunt(work, mutation.seed(), SCHEDULES, 1);
            caught.filter(c -> c.seed() != mutation.seed() || !c.invariant().equals(mutation.invariant()))
                    .ifPresent(c -> System.out.println(mutation.name() + ": now " + c));
            return caught.isPresent() ? Optional.empty() : Optional.of("not from seed " + mutation.seed() + " on");
        } catch (IOException | ReflectiveOperationException e) {
            return Optional.of(e.toString());
        }
    }
}
