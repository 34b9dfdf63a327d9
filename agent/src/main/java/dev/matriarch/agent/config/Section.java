package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Reads one map of a configuration key by key. Each key that is asked for counts as known; {@link #finish} reports all
 * others. A wrong value is reported and read as if it were missing, so that one pass finds every problem.
 */
final class Section {
    static final String NOT_YET = "is a Patroni setting that this version does not support yet; remove it";

    private final Findings findings;
    private final String path;
    private final ObjectNode node;
    private final Set<String> known = new TreeSet<>();
    /** To why. */
    private final Map<String, String> refused = new TreeMap<>();
    /** To the one value that is no request, because it is what holds anyway. */
    private final Map<String, String> unchanged = new TreeMap<>();

    Section(Findings findings, String path, ObjectNode node) {
        this.findings = findings;
        this.path = path;
        this.node = node;
    }

    String key(String name) {
        return path.isEmpty() ? name : path + "." + name;
    }

    boolean has(String name) {
        JsonNode value = node.get(name);
        return value != null && !value.isNull();
    }

    void problem(String name, String sentence) {
        findings.add(key(name), node.get(name), sentence);
    }

    /**
     * Says what a key is like that is read by {@link #value}. The other readers say it themselves.
     *
     * @param type in words
     * @param standard what holds if the key is not given; empty: nothing, or it depends
     * @param range empty: anything
     */
    Section describe(String name, String type, String standard, String range) {
        findings.declare(Setting.of(key(name), type, standard, range, node.get(name)));
        return this;
    }

    Optional<JsonNode> value(String name) {
        known.add(name);
        describe(name, "", "", "");
        return has(name) ? Optional.of(node.get(name)) : Optional.empty();
    }

    String text(String name, String otherwise) {
        describe(name, "text", otherwise, "");
        return text(name).orElse(otherwise);
    }

    /** One of a few words, in lower case. */
    String word(String name, String otherwise, List<String> words) {
        describe(name, "text", otherwise, String.join(", ", words));
        return text(name)
                .map(t -> t.toLowerCase(java.util.Locale.ROOT))
                .filter(t -> words.contains(t)
                        || wrong(name, "is none of " + String.join(", ", words)).isPresent())
                .orElse(otherwise);
    }

    Optional<String> text(String name) {
        describe(name, "text", "", "");
        return value(name).flatMap(v -> {
            if (v.isContainerNode()) {
                return wrong(name, "is not a text");
            }
            return v.asText().isBlank() ? wrong(name, "is empty") : Optional.of(v.asText());
        });
    }

    String requiredText(String name, String advice) {
        Optional<String> text = text(name);
        if (text.isEmpty() && !has(name)) {
            findings.add(key(name), "is missing: " + advice);
        }
        return text.orElse("");
    }

    boolean bool(String name, boolean otherwise) {
        describe(name, "boolean", Boolean.toString(otherwise), "");
        return value(name)
                .flatMap(v -> Quantity.bool(v).or(() -> wrong(name, "is neither true nor false")))
                .orElse(otherwise);
    }

    int integer(String name, int otherwise, int min, int max) {
        describe(
                name,
                "integer",
                Integer.toString(otherwise),
                (min == Integer.MIN_VALUE ? "" : "at least " + min)
                        + (max == Integer.MAX_VALUE ? "" : (min == Integer.MIN_VALUE ? "" : ", ") + "at most " + max));
        return value(name)
                .flatMap(v -> Quantity.integer(v)
                        .filter(n -> n >= min && n <= max)
                        .or(() -> wrong(
                                name,
                                max == Integer.MAX_VALUE
                                        ? "is not a whole number of at least " + min
                                        : "is not a whole number from " + min + " to " + max)))
                .orElse(otherwise);
    }

    long bytes(String name, long otherwise, long min) {
        describe(name, "size", Long.toString(otherwise), "at least " + min);
        return value(name)
                .flatMap(v -> Quantity.bytes(v)
                        .filter(n -> n >= min)
                        .or(() -> wrong(name, "is not a size of at least " + min + " bytes, such as 1048576 or 1MB")))
                .orElse(otherwise);
    }

    Duration duration(String name, Duration otherwise, Duration min) {
        describe(
                name,
                "time",
                Quantity.seconds(otherwise) + " s",
                min.isZero() ? "not negative" : "at least " + Quantity.seconds(min) + " s");
        return value(name)
                .flatMap(v -> Quantity.duration(v)
                        .filter(d -> d.compareTo(min) >= 0)
                        .or(() -> wrong(
                                name,
                                "is not a time of at least " + Quantity.seconds(min)
                                        + " s; give seconds, decimals allowed, as in 0.5")))
                .orElse(otherwise);
    }

    Optional<HostPort> address(String name, int defaultPort) {
        describe(name, "host:port", "", "");
        return text(name).flatMap(text -> {
            try {
                return Optional.of(HostPort.parse(text, defaultPort));
            } catch (IllegalArgumentException e) {
                return wrong(name, "is not an address: " + e.getMessage());
            }
        });
    }

    /** An address that others use to reach this host: a real one, not "all of them". */
    Optional<HostPort> reachableAddress(String name, int defaultPort) {
        return address(name, defaultPort)
                .flatMap(a -> isAnyAddress(a.host())
                        ? wrong(name, "is not an address that others can reach; name this host's own")
                        : Optional.of(a));
    }

    static boolean isAnyAddress(String host) {
        return host.equals("*") || host.equals("0.0.0.0") || host.equals("::");
    }

    Optional<Path> file(String name) {
        describe(name, "path", "", "");
        return text(name).flatMap(text -> {
            try {
                return Optional.of(Path.of(text).toAbsolutePath().normalize());
            } catch (InvalidPathException e) {
                return wrong(name, "is not a path: " + e.getReason());
            }
        });
    }

    /** A secret, from {@code name} or from the file named by {@code name_file}. */
    Optional<String> secret(String name) {
        describe(name, "secret", "", "");
        Optional<JsonNode> direct = value(name);
        String fileKey = name + "_file";
        Optional<Path> file = file(fileKey);
        if (direct.isPresent() && file.isPresent()) {
            problem(fileKey, "is given together with " + key(name) + "; keep one of them");
            return Optional.empty();
        }
        if (direct.isPresent()) {
            if (!direct.get().isTextual()) {
                // YAML would turn 0123 into another number; only a text is certain to be what was typed.
                return wrong(name, "is not a text; put it in quotes");
            }
            return direct.map(JsonNode::asText);
        }
        return file.flatMap(f -> {
            try {
                return Optional.of(Files.readString(f).replaceFirst("\\R\\z", ""));
            } catch (IOException e) {
                return wrong(
                        fileKey,
                        "cannot be read (" + e.getClass().getSimpleName()
                                + "); create it, readable for the agent's user only");
            }
        });
    }

    /** A list of texts. */
    List<String> texts(String name) {
        describe(name, "list", "", "");
        List<String> texts = new ArrayList<>();
        value(name).ifPresent(v -> {
            if (!v.isArray()) {
                wrong(name, "is not a list");
                return;
            }
            for (JsonNode item : v) {
                if (item.isContainerNode() || item.isNull()) {
                    wrong(name, "holds something that is not a text");
                } else {
                    texts.add(item.asText());
                }
            }
        });
        return texts;
    }

    /** A list of texts, or one text with commas. */
    List<String> textsOrCommas(String name) {
        describe(name, "list, or text with commas", "", "");
        Optional<JsonNode> value = value(name);
        if (value.isPresent() && value.get().isTextual()) {
            List<String> parts = new ArrayList<>();
            for (String part : value.get().asText().split(",")) {
                String bare = part.strip().replaceAll("^['\"]|['\"]$", "");
                if (!bare.isEmpty()) {
                    parts.add(bare);
                }
            }
            return parts;
        }
        return texts(name);
    }

    /** PostgreSQL parameters: names, dots included, to values as postgresql.conf wants them. */
    Map<String, String> parameters(String name) {
        describe(name, "map of parameters", "", "");
        Map<String, String> parameters = new LinkedHashMap<>();
        section(name)
                .ifPresent(s -> s.node.properties().forEach(p -> {
                    if (p.getValue().isContainerNode()) {
                        s.wrong(p.getKey(), "is not a value that PostgreSQL takes");
                    } else if (!p.getKey().matches("[A-Za-z_][A-Za-z0-9_$]*(\\.[A-Za-z_][A-Za-z0-9_$]*)*")) {
                        s.wrong(p.getKey(), "is not the name of a PostgreSQL parameter");
                    } else if (!p.getValue().isNull()) {
                        parameters.put(p.getKey().toLowerCase(java.util.Locale.ROOT), parameterText(p.getValue()));
                    }
                }));
        return parameters;
    }

    static String parameterText(JsonNode value) {
        if (value.isBoolean()) {
            return value.booleanValue() ? "on" : "off";
        }
        return value.isNumber() ? Quantity.plain(value) : value.asText();
    }

    Optional<Section> section(String name) {
        describe(name, "map", "", "");
        return value(name)
                .flatMap(v -> v instanceof ObjectNode o
                        ? Optional.of(new Section(findings, key(name), o))
                        : wrong(name, "is not a map of settings"));
    }

    /** The section, or an empty one. */
    Section sectionOrEmpty(String name) {
        return section(name).orElseGet(() -> new Section(findings, key(name), JsonNodeFactory.instance.objectNode()));
    }

    ObjectNode node() {
        return node;
    }

    /** Keys of Patroni that have no effect here yet. Harmless if they ask for nothing. */
    Section notYet(String... names) {
        return refuse(NOT_YET, names);
    }

    /** As {@link #notYet}; this one value is what this version does anyway. */
    Section notYetExcept(String name, String value) {
        unchanged.put(name, value);
        return notYet(name);
    }

    /** Keys of Patroni that have no meaning here. Harmless if they ask for nothing. */
    Section refuse(String sentence, String... names) {
        for (String name : names) {
            refused.put(name, sentence);
            findings.refused(key(name), sentence, unchanged.getOrDefault(name, ""));
        }
        return this;
    }

    /** As {@link #refuse}; this one value is what holds here anyway. */
    Section refuseExcept(String name, String value, String sentence) {
        unchanged.put(name, value);
        return refuse(sentence, name);
    }

    /** Known, and read elsewhere or not at all. */
    Section tolerate(String... names) {
        known.addAll(List.of(names));
        return this;
    }

    /** Reports every key that nobody asked for. */
    void finish() {
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            String name = entry.getKey();
            if (known.contains(name)) {
                continue;
            }
            if (refused.containsKey(name)) {
                boolean same = unchanged.containsKey(name)
                        && unchanged.get(name).equalsIgnoreCase(entry.getValue().asText());
                if (!same && !asksForNothing(entry.getValue())) {
                    problem(name, refused.get(name));
                }
                continue;
            }
            findings.add(
                    key(name),
                    Findings.shown(key(name), entry.getValue()),
                    "is not a known setting; remove or correct it",
                    NearestName.of(name, known).map(this::key));
        }
    }

    static boolean asksForNothing(JsonNode value) {
        return value.isNull()
                || value.isBoolean() && !value.booleanValue()
                || value.isContainerNode() && value.isEmpty()
                || value.isTextual()
                        && (value.asText().isBlank() || value.asText().equalsIgnoreCase("off"));
    }

    private <T> Optional<T> wrong(String name, String sentence) {
        problem(name, sentence);
        return Optional.empty();
    }
}
