package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** postgresql.auto.conf, which ALTER SYSTEM writes and which wins over every other file. */
final class AutoConf {
    private static final String NAME = "postgresql.auto.conf";

    private AutoConf() {}

    static Path in(Path dataDirectory) {
        return dataDirectory.resolve(NAME);
    }

    /** The names in it that are the agent's alone. */
    static List<String> foreign(Path dataDirectory) throws IOException {
        Path file = in(dataDirectory);
        return Files.exists(file)
                ? Files.readAllLines(file, StandardCharsets.ISO_8859_1).stream()
                        .filter(AutoConf::isOurs)
                        .map(AutoConf::name)
                        .toList()
                : List.of();
    }

    /** Takes them out. */
    static void strip(Path dataDirectory) throws IOException {
        if (foreign(dataDirectory).isEmpty()) {
            return;
        }
        Path file = in(dataDirectory);
        StringBuilder kept = new StringBuilder();
        for (String line : Files.readAllLines(file, StandardCharsets.ISO_8859_1)) {
            if (!isOurs(line)) {
                kept.append(line).append('\n');
            }
        }
        DurableFile.writeFor(dataDirectory, file, kept.toString().getBytes(StandardCharsets.ISO_8859_1));
    }

    private static boolean isOurs(String line) {
        return RecoveryFiles.isOfRecovery(name(line)) || name(line).equals("synchronous_standby_names");
    }

    private static String name(String line) {
        return line.strip().split("[\\s=]", 2)[0].toLowerCase(Locale.ROOT);
    }
}
