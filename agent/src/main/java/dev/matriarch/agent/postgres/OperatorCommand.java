package dev.matriarch.agent.postgres;

import dev.matriarch.agent.postgres.linux.LinuxProcess;
import dev.matriarch.agent.postgres.linux.Signal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A command of the operator that works on the data directory: restores a backup, fills a new cluster.
 *
 * <p>It runs in a session of its own. A file says which one, so that an agent that was killed meanwhile finds and ends it
 * when it comes back: two of them must not write into one directory.
 */
final class OperatorCommand {
    private static final Logger log = LoggerFactory.getLogger(OperatorCommand.class);

    private final Path note;

    OperatorCommand(Path stateDir) {
        note = stateDir.resolve("running-command");
    }

    /**
     * @param passfile for PGPASSFILE
     * @param options for PGOPTIONS; empty: not set
     * @return its exit code; its output is logged under {@code name}
     */
    Child.Result run(
            String name, List<String> words, Path passfile, String options, Deadline deadline, Consumer<String> lines)
            throws PostgresException {
        endLeftover();
        log.info("Running {}: {}", name, words.getFirst());
        List<String> command = new ArrayList<>(List.of("setsid"));
        command.addAll(words);
        Child child = Child.of(command)
                .passfile(passfile)
                .started(this::writeNote)
                .lines(line -> {
                    log.info("{}: {}", name, line);
                    lines.accept(line);
                });
        if (!options.isEmpty()) {
            child.options(options);
        }
        try {
            return child.run(deadline);
        } finally {
            endLeftover();
        }
    }

    private void writeNote(long pid) {
        Optional<LinuxProcess> process = LinuxProcess.find(pid);
        if (process.isPresent()) {
            try {
                DurableFile.write(note, pid + " " + process.get().startTicks() + "\n");
            } catch (IOException e) {
                log.warn("{} cannot be written: {}", note, e.getMessage());
            }
        }
    }

    /** Ends what runs in the session that the file names, if it is still that one. */
    void endLeftover() {
        // A signal is sent by a shell that is waited for, also when this thread is to end.
        boolean interrupted = Thread.interrupted();
        try {
            if (!Files.exists(note)) {
                return;
            }
            String[] fields = Files.readString(note).strip().split(" ");
            long pid = Long.parseLong(fields[0]);
            boolean same = LinuxProcess.find(pid)
                    .filter(p -> p.startTicks() == Long.parseLong(fields[1]))
                    .isPresent();
            if (same) {
                log.warn("Ending the command of an earlier attempt (pid {})", pid);
            }
            // Once its first process is gone the number may be another group's, unless children keep it in use.
            if (same || LinuxProcess.find(pid).isEmpty()) {
                Signal.KILL.send(-pid);
            }
            DurableFile.delete(note);
        } catch (IOException | NumberFormatException | ArrayIndexOutOfBoundsException e) {
            log.warn("{} cannot be used: {}", note, e.getMessage());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
