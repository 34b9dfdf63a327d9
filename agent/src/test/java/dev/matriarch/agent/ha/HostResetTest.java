package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.ha.LocalPostgres.Process;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** When the kernel watchdog may rest. */
class HostResetTest {
    private static final Optional<Task> STOPS = Optional.of(new Task(Task.Kind.STOP, 0));
    private static final Optional<Task> PROMOTES = Optional.of(new Task(Task.Kind.PROMOTE, 0));

    private static Settings settings(Scene scene) {
        return scene.observation().settings();
    }

    private static HostReset of(LocalPostgres postgres, Optional<Task> task, boolean leads) {
        return HostReset.of(settings(Scene.leader()), postgres, task, leads);
    }

    private static LocalPostgres process(Process process) {
        LocalPostgres stopped = Servers.stopped("shut down");
        return new LocalPostgres(
                stopped.dataDirectory(),
                stopped.systemIdentifier(),
                process,
                stopped.control(),
                Optional.empty(),
                stopped.problem());
    }

    @Test
    void aPrimaryThatNobodyWatchesAnyMoreIsReset() {
        assertEquals(HostReset.NEEDED, of(Servers.primary(100), Optional.empty(), true));
        assertEquals(HostReset.NEEDED, of(Servers.primary(100), Optional.empty(), false));
        assertEquals(HostReset.NEEDED, of(Servers.primary(100), STOPS, true));
    }

    @Test
    void whatCannotWriteNeedNotBeReset() {
        assertEquals(HostReset.NEEDLESS, of(Servers.stopped("shut down"), Optional.empty(), true));
        assertEquals(HostReset.NEEDLESS, of(Servers.replica(100), Optional.empty(), false));
        assertEquals(HostReset.NEEDLESS, of(Servers.replica(100), STOPS, false));
    }

    @Test
    void whatIsAboutToWriteIsResetAlready() {
        assertEquals(HostReset.NEEDED, of(Servers.replica(100), PROMOTES, false));
        assertEquals(HostReset.NEEDED, of(Servers.stopped("shut down"), PROMOTES, true));
        assertEquals(HostReset.NEEDED, of(Servers.replica(100), Optional.empty(), true), "it holds the lock");
    }

    @Test
    void aServerThatStopsIsWatchedWhileClientsAreThere() {
        assertEquals(HostReset.NEEDED_FOR_CLIENTS, of(process(Process.STOPPING), STOPS, true));
        assertEquals(HostReset.NEEDED, of(process(Process.STOPPING), Optional.empty(), true), "stopped by another");
    }

    @Test
    void nothingIsResetWhileAnOperatorIsAtWork() {
        assertEquals(
                HostReset.NEEDLESS,
                HostReset.of(settings(Scene.leader().paused()), Servers.primary(100), Optional.empty(), true));
    }
}
