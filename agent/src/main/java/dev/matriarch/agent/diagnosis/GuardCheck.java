package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.proto.control.v1.GuardFacts;
import java.util.List;

/** What stops a primary whose agent cannot. */
final class GuardCheck implements Check {
    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("guard");
        of.facts().forEach((name, facts) -> {
            GuardFacts guard = facts.getGuard();
            if (guard.getLeads()
                    && !guard.getGuarded()
                    && facts.getPostgres().getRunning()
                    && !of.config().paused()) {
                notes.error(
                        "guard",
                        name,
                        "it leads, and no guard stops PostgreSQL if the agent hangs or is killed",
                        "the agent replaces a dead guard by itself; if this stays so, read its log and restart it");
            }
            watchdog(notes, name, guard);
            long loopWait = of.config().loopWait().toMillis();
            if (guard.getLateMillis() > Math.max(1000, loopWait)) {
                notes.note(
                        guard.getLateMillis() > of.config().ttl().toMillis() / 2,
                        "heartbeat",
                        name,
                        "its heartbeat is " + guard.getLateMillis() + " ms late",
                        "look at the load, the memory and the disk of its host; a longer ttl gives more room");
            }
            if (!guard.getWriteProblem().isEmpty()) {
                notes.error(
                        "writes",
                        name,
                        "PostgreSQL does not get its writes to the disk: " + guard.getWriteProblem(),
                        "look at the volume of the data directory and of its WAL (dmesg, df); matriarchctl switchover"
                                + " moves the primary away");
            }
        });
        notes.otherwise("guard", "whoever leads is guarded");
        notes.otherwise("watchdog", watchdogs(of));
        notes.otherwise("heartbeat", "every agent's heart beats in time");
        notes.otherwise("writes", "the primary writes");
        return notes.findings();
    }

    private static void watchdog(Notes notes, String name, GuardFacts guard) {
        boolean required = guard.getWatchdogMode().equals("required");
        boolean unusable = guard.getWatchdog().equals("failed") || !guard.getDeviceThere();
        if (required && unusable) {
            String why = guard.getDeviceThere()
                    ? guard.getWatchdogProblem().isEmpty() ? "it cannot be used" : guard.getWatchdogProblem()
                    : "there is no " + guard.getWatchdogDevice();
            notes.error(
                    "watchdog",
                    name,
                    "watchdog.mode is required, and the member must not lead: " + why,
                    guard.getDeviceThere()
                            ? "let the agent's user write " + guard.getWatchdogDevice() + " (docs/watchdog.md)"
                            : "modprobe softdog, or the driver of the hardware's (docs/watchdog.md); or set"
                                    + " watchdog.mode to automatic");
        }
    }

    private static String watchdogs(Examination of) {
        var states = of.each(
                f -> f.getGuard().getWatchdogMode() + ", " + f.getGuard().getWatchdog());
        return "watchdog of the kernel: " + Notes.byValue(states);
    }
}
