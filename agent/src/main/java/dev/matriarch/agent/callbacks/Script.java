package dev.matriarch.agent.callbacks;

import dev.matriarch.agent.postgres.ChildEnvironment;
import dev.matriarch.agent.postgres.linux.Signal;
import java.io.File;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One running program of the operator, in a session of its own so that its children can be ended with it. */
final class Script {
    private static final Logger LOG = LoggerFactory.getLogger(Script.class);
    private static final long GRACE_MILLIS = 500;

    private final String name;
    private final Process process;

    private Script(String name, Process process) {
        this.name = name;
        this.process = process;
    }

    /** Output goes where the agent's goes. @throws IOException if the program cannot be run */
    static Script start(String name, List<String> words) throws IOException {
        List<String> command = new ArrayList<>(List.of("setsid"));
        command.addAll(words);
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectInput(new File("/dev/null"))
                .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                .redirectError(ProcessBuilder.Redirect.INHERIT);
        ChildEnvironment.scrub(builder.environment());
        return new Script(name, builder.start());
    }

    /** True if it has ended; its result is {@link #exitCode}. */
    boolean await(Duration timeout) throws InterruptedException {
        return process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS);
    }

    int exitCode() {
        return process.exitValue();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    Process process() {
        return process;
    }

    /** Ends it and its children: SIGTERM, and SIGKILL half a second later for what is left. */
    void kill() {
        if (!process.isAlive()) {
            return;
        }
        List<ProcessHandle> family = new ArrayList<>(process.descendants().toList());
        family.add(process.toHandle());
        family.forEach(ProcessHandle::destroy);
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(GRACE_MILLIS);
        boolean interrupted = false;
        while (family.stream().anyMatch(ProcessHandle::isAlive) && System.nanoTime() - end < 0) {
            try {
                Thread.sleep(10);
            } catch (InterruptedException e) {
                interrupted = true;
                break;
            }
        }
        family.forEach(ProcessHandle::destroyForcibly);
        try {
            // Children whose parent has ended are nobody's descendants, but they are still in the session's group.
            Signal.KILL.send(-process.pid());
        } catch (IOException e) {
            LOG.warn("What remains of {} could not be ended: {}", name, e.getMessage());
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
