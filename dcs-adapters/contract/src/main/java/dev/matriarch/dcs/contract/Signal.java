package dev.matriarch.dcs.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A signal to a server that a test has started. */
public final class Signal {
    private static final Duration STOPPED = Duration.ofSeconds(30);

    private Signal() {}

    /**
     * Returns when it has taken effect. A process is told to stop, and not stopped: until one of its threads gets a processor
     * to pass it on, which takes its time on a loaded machine, the others answer.
     *
     * @param name such as {@code STOP}
     */
    public static void send(String name, Process to) throws IOException, InterruptedException {
        Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(to.pid())).start();
        assertTrue(kill.waitFor(10, TimeUnit.SECONDS) && kill.exitValue() == 0, "kill -" + name);
        if (name.equals("STOP")) {
            Path threads = Path.of("/proc", Long.toString(to.pid()), "task");
            Sample.await(STOPPED, "process " + to.pid() + " stands still", () -> standStill(threads));
        }
    }

    private static boolean standStill(Path threads) throws IOException {
        try (DirectoryStream<Path> all = Files.newDirectoryStream(threads)) {
            for (Path thread : all) {
                String stat = Files.readString(thread.resolve("stat"), StandardCharsets.ISO_8859_1);
                // proc(5): the state follows the name, which stands in parentheses and may hold some.
                if ("TtZX".indexOf(stat.charAt(stat.lastIndexOf(')') + 2)) < 0) {
                    return false;
                }
            }
            return true;
        }
    }
}
