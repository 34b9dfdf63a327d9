package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The local configuration as it was read, with where each value came from. */
public final class LocalConfig {
    static final String HIDDEN = "********";

    private final Sources sources;
    private final ConfigFile.Reading reading;

    private LocalConfig(Sources sources, ConfigFile.Reading reading) {
        this.sources = sources;
        this.reading = reading;
    }

    private LocalConfig(Sources sources) throws ConfigProblems {
        this(sources, ConfigFile.read(sources));
    }

    /**
     * @param path a YAML file or a directory of them; absent: the environment alone
     * @param environment of the process
     * @throws ConfigProblems with every problem found
     */
    public static LocalConfig read(Optional<Path> path, Map<String, String> environment) throws ConfigProblems {
        return new LocalConfig(Sources.read(path, environment));
    }

    /**
     * As {@link #read}, as if the store of this section were in use.
     *
     * @throws ConfigProblems also if there is no such section
     */
    static LocalConfig readWith(String store, Optional<Path> path, Map<String, String> environment)
            throws ConfigProblems {
        return new LocalConfig(Sources.read(path, environment).with(store));
    }

    public AgentConfig config() {
        return reading.result();
    }

    /** The sections that name a store, in the order in which they would be used. */
    public List<String> stores() {
        return StoreConfig.SECTIONS.stream()
                .filter(section -> sources.tree().has(section))
                .toList();
    }

    /** Else it depends on which other sections there are. */
    public boolean namesStateDir() {
        return sources.tree().has("state_dir");
    }

    /** What was read, key by key. */
    List<Setting> settings() {
        return reading.settings();
    }

    String origin(String key) {
        return sources.origin(key);
    }

    ObjectNode tree() {
        return sources.tree();
    }

    /** This configuration with the earlier one's values, or lack of them, for some keys. */
    LocalConfig keeping(List<List<String>> keys, LocalConfig earlier) throws ConfigProblems {
        return new LocalConfig(sources.keeping(keys, earlier.sources));
    }

    /** The gRPC door stays where it is, even if it was put beside a REST door that moves. */
    LocalConfig keepingControlDoor(LocalConfig earlier) {
        AgentConfig.ControlConfig open = earlier.config().control();
        AgentConfig.ControlConfig wanted = config().control();
        if (open.listen().equals(wanted.listen())) {
            return this;
        }
        HostPort connect = wanted.connectAddress();
        HostPort reachable = connect.port() == wanted.listen().port()
                ? new HostPort(connect.host(), open.listen().port())
                : connect;
        return new LocalConfig(
                sources,
                new ConfigFile.Reading(
                        config().withControl(new AgentConfig.ControlConfig(open.listen(), reachable)), settings()));
    }

    /** @param key dotted; the problem is put down to the file or variable that set it */
    public Problem problem(String key, Object value, String sentence) {
        return new Problem(sources.origin(key), key, value.toString(), sentence, Optional.empty());
    }

    /** Passwords or the like stand in a file, where others may read them; those of the environment do not count. */
    public boolean filesHoldSecrets() {
        return holdsSecret(sources.tree(), "");
    }

    /** PostgreSQL parameters in it that are taken from the cluster-wide configuration only. */
    public List<String> ignoredParameters() {
        List<String> ignored = new ArrayList<>();
        sources.tree().path("postgresql").path("parameters").fieldNames().forEachRemaining(name -> {
            if (Parameters.isControlled(name)) {
                ignored.add(name);
            }
        });
        return List.copyOf(ignored);
    }

    private boolean holdsSecret(JsonNode node, String at) {
        if (node instanceof ObjectNode map) {
            for (var entry : map.properties()) {
                String key = at.isEmpty() ? entry.getKey() : at + "." + entry.getKey();
                if (entry.getValue().isContainerNode()
                        ? holdsSecret(entry.getValue(), key)
                        : Findings.isSecret(key)
                                && !entry.getValue().asText().isEmpty()
                                && !sources.origin(key).startsWith("environment")) {
                    return true;
                }
            }
        }
        return false;
    }

    /** All sources in one YAML document. Secrets are not in it. */
    public String yaml() {
        return YamlText.of(withoutSecrets(sources.tree()));
    }

    static ObjectNode withoutSecrets(ObjectNode tree) {
        ObjectNode shown = tree.deepCopy();
        hide(shown);
        return shown;
    }

    private static void hide(JsonNode node) {
        if (node instanceof ObjectNode map) {
            map.properties().forEach(e -> {
                if (e.getValue().isContainerNode() && !Findings.isSecret(e.getKey())) {
                    hide(e.getValue());
                } else if (Findings.isSecret(e.getKey())) {
                    e.setValue(TextNode.valueOf(HIDDEN));
                }
            });
        } else if (node instanceof ArrayNode list) {
            list.forEach(LocalConfig::hide);
        }
    }
}
