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
import java.util.function.Function;
import java.util.function.Predicate;
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
    void eachIsCaughtBySimulation() throws Exception {
        assertEquals(Map.of(), missed(Mutation::isCaught, this::whyNotCaught));
    }

    @Test
    @Tag("slow")
    void eachOtherOneFailsItsTest() throws Exception {
        assertEquals(Map.of(), missed(Mutation::testIsHere, this::whyNotTested));
    }

    /** @param why what is wrong with one; empty: nothing */
    private static Map<String, String> missed(Predicate<Mutation> chosen, Function<Mutation, Optional<String>> why)
            throws Exception {
        Map<String, String> missed = new ConcurrentSkipListMap<>();
        try (ExecutorService players =
                Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            List<Future<?>> all = new ArrayList<>();
            for (Mutation mutation : Mutation.all()) {
                if (chosen.test(mutation)) {
                    all.add(players.submit(() -> why.apply(mutation).ifPresent(w -> missed.put(mutation.name(), w))));
                }
            }
            for (Future<?> one : all) {
                one.get();
            }
        }
        return missed;
    }

    private Optional<String> whyNotTested(Mutation mutation) {
        try {
            return mutation.failsItsTest(work)
                    ? Optional.empty()
                    : Optional.of(mutation.test() + " does not tell it from what is right");
        } catch (IOException | ReflectiveOperationException e) {
            return Optional.of(e.toString());
        }
    }

    private Optional<String> whyNotCaught(Mutation mutation) {
        try {
            Optional<Mutation.Caught> caught = mutation.hunt(work, mutation.seed(), SCHEDULES, 1);
            caught.filter(c -> c.seed() != mutation.seed() || !c.invariant().equals(mutation.invariant()))
                    .ifPresent(c -> System.out.println(mutation.name() + ": now " + c));
            return caught.isPresent() ? Optional.empty() : Optional.of("not from seed " + mutation.seed() + " on");
        } catch (IOException | ReflectiveOperationException e) {
            return Optional.of(e.toString());
        }
    }
}
