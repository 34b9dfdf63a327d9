package dev.matriarch.agent.config;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * All sources of the local configuration, laid over each other: the file, or the files of a directory by name, then the
 * environment.
 *
 * <p>Read with Jackson's YAML parser into a tree. Helidon Config was tried for it and flattens the tree: a parameter
 * name with a dot becomes two keys, and the difference between {@code true}, {@code "true"} and {@code null} is lost,
 * on which tags, {@code bootstrap.dcs} and deletion by {@code null} depend.
 */
final class Sources {
    private static final ObjectMapper YAML = new ObjectMapper(YAMLFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build());

    /** What a generated configuration leaves open. */
    static final String TO_DO = "#FIXME";

    private final String first;
    private final ObjectNode tree;
    private final Map<String, String> origins = new HashMap<>();
    /** Section of the store to judge by, whatever is noted. */
    private Optional<String> store = Optional.empty();

    private Sources(String first) {
        this(first, JsonNodeFactory.instance.objectNode());
    }

    /** @param tree is changed by {@link #overlay} */
    Sources(String first, ObjectNode tree) {
        this.first = first;
        this.tree = tree;
    }

    /**
     * @param path absent, or not there: everything comes from the environment
     * @param environment of the process; {@code PATRONI_CONFIGURATION} counts only where there is no file, and then alone
     */
    static Sources read(Optional<Path> path, Map<String, String> environment) throws ConfigProblems {
        String whole = environment.getOrDefault(Environment.WHOLE, "");
        if (!whole.isBlank() && path.filter(Files::exists).isEmpty()) {
            Sources sources = new Sources(variable(Environment.WHOLE));
            Map<String, Integer> lines = Lines.of(whole);
            sources.merge(
                    sources.tree,
                    document(whole, sources.first),
                    "",
                    key -> sources.first + (lines.containsKey(key) ? ", line " + lines.get(key) : ""));
            sources.modernize();
            return sources;
        }
        if (path.isPresent()) {
            return read(path.get(), environment);
        }
        Sources sources = new Sources("environment");
        new TreeMap<>(environment).forEach(sources::overlay);
        if (sources.tree.isEmpty()) {
            throw unreadable(
                    "environment",
                    "Config is empty. Give a YAML file, a directory of *.yml files, " + Environment.WHOLE
                            + " or other PATRONI_* variables.");
        }
        return sources;
    }

    /** The same sources with another value, or none, for each of the given keys: those of an earlier reading. */
    Sources keeping(Iterable<List<String>> keys, Sources earlier) {
        Sources kept = new Sources(first);
        kept.tree.setAll(tree.deepCopy());
        kept.origins.putAll(origins);
        kept.store = store;
        for (List<String> key : keys) {
            kept.put(key, earlier.at(key));
        }
        return kept;
    }

    private JsonNode at(List<String> key) {
        JsonNode node = tree;
        for (String name : key) {
            node = node.path(name);
        }
        return node;
    }

    private void put(List<String> key, JsonNode value) {
        ObjectNode section = tree;
        for (String name : key.subList(0, key.size() - 1)) {
            if (section.get(name) instanceof ObjectNode existing) {
                section = existing;
            } else if (value.isMissingNode()) {
                return;
            } else {
                section = section.putObject(name);
            }
        }
        if (value.isMissingNode()) {
            section.remove(key.getLast());
        } else {
            section.set(key.getLast(), value);
        }
    }

    private static String variable(String name) {
        return "environment variable " + name;
    }

    private static Sources read(Path path, Map<String, String> environment) throws ConfigProblems {
        List<Path> files = files(path);
        Sources sources = new Sources(path.toString());
        List<Problem> problems = new ArrayList<>();
        for (Path file : files) {
            try {
                String text = text(file);
                ObjectNode document = document(text, file.toString());
                Map<String, Integer> lines = Lines.of(text);
                sources.merge(sources.tree, document, "", key -> file + place(lines.get(key)));
            } catch (ConfigProblems e) {
                problems.addAll(e.problems());
            }
        }
        if (!problems.isEmpty()) {
            throw new ConfigProblems(problems);
        }
        new TreeMap<>(environment).forEach(sources::overlay);
        sources.modernize();
        return sources;
    }

    /** Shapes of Patroni's first years: Exhibitor in ZooKeeper's section, a name and roles right in the postgresql section. */
    private void modernize() {
        if (tree.get("zookeeper") instanceof ObjectNode zookeeper && zookeeper.has("exhibitor")) {
            tree.set("exhibitor", zookeeper.get("exhibitor"));
            tree.remove("zookeeper");
        }
        if (!(tree.get("postgresql") instanceof ObjectNode postgresql)) {
            return;
        }
        if (postgresql.has("name") && !tree.has("name")) {
            tree.set("name", postgresql.remove("name"));
        }
        boolean old = Stream.of("replication", "superuser", "pg_rewind").anyMatch(postgresql::has);
        if (!old || postgresql.has("authentication")) {
            return;
        }
        ObjectNode authentication = postgresql.putObject("authentication");
        for (String role : List.of("replication", "superuser")) {
            if (postgresql.has(role)) {
                authentication.set(role, postgresql.remove(role));
            }
        }
        JsonNode rewind = postgresql.remove("pg_rewind");
        if (rewind != null) {
            postgresql.put("use_pg_rewind", true);
            if (!authentication.has("superuser")) {
                authentication.set("superuser", rewind);
            }
        }
    }

    ObjectNode tree() {
        return tree;
    }

    /** To be read as if this store were in use. */
    Sources with(String section) {
        store = Optional.of(section);
        return this;
    }

    Optional<String> store() {
        return store;
    }

    /** The keys that a generated configuration left open. */
    List<String> unfinished() {
        List<String> keys = new ArrayList<>();
        unfinished(tree, "", keys);
        return keys;
    }

    private static void unfinished(JsonNode node, String key, List<String> keys) {
        if (node instanceof ObjectNode map) {
            map.properties()
                    .forEach(e -> unfinished(e.getValue(), key.isEmpty() ? e.getKey() : key + "." + e.getKey(), keys));
        } else if (node.isArray()) {
            node.forEach(item -> unfinished(item, key, keys));
        } else if (node.isTextual() && node.asText().contains(TO_DO)) {
            keys.add(key);
        }
    }

    /** The file with its line, or the variable, that set a key, or the nearest one above it. */
    String origin(String key) {
        String k = key;
        while (true) {
            if (origins.containsKey(k)) {
                return origins.get(k);
            }
            int dot = k.lastIndexOf('.');
            if (dot < 0) {
                return first;
            }
            k = k.substring(0, dot);
        }
    }

    private static List<Path> files(Path path) throws ConfigProblems {
        if (Files.isRegularFile(path)) {
            return List.of(path);
        }
        if (!Files.isDirectory(path)) {
            throw unreadable(path, "does not exist; give a YAML file or a directory of *.yml files");
        }
        try (Stream<Path> entries = Files.list(path)) {
            List<Path> files = entries.filter(Files::isRegularFile)
                    .filter(f -> f.toString().endsWith(".yml") || f.toString().endsWith(".yaml"))
                    .sorted()
                    .toList();
            if (files.isEmpty()) {
                throw unreadable(path, "holds no *.yml file");
            }
            return files;
        } catch (IOException e) {
            throw unreadable(path, "cannot be listed: " + e.getMessage());
        }
    }

    private static String place(Integer line) {
        return line == null ? "" : ":" + line;
    }

    private static String text(Path file) throws ConfigProblems {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw unreadable(file, "cannot be read: " + e);
        }
    }

    private static ObjectNode document(String text, String where) throws ConfigProblems {
        JsonNode document;
        try {
            document = YAML.readTree(text);
        } catch (JacksonException e) {
            int line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
            throw unreadable(where, "is not YAML, near line " + line + ": " + firstLine(e.getOriginalMessage()));
        }
        if (document == null || document.isMissingNode() || document.isNull()) {
            throw unreadable(where, "is empty");
        }
        if (document instanceof ObjectNode object) {
            return object;
        }
        throw unreadable(where, "is not a map of settings");
    }

    private static String firstLine(String text) {
        return text == null ? "" : text.lines().findFirst().orElse("");
    }

    private static ConfigProblems unreadable(Path file, String sentence) {
        return unreadable(file.toString(), sentence);
    }

    private static ConfigProblems unreadable(String where, String sentence) {
        return new ConfigProblems(List.of(new Problem(where, "file", "", sentence, Optional.empty())));
    }

    /** Maps are merged, everything else is replaced, null deletes. */
    private void merge(ObjectNode into, ObjectNode from, String path, UnaryOperator<String> origin) {
        for (Map.Entry<String, JsonNode> entry : from.properties()) {
            String key = path.isEmpty() ? entry.getKey() : path + "." + entry.getKey();
            if (entry.getValue().isNull()) {
                into.remove(entry.getKey());
            } else if (entry.getValue() instanceof ObjectNode section) {
                if (into.get(entry.getKey()) instanceof ObjectNode existing) {
                    merge(existing, section, key, origin);
                    continue;
                }
                ObjectNode fresh = into.putObject(entry.getKey());
                origins.put(key, origin.apply(key));
                merge(fresh, section, key, origin);
            } else {
                into.set(entry.getKey(), entry.getValue());
                origins.put(key, origin.apply(key));
            }
        }
    }

    /** Sets the key that an environment variable stands for; one that stands for none changes nothing. */
    void overlay(String variable, String value) {
        Optional<List<String>> key = Environment.keyOf(variable);
        if (key.isEmpty() || value.isBlank() || Environment.isServiceLink(variable, value)) {
            return;
        }
        ObjectNode section = tree;
        StringBuilder path = new StringBuilder();
        for (String name : key.get().subList(0, key.get().size() - 1)) {
            path.append(name);
            if (section.get(name) instanceof ObjectNode existing) {
                section = existing;
            } else {
                section = section.putObject(name);
                origins.put(path.toString(), variable(variable));
            }
            path.append('.');
        }
        String last = key.get().getLast();
        JsonNode node = structured(last) ? yaml(value) : JsonNodeFactory.instance.textNode(value);
        section.set(last, node);
        // A secret from the environment replaces the file's, in whichever of the two forms that one is.
        if (last.equals("password")) {
            section.remove("password_file");
        } else if (last.equals("password_file")) {
            section.remove("password");
        }
        origins.put(path + last, variable(variable));
    }

    private static boolean structured(String name) {
        return name.equals("loggers")
                || name.equals("options")
                || name.equals("static_fields")
                || name.equals("labels")
                || name.equals("bootstrap_labels")
                || name.equals("ports")
                || name.equals("set_acls")
                || name.equals("auth_data");
    }

    private static JsonNode yaml(String value) {
        try {
            JsonNode parsed = YAML.readTree(
                    value.contains(": ") && !value.strip().matches("(?s)[{\\[].*") ? "{" + value + "}" : value);
            if (parsed != null && parsed.isContainerNode()) {
                return parsed;
            }
        } catch (JacksonException e) {
            // Not structured after all: taken as it stands, and judged where it is read.
            return JsonNodeFactory.instance.textNode(value);
        }
        return JsonNodeFactory.instance.textNode(value);
    }
}
