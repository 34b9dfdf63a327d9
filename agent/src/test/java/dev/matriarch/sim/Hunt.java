package dev.matriarch.sim;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** {@code ./simulate --mutations}: looks for a schedule that notices each fault, whatever is known of it. */
final class Hunt {
    private Hunt() {}

    /** Prints one row of the table in docs/simulation.md for each. */
    static void hunt(String part, long first, long schedules, int threads) {
        for (Mutation mutation : Mutation.all()) {
            if (mutation.name().contains(part)) {
                System.out.println(row(mutation, first, schedules, threads));
            }
        }
    }

    private static String row(Mutation mutation, long first, long schedules, int threads) {
        long begin = System.nanoTime();
        String beginning = "| " + mutation.name() + " | `" + mutation.className() + "` | ";
        try {
            Path work = Files.createTempDirectory("mutation");
            try {
                Optional<Mutation.Caught> caught = mutation.hunt(work, first, schedules, threads);
                long seconds = (System.nanoTime() - begin) / 1_000_000_000;
                return beginning
                        + caught.map(c -> "`" + c.invariant() + "` | " + c.seed() + " | " + c.what())
                                .orElse("missed | |")
                        + " (" + seconds + " s)";
            } finally {
                remove(work);
            }
        } catch (IOException | ReflectiveOperationException e) {
            return beginning + e + " | |";
        }
    }

    private static void remove(Path folder) throws IOException {
        try (Stream<Path> inside = Files.walk(folder)) {
            for (Path file : inside.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(file);
            }
        }
    }
}
