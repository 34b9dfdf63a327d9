package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code ./check} makes of a test that failed and passed when it was tried again. */
class SecondTriesTest {
    private static final Instant BEGIN = Instant.parse("2026-01-01T10:00:00Z");

    @TempDir
    Path dir;

    private Path since;

    @BeforeEach
    void begin() throws IOException {
        since = Files.createFile(dir.resolve("since"));
        Files.setLastModifiedTime(since, FileTime.from(BEGIN));
    }

    private void report(String kind, String suite, Instant at, String... outcome) throws IOException {
        Path reports = Files.createDirectories(dir.resolve("module/target/" + kind + "-reports"));
        Path file = reports.resolve("TEST-" + suite + ".xml");
        Files.writeString(file, """
                <?xml version="1.0" encoding="UTF-8"?>
                <testsuite name="%s" tests="2">
                  <testcase name="passes" classname="%s" time="0.1"/>
                  <testcase name="fails" classname="%s" time="0.1">
                    %s
                  </testcase>
                </testsuite>
                """.formatted(suite, suite, suite, String.join("\n", outcome)));
        Files.setLastModifiedTime(file, FileTime.from(at));
    }

    private Commands.Result judge() {
        return Commands.run(
                Duration.ofSeconds(20),
                "bash",
                "-c",
                "set -euo pipefail; say() { echo \"$*\"; }; . \"$1\"; judge_second_tries \"$2\" \"$3\"; echo judged",
                "bash",
                Path.of("..", "packaging", "shell", "second-tries.sh").toString(),
                dir.toString(),
                since.toString());
    }

    @Test
    void whatPassedAtOnceIsNotMentioned() throws IOException {
        report(
                "surefire",
                "dev.A",
                BEGIN.plusSeconds(1),
                "<failure message=\"no\" type=\"java.lang.AssertionError\"/>");
        report(
                "surefire",
                "dev.Old",
                BEGIN.minusSeconds(1),
                "<flakyFailure message=\"x\" type=\"dev.matriarch.chaos.Violation\">");
        Commands.Result result = judge();
        assertEquals(0, result.exitCode(), result.output());
        assertEquals("judged", result.output().strip());
    }

    @Test
    void aSecondTryIsNamedWithTheFirstOnesReason() throws IOException {
        report(
                "surefire",
                "dev.A",
                BEGIN.plusSeconds(1),
                "<flakyFailure message=\"expected: &lt;1&gt; &amp; more&#10;lines\" type=\"java.lang.AssertionError\">");
        report(
                "failsafe",
                "dev.BIT",
                BEGIN.plusSeconds(1),
                "<flakyError message=\"a Violation: of a rule\" type=\"java.io.IOException\">");
        Commands.Result result = judge();
        assertEquals(0, result.exitCode(), result.output());
        assertTrue(
                result.output().contains("  dev.A.fails: java.lang.AssertionError: expected: <1> & more\n"),
                result.output());
        assertTrue(
                result.output().contains("  dev.BIT.fails: java.io.IOException: a Violation: of a rule\n"),
                result.output());
        assertTrue(result.output().contains("judged"), result.output());
    }

    @Test
    void whatMayNeverHappenIsNotForgivenOnce() throws IOException {
        Violation lost = assertThrows(Violation.class, () -> Violation.ifMissing(Set.of(7L, 5L)));
        assertEquals("2 acknowledged rows are lost: [5, 7]", lost.getMessage());
        report(
                "failsafe",
                "dev.BIT",
                BEGIN.plusSeconds(1),
                "<flakyFailure message=\"" + lost.getMessage() + "\" type=\""
                        + lost.getClass().getName() + "\">");
        Commands.Result result = judge();
        assertNotEquals(0, result.exitCode(), result.output());
        assertTrue(result.output().contains("docs/safety.md"), result.output());
    }
}
