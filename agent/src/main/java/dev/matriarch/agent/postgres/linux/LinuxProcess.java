package dev.matriarch.agent.postgres.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One process, told apart from a later one with the same pid by its start time. A zombie counts as dead: pid 1 of a
 * container may reap late or never.
 *
 * @param startTicks field 22 of {@code /proc/PID/stat}: clock ticks since boot
 */
public record LinuxProcess(long pid, long startTicks) {

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
        List<LinuxProcess> found = new ArrayList<>();
        all().forEach(p -> stat(p.pid).filter(s -> s.parent == pid).ifPresent(s -> found.add(p)));
        return found;
    }

    /** Every living process that this user can see. */
    public static List<LinuxProcess> all() {
        List<LinuxProcess> found = new ArrayList<>();
        try (Stream<Path> entries = Files.list(Path.of("/proc"))) {
            entries.forEach(entry -> {
                String name = entry.getFileName().toString();
                if (name.chars().allMatch(c -> c >= '0' && c <= '9')) {
                    find(Long.parseLong(name)).ifPresent(found::add);
                }
            });
        } catch (IOException e) {
            throw new java.io.UncheckedIOException("/proc cannot be read", e);
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

    private static Optional<Stat> stat(long pid) {
        try {
            // The command name may hold blanks and parentheses: everything after the last ')' is well-formed.
            String text = Files.readString(proc(pid, "stat"), StandardCharsets.ISO_8859_1);
            String[] fields = text.substring(text.lastIndexOf(')') + 2).split(" ");
            return Optional.of(new Stat(fields[0].charAt(0), Long.parseLong(fields[1]), Long.parseLong(fields[19])));
        } catch (IOException | RuntimeException e) {
            return Optional.empty();
        }
    }

    private static Path proc(long pid, String name) {
        return Path.of("/proc", Long.toString(pid), name);
    }
}
