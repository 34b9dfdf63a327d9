package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.LocalPostgres.DataDirectory;
import dev.matriarch.agent.ha.LocalPostgres.Process;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What is said of a server whose disk does not answer. */
class ServerSightTest {
    private static LocalPostgres before(Process process) {
        return new LocalPostgres(
                DataDirectory.HALF_WRITTEN, Optional.of("7"), process, Optional.empty(), Optional.empty(), "");
    }

    private static LocalPostgres unseen(boolean alive, Optional<LocalPostgres> before) {
        return ServerSight.unseen(alive, before, "the storage is silent");
    }

    @Test
    void aServerWhoseProcessLivesIsNotTakenForAStoppedOne() {
        assertEquals(
                Process.RUNNING,
                unseen(true, Optional.of(before(Process.STOPPED))).process(),
                "somebody has started it since");
        assertEquals(
                Process.STOPPING,
                unseen(true, Optional.of(before(Process.STOPPING))).process());
        assertEquals(Process.RUNNING, unseen(true, Optional.empty()).process());
    }

    @Test
    void withoutAProcessThereIsNothingThatCouldBeStarted() {
        LocalPostgres seen = unseen(false, Optional.of(before(Process.RUNNING)));
        assertEquals(Process.STOPPED, seen.process());
        assertEquals(DataDirectory.UNUSABLE, seen.dataDirectory());
        assertEquals("the storage is silent", seen.problem());
    }

    @Test
    void whatWasKnownOfTheDirectoryStaysKnown() {
        LocalPostgres seen = unseen(true, Optional.of(before(Process.RUNNING)));
        assertEquals(DataDirectory.HALF_WRITTEN, seen.dataDirectory());
        assertEquals(Optional.of("7"), seen.systemIdentifier());
        assertEquals(Optional.empty(), seen.status(), "nothing of it is true any more for certain");
        assertEquals(DataDirectory.VALID, unseen(true, Optional.empty()).dataDirectory());
    }
}
