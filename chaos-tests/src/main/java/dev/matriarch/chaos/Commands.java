package dev.matriarch.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs a command to its end, with a deadline. */
public final class Commands {
    private Commands() {}

    /** @param output standard output and standard error, as they came */
    public record Result(int exitCode, String output) {
        /** @throws AssertionError with the output if the command failed */
        public Result expectSuccess() {
            if (exitCode != 0) {
                throw new AssertionError("exit code " + exitCode + ":\n" + output);
            }
            return this;
        }
    }

    /** @throws AssertionError if it has not ended by the deadline; it is killed then */
    public static Result run(Duration deadline, Map<String, String> environment, List<String> command) {
        try {
            Path log = Files.createTempFile("matriarch-command", ".log");
            try {
                ProcessBuilder builder = new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectInput(ProcessBuilder.Redirect.from(
                                Path.of("/dev/null").toFile()))
                        .redirectOutput(log.toFile());
                builder.environment().putAll(environment);
                Process process = builder.start();
                if (!process.waitFor(deadline.toMillis(), TimeUnit.MILLISECONDS)) {
                    process.destroyForcibly();
                    throw new AssertionError(
                            String.join(" ", command) + " did not end within " + deadline + ":\n" + read(log));
                }
                return new Result(process.exitValue(), read(log));
            } finally {
                Files.deleteIfExists(log);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for " + command, e);
        }
    }

    public static Result run(Duration deadline, String... command) {
        return run(deadline, Map.of(), List.of(command));
    }

    private static String read(Path log) throws IOException {
        return new String(Files.readAllBytes(log), java.nio.charset.StandardCharsets.UTF_8);
    }
}
