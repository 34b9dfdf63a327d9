package dev.matriarch.chaos;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** What /proc tells about processes, and signals to them. A zombie counts as dead. */
public final class Processes {
    private static final Path PROC = Path.of("/proc");
    private static final Duration STOPPED = Duration.ofSeconds(30);

    private Processes() {}

    /** @param arguments the command line */
    public record Found(long pid, List<String> arguments) {}

    /**
     * Sends the signal to all of them in one instant. Whom it tells to stop has stopped when this returns: that takes its time on
     * a loaded machine, and until then some of its threads go on.
     */
    public static void signal(String signal, List<Long> pids) {
        List<String> command = new ArrayList<>(List.of("kill", "-" + signal));
        pids.forEach(pid -> command.add(Long.toString(pid)));
        Commands.run(Duration.ofSeconds(5), java.util.Map.of(), command);
        if (signal.equals("STOP")) {
            pids.forEach(pid -> Await.until("process " + pid + " stands still", STOPPED, () -> standsStill(pid)));
        }
    }

    private static boolean standsStill(long pid) {
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(PROC.resolve(pid + "/task"))) {
            for (Path thread : threads) {
                if (!fieldsAfterName(thread).map(f -> "TtZX".contains(f[0])).orElse(true)) {
                    return false;
                }
            }
            return true;
        } catch (IOException gone) {
            return true;
        }
    }

    public static boolean alive(long pid) {
        return fieldsAfterName(pid)
                .map(f -> !f[0].equals("Z") && !f[0].equals("X"))
                .orElse(false);
    }

    /** User and system time so far, in milliseconds. */
    public static long cpuMillis(long pid) {
        String[] fields = fieldsAfterName(pid).orElseThrow();
        // proc(5): utime is field 14, stime 15; the array starts with field 3. One tick is 10 ms.
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) * 10;
    }

    /** Proportional set size in kilobytes. */
    public static long pssKilobytes(long pid) {
        return memory(pid, "Pss:");
    }

    /** Resident set size in kilobytes. */
    public static long rssKilobytes(long pid) {
        return memory(pid, "Rss:");
    }

    private static long memory(long pid, String key) {
        return line(pid, "smaps_rollup", key);
    }

    private static long line(long pid, String file, String key) {
        try {
            for (String line : Files.readAllLines(PROC.resolve(pid + "/" + file))) {
                if (line.startsWith(key)) {
                    return Long.parseLong(line.replaceAll("[^0-9]", ""));
                }
            }
            throw new IllegalStateException("no " + key + " for process " + pid);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Living processes one of whose arguments contains the text. */
    public static List<Found> mentioning(String text) {
        List<Found> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path entry : entries) {
                long pid = Long.parseLong(entry.getFileName().toString());
                List<String> arguments = arguments(pid);
                if (pid != ProcessHandle.current().pid()
                        && arguments.stream().anyMatch(a -> a.contains(text))
                        && alive(pid)) {
                    found.add(new Found(pid, arguments));
                }
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        return found;
    }

    /** Living direct children. */
    public static List<Long> children(long parent) {
        List<Long> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path entry : entries) {
                long pid = Long.parseLong(entry.getFileName().toString());
                if (alive(pid) && fieldsAfterName(pid).map(f -> f[1]).orElse("").equals(Long.toString(parent))) {
                    found.add(pid);
                }
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        return found;
    }

    /** What a process of PostgreSQL calls itself. */
    public static String title(long pid) {
        return String.join(" ", arguments(pid));
    }

    private static List<String> arguments(long pid) {
        try {
            byte[] bytes = Files.readAllBytes(PROC.resolve(pid + "/cmdline"));
            return Arrays.asList(new String(bytes, StandardCharsets.UTF_8).split("\0"));
        } catch (IOException gone) {
            return List.of();
        }
    }

    private static Optional<String[]> fieldsAfterName(long pid) {
        return fieldsAfterName(PROC.resolve(Long.toString(pid)));
    }

    /** @param task a process or a thread */
    private static Optional<String[]> fieldsAfterName(Path task) {
        try {
            String stat = Files.readString(task.resolve("stat"), StandardCharsets.ISO_8859_1);
            return Optional.of(stat.substring(stat.lastIndexOf(')') + 2).split(" "));
        } catch (IOException gone) {
            return Optional.empty();
        }
    }
}
