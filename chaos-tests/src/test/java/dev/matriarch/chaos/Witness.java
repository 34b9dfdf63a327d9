package dev.matriarch.chaos;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * {@code matriarch witness FILE}, as a host of its own would run it.
 *
 * @param role or another word in the place of {@code witness}
 */
record Witness(Path file, Path program, String role) {
    private static final Duration SOON = Duration.ofSeconds(60);

    Witness(Path file, Path program) {
        this(file, program, "witness");
    }

    void start() throws IOException {
        new ProcessBuilder("setsid", program.toString(), role, file.toString())
                .redirectErrorStream(true)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()))
                .start();
    }

    Path log() {
        return file.resolveSibling(role + ".log");
    }

    List<Long> pids() {
        return Processes.mentioning(file.toString()).stream()
                .map(Processes.Found::pid)
                .toList();
    }

    void end(String signal) {
        List<Long> pids = pids();
        if (!pids.isEmpty()) {
            Processes.signal(signal, pids);
            Await.until("the " + role + " ends", SOON, () -> pids().isEmpty());
        }
    }
}
