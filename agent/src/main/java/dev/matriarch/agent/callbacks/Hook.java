package dev.matriarch.agent.callbacks;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A program of the operator that an action waits for. */
public final class Hook {
    private static final Logger LOG = LoggerFactory.getLogger(Hook.class);

    private Hook() {}

    /**
     * Runs it to its end; ends it and its children at the deadline or when the thread is interrupted.
     *
     * @param words the program and its arguments; none: nothing to run, which is fine
     * @return true if it ended with exit code 0 in time
     */
    public static boolean run(String name, List<String> words, Duration timeout) throws InterruptedException {
        if (words.isEmpty()) {
            return true;
        }
        LOG.info("Running {}: {}", name, words.getFirst());
        Script script;
        try {
            script = Script.start(name, words);
        } catch (IOException e) {
            LOG.error("{} cannot be run: {}", name, e.getMessage());
            return false;
        }
        try {
            if (!script.await(timeout)) {
                LOG.error("{} did not end within {} ms and was killed", name, timeout.toMillis());
                return false;
            }
        } finally {
            script.kill();
        }
        if (script.exitCode() != 0) {
            LOG.error("{} ended with exit code {}", name, script.exitCode());
        }
        return script.exitCode() == 0;
    }

    /** Starts it and waits for nothing. */
    public static void begin(String name, List<String> words) {
        if (words.isEmpty()) {
            return;
        }
        try {
            Script.start(name, words);
        } catch (IOException e) {
            LOG.error("{} cannot be run: {}", name, e.getMessage());
        }
    }
}
