package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Task;
import java.util.Optional;

/** The state of PostgreSQL in the words that Patroni's users know. Pure. */
final class ServerState {
    private ServerState() {}

    /**
     * A long action that has ended; one that was cancelled has not failed.
     *
     * @param custom the first data directory is made by the operator's own command
     */
    record LastAction(Task.Kind kind, boolean success, boolean custom) {}

    /**
     * @param task what goes on
     * @param last what ended last, since the agent began
     * @param custom the first data directory is made by the operator's own command
     */
    static String words(LocalPostgres postgres, Optional<Task> task, Optional<LastAction> last, boolean custom) {
        Optional<String> busy = task.map(Task::kind).flatMap(kind -> busy(kind, postgres.process(), custom));
        return busy.orElseGet(() -> switch (postgres.process()) {
            case STOPPED -> stopped(postgres, last);
            case STARTING -> "starting";
            case STOPPING -> "stopping";
            case RUNNING ->
                last.filter(l -> !l.success() && stops(l.kind())).isPresent()
                        ? "stop failed"
                        : postgres.status().isPresent() ? "running" : "unknown";
        });
    }

    private static Optional<String> busy(Task.Kind kind, LocalPostgres.Process process, boolean custom) {
        boolean stopped = process == LocalPostgres.Process.STOPPED;
        return switch (kind) {
            case BOOTSTRAP ->
                Optional.of(
                        !custom
                                ? "initializing new cluster"
                                : stopped ? "running custom bootstrap script" : "starting after custom bootstrap");
            case CLONE -> Optional.of("creating replica");
            case RESTART, COPY_SLOTS -> Optional.of("restarting");
            case STOP, STOP_NOW -> stopped ? Optional.empty() : Optional.of("stopping");
            case START_REPLICA, START_PRIMARY -> stopped ? Optional.of("starting") : Optional.empty();
            default -> Optional.empty();
        };
    }

    private static String stopped(LocalPostgres postgres, Optional<LastAction> last) {
        if (last.isPresent() && !last.get().success()) {
            switch (last.get().kind()) {
                case BOOTSTRAP -> {
                    return last.get().custom() ? "custom bootstrap failed" : "initdb failed";
                }
                case RESTART, COPY_SLOTS -> {
                    return "restart failed";
                }
                case START_REPLICA, START_PRIMARY -> {
                    return "start failed";
                }
                default -> {
                    // It failed at something that does not begin with a server that runs.
                }
            }
        }
        boolean wanted = last.filter(l -> l.success() && stops(l.kind())).isPresent();
        return !wanted && postgres.control().map(ServerState::unclean).orElse(false) ? "crashed" : "stopped";
    }

    private static boolean stops(Task.Kind kind) {
        return kind == Task.Kind.STOP || kind == Task.Kind.STOP_NOW;
    }

    /** It says what the server did when it ended, and that was not a shutdown. */
    private static boolean unclean(LocalPostgres.ControlFile control) {
        return control.crashedAsPrimary() || control.state().equals("in archive recovery");
    }
}
