package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** {@code ./chaos} itself, briefly and with fixed seeds: that it finds nothing where nothing is, and something where something is. */
class ChaosIT {
    private static final Duration RUN = Duration.ofSeconds(330);

    @BeforeAll
    static void asRoot() {
        // -m as well: a container may allow the one and not the other.
        assumeTrue(
                Commands.run(Duration.ofSeconds(10), "unshare", "-n", "-m", "true")
                                .exitCode()
                        == 0,
                "network namespaces need root");
    }

    @Test
    void noAcknowledgedRowIsLostInQuorumMode() {
        Commands.Result run = chaos(40, "--workload", "set", "--nemesis", "partition,kill,pause", "--seed", "5");
        if (lastLine(run).startsWith("INVALID")) {
            throw new Violation(run.output());
        }
        assertEquals(0, run.exitCode(), run.output());
        assertTrue(lastLine(run).startsWith("VALID: set "), run.output());
    }

    /** Known to be bad: a leader that is cut off goes on acknowledging until its lease ends, and nobody has those rows. */
    @Test
    void lostRowsOfAsynchronousReplicationAreFound() {
        Commands.Result run = chaos(
                30,
                "--workload",
                "set",
                "--nemesis",
                "isolate-leader",
                "--seed",
                "1",
                "--mode",
                "off",
                "--settle",
                "30");
        assertEquals(1, run.exitCode(), run.output());
        assertTrue(lastLine(run).contains("acknowledged writes lost"), run.output());
    }

    /** Known to be bad: an agent is killed, and its server's guards fire at nothing. */
    @Test
    void twoPrimariesAreFoundWhereNoGuardIs() {
        Commands.Result run = chaos(
                26,
                "--workload",
                "set",
                "--nemesis",
                "kill-agent,stop-agent",
                "--interval",
                "14",
                "--seed",
                "1",
                "--guard-off",
                "--settle",
                "30");
        assertEquals(1, run.exitCode(), run.output());
        assertTrue(lastLine(run).contains("two writable primaries"), run.output());
    }

    private static Commands.Result chaos(int seconds, String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Cluster.top().resolve("chaos").toString(),
                "--time",
                Integer.toString(seconds),
                "--out",
                Path.of("target", "chaos-runs").toAbsolutePath().toString()));
        command.addAll(List.of(arguments));
        return Commands.run(RUN, Map.of(), command);
    }

    private static String lastLine(Commands.Result run) {
        return run.output().strip().lines().reduce("", (a, b) -> b);
    }
}
