package dev.matriarch.agent.log;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * The {@code log} section.
 *
 * @param traces whether exceptions are written with their stack, which is left out otherwise unless the level is DEBUG
 * @param staticFields added to each line of JSON; values are numbers, booleans, texts, lists and maps
 * @param queue how many lines may wait to be written
 * @param dir empty: standard error
 * @param mode permissions of the files, as in {@code chmod}; empty: as the process' umask has it
 * @param fileSize bytes at which a new file is begun
 * @param fileCount older files that are kept; 0: one file grows
 * @param deduplicate whether a heartbeat that says the same as the one before is left out
 * @param loggers levels by the name of the logger
 */
public record LogConfig(
        boolean json,
        String level,
        boolean traces,
        LogFormat format,
        LogTime time,
        Map<String, Object> staticFields,
        int queue,
        Optional<Path> dir,
        Optional<Integer> mode,
        long fileSize,
        int fileCount,
        boolean deduplicate,
        Map<String, String> loggers) {
    /** Plain lines on standard error. */
    public static LogConfig standard(String level) {
        return new LogConfig(
                false,
                level,
                true,
                LogFormat.standard(),
                LogTime.STANDARD,
                Map.of(),
                1000,
                Optional.empty(),
                Optional.empty(),
                25_000_000,
                4,
                true,
                Map.of());
    }
}
