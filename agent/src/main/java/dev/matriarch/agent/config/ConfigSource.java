package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/** Where the local configuration of a running agent comes from, and what of it is in force. Any thread. */
public final class ConfigSource {
    private final Optional<Path> path;
    private final Map<String, String> environment;
    private volatile LocalConfig current;

    /**
     * What became of the changes since the configuration was last read.
     *
     * @param taken keys whose new values are in force
     * @param needRestart keys whose old values stay in force until the agent is restarted
     * @param tooLate keys that are read only when a cluster is created
     */
    public record Reload(List<String> taken, List<String> needRestart, List<String> tooLate) {
        public Reload {
            taken = List.copyOf(taken);
            needRestart = List.copyOf(needRestart);
            tooLate = List.copyOf(tooLate);
        }
    }

    /**
     * @param path a YAML file or a directory of them; absent: the environment alone
     * @param environment of the process; it cannot change any more
     * @throws ConfigProblems with every problem found
     */
    public ConfigSource(Optional<Path> path, Map<String, String> environment) throws ConfigProblems {
        this.path = path;
        this.environment = Map.copyOf(environment);
        this.current = LocalConfig.read(path, environment);
    }

    /**
     * The files as they are now, for another life of the agent.
     *
     * @throws ConfigProblems with every problem found
     */
    public ConfigSource anew() throws ConfigProblems {
        return new ConfigSource(path, environment);
    }

    /** The file or directory that it is read from; absent: the environment alone. */
    public Optional<Path> file() {
        return path;
    }

    /** In force. */
    public LocalConfig current() {
        return current;
    }

    /**
     * Reads the files again and takes up what can change in a running agent.
     *
     * @throws ConfigProblems if anything is wrong: nothing has changed then
     */
    public synchronized Reload reload() throws ConfigProblems {
        LocalConfig changed = LocalConfig.read(path, environment);
        List<List<String>> kept = new ArrayList<>();
        Reload reload = compare(changed, kept);
        LocalConfig taking = kept.isEmpty() ? changed : changed.keeping(kept, current);
        current = taking.keepingControlDoor(current);
        return reload;
    }

    /**
     * What {@link #reload} would do now; changes nothing.
     *
     * @throws ConfigProblems if it would be refused
     */
    public Reload preview() throws ConfigProblems {
        return compare(LocalConfig.read(path, environment), new ArrayList<>());
    }

    /**
     * The files as they are now, as if the store of this section were in use; changes nothing.
     *
     * @throws ConfigProblems if an agent would not start with it
     */
    public AgentConfig with(String store) throws ConfigProblems {
        return LocalConfig.readWith(store, path, environment).config();
    }

    /** @param kept takes those that need a restart */
    private Reload compare(LocalConfig changed, List<List<String>> kept) {
        Catalogue catalogue = Catalogue.read();
        TreeSet<String> taken = new TreeSet<>();
        TreeSet<String> needRestart = new TreeSet<>();
        TreeSet<String> tooLate = new TreeSet<>();
        for (List<String> key : differences(current.tree(), changed.tree())) {
            String name = String.join(".", key);
            switch (effect(catalogue, key)) {
                case RESTART -> {
                    kept.add(key);
                    needRestart.add(name);
                }
                case ONCE, CLUSTER -> tooLate.add(name);
                case RELOAD -> taken.add(name);
                case CALL -> {}
            }
        }
        return new Reload(List.copyOf(taken), List.copyOf(needRestart), List.copyOf(tooLate));
    }

    /** That of the nearest key that is described; what is inside of a value changes with it. */
    private static Catalogue.Effect effect(Catalogue catalogue, List<String> key) {
        for (int length = key.size(); length > 0; length--) {
            Optional<Catalogue.Entry> entry = catalogue.of(String.join(".", key.subList(0, length)));
            if (entry.isPresent()) {
                return entry.get().effect();
            }
        }
        return Catalogue.Effect.RESTART;
    }

    private static List<List<String>> differences(ObjectNode old, ObjectNode changed) {
        List<List<String>> found = new ArrayList<>();
        differences(old, changed, List.of(), found);
        return found;
    }

    private static void differences(JsonNode old, JsonNode changed, List<String> at, List<List<String>> found) {
        boolean maps = (old.isObject() || old.isMissingNode()) && (changed.isObject() || changed.isMissingNode());
        if (!maps) {
            if (!old.equals(changed)) {
                found.add(at);
            }
            return;
        }
        TreeSet<String> names = new TreeSet<>();
        old.fieldNames().forEachRemaining(names::add);
        changed.fieldNames().forEachRemaining(names::add);
        for (String name : names) {
            List<String> key = new ArrayList<>(at);
            key.add(name);
            differences(orMissing(old.get(name)), orMissing(changed.get(name)), key, found);
        }
    }

    private static JsonNode orMissing(JsonNode node) {
        return node == null ? MissingNode.getInstance() : node;
    }
}
