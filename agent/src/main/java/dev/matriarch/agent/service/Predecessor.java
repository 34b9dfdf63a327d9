package dev.matriarch.agent.service;

import dev.matriarch.agent.postgres.linux.LinuxProcess;
import dev.matriarch.agent.postgres.linux.Signal;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** The agent that runs with the same configuration file already, if there is one. */
public final class Predecessor {
    private static final String MAIN_CLASS = "dev.matriarch.agent.Matriarch";

    private Predecessor() {}

    /**
     * Asks it to leave its PostgreSQL running, and waits until it has ended. Does nothing if there is none.
     *
     * @throws IOException if it does not end in this time; the message says what to do
     */
    public static void leave(Path file, Duration atMost) throws IOException {
        Optional<LinuxProcess> found = find(file);
        if (found.isEmpty()) {
            return;
        }
        LinuxProcess process = found.get();
        Signal.USR1.send(process.pid());
        long deadline = System.nanoTime() + atMost.toNanos();
        while (process.isAlive()) {
            if (System.nanoTime() - deadline > 0) {
                throw new IOException("The agent with pid " + process.pid() + " has not left within "
                        + atMost.toSeconds() + " s: its log says what it waits for. It leaves as soon as that is done;"
                        + " nothing was started here.");
            }
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while waiting for the agent with pid " + process.pid(), e);
            }
        }
    }

    private static Optional<LinuxProcess> find(Path file) throws IOException {
        Path wanted = file.toAbsolutePath().normalize();
        Predicate<LinuxProcess> runsWithIt = process -> {
            List<String> arguments = process.commandLine();
            int main = arguments.indexOf(MAIN_CLASS);
            return main >= 0
                    && main < arguments.size() - 1
                    && process.pid() != ProcessHandle.current().pid()
                    // One that only looks at the file.
                    && arguments.subList(main + 1, arguments.size() - 1).stream()
                            .noneMatch(a -> a.startsWith("--") && !a.equals("--handover"))
                    && process.workingDirectory()
                            .map(from -> from.resolve(arguments.getLast()).normalize())
                            .filter(wanted::equals)
                            .isPresent();
        };
        return LinuxProcess.all().stream().filter(runsWithIt).findFirst();
    }
}
