package dev.matriarch.agent.postgres.linux;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Signals that {@link ProcessHandle} cannot send. Sent by the shell's builtin: rare, and no native code is needed. */
public enum Signal {
    HUP,
    INT,
    QUIT,
    USR1,
    STOP,
    CONT,
    KILL;

    /**
     * Sends this signal; processes that are gone are passed over.
     *
     * @throws IOException if the shell cannot be run
     */
    public void send(List<Long> pids) throws IOException {
        if (pids.isEmpty()) {
            return;
        }
        List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", "kill -s \"$0\" \"$@\" 2>/dev/null", name()));
        pids.forEach(pid -> command.add(Long.toString(pid)));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().clear();
        Process shell = builder.start();
        try {
            if (!shell.waitFor(5, TimeUnit.SECONDS)) {
                shell.destroyForcibly();
                throw new IOException("sending " + name() + " to " + pids + " took more than 5 s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while sending " + name(), e);
        }
    }

    public void send(long pid) throws IOException {
        send(List.of(pid));
    }
}
