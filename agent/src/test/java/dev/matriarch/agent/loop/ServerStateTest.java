package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.LocalPostgres.Process;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.loop.ServerState.LastAction;
import dev.matriarch.dcs.Lsn;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Every state that a member can report, but running. */
class ServerStateTest {
    private static LocalPostgres server(Process process, String control) {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                Optional.of("74"),
                process,
                control.isEmpty()
                        ? Optional.empty()
                        : Optional.of(new LocalPostgres.ControlFile(control, 1, new Lsn(1), Lsn.INVALID, 0, true)),
                Optional.empty(),
                "");
    }

    private static String busy(Task.Kind kind, Process process, boolean custom) {
        return ServerState.words(server(process, ""), Optional.of(new Task(kind, 0)), Optional.empty(), custom);
    }

    private static String after(Task.Kind kind, boolean success, boolean custom, Process process, String control) {
        return ServerState.words(
                server(process, control), Optional.empty(), Optional.of(new LastAction(kind, success, custom)), custom);
    }

    @Test
    void whatGoesOnIsSaidFirst() {
        assertEquals("initializing new cluster", busy(Task.Kind.BOOTSTRAP, Process.STOPPED, false));
        assertEquals("initializing new cluster", busy(Task.Kind.BOOTSTRAP, Process.RUNNING, false));
        assertEquals("running custom bootstrap script", busy(Task.Kind.BOOTSTRAP, Process.STOPPED, true));
        assertEquals("starting after custom bootstrap", busy(Task.Kind.BOOTSTRAP, Process.STARTING, true));
        assertEquals("creating replica", busy(Task.Kind.CLONE, Process.STOPPED, false));
        assertEquals("restarting", busy(Task.Kind.RESTART, Process.STOPPED, false));
        assertEquals("starting", busy(Task.Kind.START_REPLICA, Process.STOPPED, false));
        assertEquals("stopping", busy(Task.Kind.STOP, Process.STOPPING, false));
        assertEquals("stopped", busy(Task.Kind.STOP, Process.STOPPED, false));
    }

    @Test
    void whatFailedLastIsSaidOfAServerThatDoesNotRun() {
        assertEquals("initdb failed", after(Task.Kind.BOOTSTRAP, false, false, Process.STOPPED, ""));
        assertEquals("custom bootstrap failed", after(Task.Kind.BOOTSTRAP, false, true, Process.STOPPED, ""));
        assertEquals("start failed", after(Task.Kind.START_REPLICA, false, false, Process.STOPPED, "shut down"));
        assertEquals("start failed", after(Task.Kind.START_PRIMARY, false, false, Process.STOPPED, "in production"));
        assertEquals("restart failed", after(Task.Kind.RESTART, false, false, Process.STOPPED, "shut down"));
        assertEquals("stop failed", after(Task.Kind.STOP, false, false, Process.RUNNING, ""));
        assertEquals("starting", after(Task.Kind.START_REPLICA, false, false, Process.STARTING, ""));
        assertEquals("stopped", after(Task.Kind.REWIND, false, false, Process.STOPPED, "shut down"));
    }

    @Test
    void aServerThatEndedByItselfCrashedUnlessItShutDownInGoodOrder() {
        for (String control : new String[] {"in production", "in archive recovery", "in crash recovery"}) {
            assertEquals("crashed", after(Task.Kind.START_REPLICA, true, false, Process.STOPPED, control));
            assertEquals(
                    "crashed",
                    ServerState.words(server(Process.STOPPED, control), Optional.empty(), Optional.empty(), false));
            assertEquals(
                    "stopped",
                    after(Task.Kind.STOP_NOW, true, false, Process.STOPPED, control),
                    "an immediate stop leaves the same file behind, but it was wanted");
        }
        assertEquals("stopped", after(Task.Kind.START_REPLICA, true, false, Process.STOPPED, "shut down"));
        assertEquals("stopped", after(Task.Kind.START_REPLICA, true, false, Process.STOPPED, "shut down in recovery"));
        assertEquals("unknown", after(Task.Kind.START_REPLICA, true, false, Process.RUNNING, ""));
    }
}
