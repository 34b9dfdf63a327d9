package dev.matriarch.agent.fencing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.fencing.GuardFiles.Found;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Which of all processes are guards, and whose. */
class GuardFilesTest {
    private static final GuardFiles FILES =
            new GuardFiles(Path.of("/state"), Path.of("/data"), Path.of("/state/guard-0000002a.sh"));

    private static Optional<Found> found(String shell, String script, String fifo, String data) {
        return FILES.found(List.of(shell, script, fifo, "/state/guard-1.state", "/state/guard.log", data));
    }

    @Test
    void aGuardOfThisVersionAndDirectoryIsOurs() {
        Path first = Path.of("/state/guard-1.77.5.fifo");
        Path second = Path.of("/state/guard-2.77.5.fifo");
        assertEquals(
                Optional.of(new Found(0, first, true)),
                found("/bin/bash", "/state/guard-0000002a.sh", first.toString(), "/data"));
        assertEquals(
                Optional.of(new Found(1, second, true)),
                found("bash", "/state/guard-0000002a.sh", second.toString(), "/data"));
    }

    /** They keep their deadline until ours have one. */
    @Test
    void oneOfAnotherVersionOrForAnotherServerIsFoundToo() {
        Path fifo = Path.of("/state/guard-1.77.5.fifo");
        Optional<Found> another = Optional.of(new Found(0, fifo, false));
        assertEquals(another, found("/bin/bash", "/state/guard-00000001.sh", fifo.toString(), "/data"));
        assertEquals(another, found("/bin/bash", "/state/guard-0000002a.sh", fifo.toString(), "/elsewhere"));
    }

    @Test
    void otherProcessesAreLeftAlone() {
        assertEquals(Optional.empty(), found("/bin/bash", "/other/guard-0000002a.sh", "/other/guard-1.fifo", "/data"));
        assertEquals(
                Optional.empty(), found("/usr/bin/vi", "/state/guard-0000002a.sh", "/state/guard-1.fifo", "/data"));
        assertEquals(Optional.empty(), FILES.found(List.of("/bin/bash", "/state/guard-0000002a.sh")));
        assertEquals(Optional.empty(), FILES.found(List.of()));
    }
}
