package dev.matriarch.agent.postgres.linux;

import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * One process, told apart from a later one with the same pid by its start time. A zombie counts as dead: pid 1 of a
 * container may reap late or never.
 *
 * @param startTicks field 22 of {@code /proc/PID/stat}: clock ticks since boot
 */
public record LinuxProcess(long pid, long startTicks) {

    /** Of 52 numbers, of which most are small. */
    private static final int LONGEST_STAT = 1024;

    /** Places among the fields after the state. */
    private static final int PARENT = 0;

    private static final int START_TICKS = 18;

    /** A moment's view of {@code /proc/PID/stat}. */
    private record Stat(char state, long parent, long startTicks) {}

    /** The living process with this pid, if there is one. */
    public static Optional<LinuxProcess> find(long pid) {
        return stat(pid).filter(LinuxProcess::living).map(s -> new LinuxProcess(pid, s.startTicks));
    }

    /** True while it has not ended; a stopped process is alive. */
    public boolean isAlive() {
        return stat(pid).filter(s -> living(s) && s.startTicks == startTicks).isPresent();
    }

    /** True while it is alive and not stopped. */
    public boolean isRunning() {
        return stat(pid)
                .filter(s -> living(s) && s.startTicks == startTicks && s.state != 'T' && s.state != 't')
                .isPresent();
    }

    /** True if it is alive but stopped by a signal or a debugger. */
    public boolean isStopped() {
        return stat(pid)
                .filter(s -> s.startTicks == startTicks && (s.state == 'T' || s.state == 't'))
                .isPresent();
    }

    /** Working directory; empty if it is gone or belongs to another user. */
    public Optional<Path> workingDirectory() {
        return link("cwd");
    }

    /** File name of the executable; empty if it is gone or belongs to another user. */
    public Optional<String> executableName() {
        return link("exe").map(p -> p.getFileName().toString().replace(" (deleted)", ""));
    }

    /** Command line, one element for each argument; empty list if it is gone. */
    public List<String> commandLine() {
        try {
            String all = Files.readString(proc(pid, "cmdline"), StandardCharsets.ISO_8859_1);
            byte[] raw = all.getBytes(StandardCharsets.ISO_8859_1);
            String text = new String(raw, StandardCharsets.UTF_8);
            return text.isEmpty() ? List.of() : List.of(text.split("\0"));
        } catch (IOException e) {
            return List.of();
        }
    }

    /** Living direct children. */
    public List<LinuxProcess> children() {
        return all(stat -> stat.parent == pid);
    }

    /** Every living process that this user can see. */
    public static List<LinuxProcess> all() {
        return all(stat -> true);
    }

    private static List<LinuxProcess> all(Predicate<Stat> wanted) {
        List<LinuxProcess> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(Path.of("/proc"), "[1-9]*")) {
            for (Path entry : entries) {
                long pid = Long.parseLong(entry.getFileName().toString());
                stat(pid)
                        .filter(s -> living(s) && wanted.test(s))
                        .ifPresent(s -> found.add(new LinuxProcess(pid, s.startTicks)));
            }
        } catch (IOException | DirectoryIteratorException e) {
            throw new IllegalStateException("/proc cannot be read: " + e.getMessage(), e);
        }
        return found;
    }

    private Optional<Path> link(String name) {
        try {
            return Optional.of(Files.readSymbolicLink(proc(pid, name)));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static boolean living(Stat stat) {
        return stat.state != 'Z' && stat.state != 'X' && stat.state != 'x';
    }

    /** Asked for several times in each heartbeat, and so with as little ado as possible. */
    private static Optional<Stat> stat(long pid) {
        byte[] text = new byte[LONGEST_STAT];
        int length;
        try (FileInputStream in = new FileInputStream("/proc/" + pid + "/stat")) {
            length = in.read(text);
        } catch (IOException e) {
            return Optional.empty();
        }
        // The command name may hold blanks and parentheses: everything after the last ')' is well-formed.
        int at = length - 1;
        while (at >= 0 && text[at] != ')') {
            at--;
        }
        if (at < 0 || at + 2 >= length) {
            return Optional.empty();
        }
        char state = (char) text[at + 2];
        long[] fields = new long[START_TICKS + 1];
        int field = 0;
        for (at += 4; at < length && field <= START_TICKS; at++) {
            if (text[at] == ' ' || text[at] == '\n') {
                field++;
            } else if (text[at] >= '0' && text[at] <= '9') {
                fields[field] = fields[field] * 10 + text[at] - '0';
            }
        }
        return field > START_TICKS
                ? Optional.of(new Stat(state, fields[PARENT], fields[START_TICKS]))
                : Optional.empty();
    }

    private static Path proc(long pid, String name) {
        return Path.of("/proc", Long.toString(pid), name);
    }
}
