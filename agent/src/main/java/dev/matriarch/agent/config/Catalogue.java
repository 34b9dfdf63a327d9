package dev.matriarch.agent.config;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What {@code settings.txt} says of each key: what its reader cannot. */
final class Catalogue {
    private static final String FILE = "settings.txt";

    /** When a changed value takes effect. */
    enum Effect {
        RELOAD,
        RESTART,
        /** Read by the member that creates the cluster. */
        ONCE,
        /** Changed in the store. */
        CLUSTER,
        /** Read by each call of matriarchctl. */
        CALL
    }

    /** @param standard, type, range empty: as the reader says */
    record Entry(String key, Effect effect, String standard, String type, String range, String description) {}

    private final Map<String, Entry> entries = new LinkedHashMap<>();

    private Catalogue() {}

    static Catalogue read() {
        Catalogue catalogue = new Catalogue();
        try (InputStream in = Catalogue.class.getResourceAsStream(FILE);
                BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
            lines.lines()
                    .filter(line -> !line.isBlank() && !line.startsWith("#"))
                    .map(Catalogue::entry)
                    .forEach(e -> {
                        if (catalogue.entries.put(e.key(), e) != null) {
                            throw new IllegalStateException(FILE + " has two lines for " + e.key());
                        }
                    });
            return catalogue;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Entry entry(String line) {
        String[] parts = line.split(" \\| ");
        if (parts.length < 3) {
            throw new IllegalStateException(FILE + ": not 'key | when | description': " + line);
        }
        String standard = "";
        String type = "";
        String range = "";
        for (String part : List.of(parts).subList(2, parts.length - 1)) {
            String[] given = part.split(": ", 2);
            switch (given[0]) {
                case "default" -> standard = given[1];
                case "type" -> type = given[1];
                case "range" -> range = given[1];
                default -> throw new IllegalStateException(FILE + ": '" + part + "' in: " + line);
            }
        }
        return new Entry(
                parts[0],
                Effect.valueOf(parts[1].toUpperCase(Locale.ROOT)),
                standard,
                type,
                range,
                parts[parts.length - 1]);
    }

    Map<String, Entry> entries() {
        return entries;
    }

    /** The line for a key; names of the user's own in it are matched by parts in capitals. */
    Optional<Entry> of(String key) {
        Entry exact = entries.get(key);
        if (exact != null) {
            return Optional.of(exact);
        }
        return entries.values().stream()
                .filter(e -> matches(e.key(), key))
                .max(Comparator.comparingInt(e -> e.key().split("\\.").length));
    }

    private static boolean matches(String pattern, String key) {
        String[] wanted = pattern.split("\\.");
        // The user's name may hold dots itself where it comes last.
        String[] given = key.split("\\.", isAnyName(wanted[wanted.length - 1]) ? wanted.length : 0);
        if (given.length != wanted.length) {
            return false;
        }
        for (int i = 0; i < wanted.length; i++) {
            if (!isAnyName(wanted[i]) && !wanted[i].equals(given[i])) {
                return false;
            }
        }
        return true;
    }

    private static boolean isAnyName(String part) {
        return part.equals(part.toUpperCase(Locale.ROOT));
    }
}
