package dev.matriarch.agent.ha;

import java.util.Optional;

/** Whether the kernel watchdog has to reset this host if its agent falls silent: only where something may still write. */
public enum HostReset {
    NEEDED,
    /** As long as a client's session is there. */
    NEEDED_FOR_CLIENTS,
    NEEDLESS;

    /** @param leads this member holds the lock */
    public static HostReset of(Settings settings, LocalPostgres postgres, Optional<Task> task, boolean leads) {
        boolean stopping = task.filter(Task::stops).isPresent();
        boolean harmless = task.isEmpty() || stopping;
        boolean stopped = postgres.process() == LocalPostgres.Process.STOPPED && harmless;
        boolean standby = postgres.isReplica()
                && harmless
                && (!leads || settings.standbyCluster().isPresent());
        if (settings.paused() || stopped || standby) {
            return NEEDLESS;
        }
        // A server that does not stop leaves it running.
        return stopping && postgres.process() == LocalPostgres.Process.STOPPING ? NEEDED_FOR_CLIENTS : NEEDED;
    }
}
