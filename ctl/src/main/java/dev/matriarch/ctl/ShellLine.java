package dev.matriarch.ctl;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A line for {@code sh -c}, with a deadline. */
record ShellLine(String option, String line, Duration deadline) {
    private static final int SHOWN_CHARACTERS = 2000;
    private static final String THE_FILE = "{}";

    /** @param file takes the place of each {@code {}}, quoted */
    ShellLine about(Path file) {
        return new ShellLine(
                option, line.replace(THE_FILE, "'" + file.toString().replace("'", "'\\''") + "'"), deadline);
    }

    /** @throws CtlException with what it said if it ended with another code than 0, or was killed at the deadline */
    void run() throws InterruptedException {
        try {
            // A pipe would stay open as long as a service that it started.
            Path said = Files.createTempFile("matriarchctl", ".out");
            try {
                Process shell = new ProcessBuilder(List.of("/bin/sh", "-c", line))
                        .redirectInput(ProcessBuilder.Redirect.from(
                                Path.of("/dev/null").toFile()))
                        .redirectErrorStream(true)
                        .redirectOutput(said.toFile())
                        .start();
                boolean ended = shell.waitFor(deadline.toMillis(), TimeUnit.MILLISECONDS);
                if (!ended) {
                    shell.descendants().forEach(ProcessHandle::destroyForcibly);
                    shell.destroyForcibly();
                    throw CtlException.refused(option + " has not ended within " + deadline.toMillis() / 1000.0
                            + " s and was killed: " + line + words(said));
                }
                if (shell.exitValue() != 0) {
                    throw CtlException.refused(
                            option + " ended with exit code " + shell.exitValue() + ": " + line + words(said));
                }
            } finally {
                Files.deleteIfExists(said);
            }
        } catch (IOException e) {
            throw CtlException.refused(option + " could not be run: " + e);
        }
    }

    private static String words(Path said) throws IOException {
        String all = new String(Files.readAllBytes(said), StandardCharsets.UTF_8).strip();
        return all.isEmpty()
                ? ""
                : "\n"
                        + (all.length() > SHOWN_CHARACTERS
                                ? "… " + all.substring(all.length() - SHOWN_CHARACTERS)
                                : all);
    }
}
