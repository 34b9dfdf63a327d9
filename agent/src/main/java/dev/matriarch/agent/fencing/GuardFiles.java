package dev.matriarch.agent.fencing;

import dev.matriarch.agent.postgres.linux.LinuxProcess;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of the guards: their program, the pipes that they read, what they write. A guard is known by them among all
 * processes.
 *
 * @param stateDir absolute
 * @param dataDir of the server that is guarded; absolute
 * @param script the guards' program; its name tells versions apart
 */
record GuardFiles(Path stateDir, Path dataDir, Path script) {
    private static final Logger log = LoggerFactory.getLogger(GuardFiles.class);
    private static final int ARGUMENTS = 6;
    /** A guard that was just started may not show its arguments yet. */
    private static final long STARTING_MILLIS = 60_000;

    /** With the program written. */
    static GuardFiles written(Path stateDir, Path dataDir) throws IOException {
        byte[] content;
        try (InputStream in = GuardFiles.class.getResourceAsStream("guard.sh")) {
            content =
                    Objects.requireNonNull(in, "guard.sh is missing in the jar").readAllBytes();
        }
        CRC32 sum = new CRC32();
        sum.update(content);
        // The name tells versions apart: a guard of another one is replaced, not adopted.
        Path script = stateDir.resolve(String.format("guard-%08x.sh", sum.getValue()));
        if (!Files.exists(script) || !Arrays.equals(Files.readAllBytes(script), content)) {
            Path fresh = stateDir.resolve("guard.sh.new");
            Files.deleteIfExists(fresh);
            Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Files.write(fresh, content);
            Files.move(fresh, script, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        }
        return new GuardFiles(stateDir, dataDir, script);
    }

    /** @param index 0 or 1 */
    Path newFifo(int index) {
        return stateDir.resolve(name(index) + "." + Uptime.centis() + "."
                + ProcessHandle.current().pid() + ".fifo");
    }

    Path state(int index) {
        return stateDir.resolve(name(index) + ".state");
    }

    Path log() {
        return stateDir.resolve("guard.log");
    }

    private static String name(int index) {
        return "guard-" + (index + 1);
    }

    /**
     * A guard of this state directory.
     *
     * @param ours of this version, for this data directory
     */
    record Found(int index, Path fifo, boolean ours) {}

    /** @param commandLine of any process; empty: it is no guard of this state directory */
    Optional<Found> found(List<String> commandLine) {
        if (commandLine.size() != ARGUMENTS
                || !commandLine.get(0).endsWith("bash")
                || !commandLine.get(1).startsWith(stateDir.resolve("guard-").toString())) {
            return Optional.empty();
        }
        Path fifo = Path.of(commandLine.get(2));
        return Optional.of(new Found(
                fifo.getFileName().toString().startsWith(name(0)) ? 0 : 1,
                fifo,
                commandLine.get(1).equals(script.toString())
                        && commandLine.get(5).equals(dataDir.toString())));
    }

    /** Removes pipes and scripts that no living guard uses. */
    void removeLeftovers(List<LinuxProcess> living) {
        List<String> used = new ArrayList<>();
        living.forEach(p -> used.addAll(p.commandLine()));
        long now = System.currentTimeMillis();
        try (Stream<Path> files = Files.list(stateDir)) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                boolean ours = name.startsWith("guard-") && (name.endsWith(".fifo") || name.endsWith(".sh"));
                if (ours
                        && !used.contains(file.toString())
                        && !file.equals(script)
                        && now - Files.getLastModifiedTime(file).toMillis() > STARTING_MILLIS) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (IOException e) {
            log.debug("Left-over pipes of guards were not removed", e);
        }
    }
}
