package dev.matriarch.chaos;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** {@code matriarch witness FILE}, as a host of its own would run it. */
record Witness(Path file, Path program) {
    private static final Duration SOON = Duration.ofSeconds(60);

    void start() throws IOException {
        new ProcessBuilder("setsid", program.toString(), "witness", file.toString())
                .redirectErrorStream(true)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()))
                .start();
    }

    Path log() {
        return file.resolveSibling("witness.log");
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
            Await.until("the witness ends", SOON, () -> pids().isEmpty());
        }
    }
}
