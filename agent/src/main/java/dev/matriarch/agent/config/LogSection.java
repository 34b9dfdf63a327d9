package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.agent.log.LogConfig;
import dev.matriarch.agent.log.LogFormat;
import dev.matriarch.agent.log.LogTime;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/** Reads {@code log}. */
final class LogSection {
    private static final Set<String> LEVELS =
            Set.of("TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL");
    private static final ObjectMapper JSON = new ObjectMapper();

    private LogSection() {}

    static LogConfig read(Section s) {
        boolean json = s.word("type", "plain", List.of("plain", "json")).equals("json");
        String level = level(s, "level", "INFO").orElse("INFO");
        boolean traces =
                s.word("traceback_level", "error", List.of("error", "debug")).equals("error");
        LogFormat format = format(s, json);
        LogTime time = s.describe("dateformat", "text", "%Y-%m-%d %H:%M:%S and milliseconds", "codes of strftime")
                .text("dateformat")
                .flatMap(t -> read(s, "dateformat", LogTime::of, t))
                .orElse(LogTime.STANDARD);
        Map<String, Object> fields = staticFields(s);
        int queue = s.integer("max_queue_size", 1000, 10, 1_000_000);
        Optional<Path> dir = s.file("dir");
        Optional<Integer> mode = mode(s);
        long fileSize = s.bytes("file_size", 25_000_000, 1);
        int files = s.integer("file_num", 4, 0, 10_000);
        boolean deduplicate = s.bool("deduplicate_heartbeat_logs", true);
        Map<String, String> loggers = new LinkedHashMap<>();
        s.section("loggers")
                .ifPresent(all -> all.node()
                        .properties()
                        .forEach(e -> level(all, e.getKey(), "").ifPresent(l -> loggers.put(e.getKey(), l))));
        s.finish();
        return new LogConfig(
                json,
                level,
                traces,
                format,
                time,
                fields,
                queue,
                dir,
                mode,
                fileSize,
                files,
                deduplicate,
                Map.copyOf(loggers));
    }

    private static Optional<String> level(Section s, String name, String standard) {
        s.describe(name, "level", standard, "DEBUG, INFO, WARNING, ERROR, CRITICAL");
        Optional<String> level = s.text(name).map(t -> t.toUpperCase(Locale.ROOT));
        if (level.isPresent() && !LEVELS.contains(level.get())) {
            s.problem(name, "is not a level; use DEBUG, INFO, WARNING, ERROR or CRITICAL");
            return Optional.empty();
        }
        return level;
    }

    private static LogFormat format(Section s, boolean json) {
        Optional<JsonNode> value = s.describe(
                        "format", "text or list", LogFormat.STANDARD, "a list only with type json")
                .value("format");
        LogFormat standard = LogFormat.parse(LogFormat.STANDARD);
        if (value.isEmpty()) {
            return standard;
        }
        if (value.get().isTextual() && (!json || value.get().asText().contains("%("))) {
            return read(s, "format", LogFormat::parse, value.get().asText()).orElse(standard);
        }
        if (!json) {
            s.problem(
                    "format",
                    "is a list of fields, which needs log.type: json; write a text such as " + LogFormat.STANDARD);
            return standard;
        }
        return read(s, "format", LogSection::fields, value.get()).orElse(standard);
    }

    /** A list of names and of maps from a name to what it is called; or names in one text, with commas. */
    private static LogFormat fields(JsonNode value) {
        List<Map.Entry<String, String>> names = new ArrayList<>();
        if (value.isTextual()) {
            for (String name : value.asText().split("[\\s,]+")) {
                names.add(Map.entry(name, name));
            }
            return LogFormat.fields(names);
        }
        if (!value.isArray()) {
            throw new IllegalArgumentException("is neither a text nor a list of fields");
        }
        for (JsonNode item : value) {
            if (item.isTextual()) {
                names.add(Map.entry(item.asText(), item.asText()));
            } else if (item.isObject()
                    && item.properties().stream().allMatch(e -> e.getValue().isTextual())) {
                item.properties()
                        .forEach(e ->
                                names.add(Map.entry(e.getKey(), e.getValue().asText())));
            } else {
                throw new IllegalArgumentException(
                        "holds something that is neither a field nor a map from a field to what it is called");
            }
        }
        return LogFormat.fields(names);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> staticFields(Section s) {
        Optional<JsonNode> value = s.describe("static_fields", "map", "", "").value("static_fields");
        if (value.isPresent() && !value.get().isObject()) {
            s.problem("static_fields", "is not a map of fields");
            return Map.of();
        }
        return value.map(v -> (Map<String, Object>) JSON.convertValue(v, LinkedHashMap.class))
                .orElse(Map.of());
    }

    /** Octal with a leading 0 or 0o, as in chmod; without it the number is decimal, as YAML has it. */
    private static Optional<Integer> mode(Section s) {
        return s.describe("mode", "permissions", "as the umask has it", "0 to 0777 (octal with a leading 0)")
                .value("mode")
                .flatMap(v -> {
                    String text = v.asText();
                    try {
                        int mode = text.matches("0o?[0-7]+") && v.isTextual()
                                ? Integer.parseInt(text.replace("o", ""), 8)
                                : Integer.parseInt(text);
                        if (mode >= 0 && mode <= 0777) {
                            return Optional.of(mode);
                        }
                    } catch (NumberFormatException e) {
                        // told below
                    }
                    s.problem("mode", "is no file mode; write it as in chmod, in quotes, such as '0640'");
                    return Optional.empty();
                });
    }

    private static <T, R> Optional<R> read(Section s, String name, Function<T, R> reader, T value) {
        try {
            return Optional.of(reader.apply(value));
        } catch (IllegalArgumentException e) {
            s.problem(name, e.getMessage());
            return Optional.empty();
        }
    }
}
