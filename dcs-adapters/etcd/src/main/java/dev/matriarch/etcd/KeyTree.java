package dev.matriarch.etcd;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The keys of a cluster as etcd's v2 API shows them, all at one index.
 *
 * @param index of etcd's state
 * @param entries by name below the cluster's path; directories are left out
 */
record KeyTree(long index, Map<String, Entry> entries) {
    static final KeyTree NOTHING = new KeyTree(0, Map.of());

    /**
     * A key with its value.
     *
     * @param created index of its creation; a write that compares keeps it, any other begins anew
     * @param modified index of its last change
     */
    record Entry(String value, long created, long modified) {
        static Entry of(JsonNode node) {
            return new Entry(
                    node.path("value").asText(""),
                    node.path("createdIndex").asLong(0),
                    node.path("modifiedIndex").asLong(0));
        }
    }

    KeyTree {
        entries = Map.copyOf(entries);
    }

    /** @param base the cluster's path, with slashes on both ends */
    static KeyTree of(String base, JsonNode node, long index) {
        Map<String, Entry> entries = new HashMap<>();
        collect(base, node, entries);
        return new KeyTree(index, entries);
    }

    private static void collect(String base, JsonNode node, Map<String, Entry> entries) {
        if (node.path("dir").asBoolean(false)) {
            node.path("nodes").forEach(child -> collect(base, child, entries));
            return;
        }
        String key = node.path("key").asText("");
        if (key.startsWith(base)) {
            entries.put(key.substring(base.length()), Entry.of(node));
        }
    }

    Optional<Entry> entry(String key) {
        return Optional.ofNullable(entries.get(key));
    }

    /** The index of a key's last change; 0: there is no such key. */
    long modified(String key) {
        return entry(key).map(Entry::modified).orElse(0L);
    }

    /** The same with another entry for a key; empty: without it. */
    KeyTree with(String key, Optional<Entry> entry) {
        Map<String, Entry> changed = new HashMap<>(entries);
        changed.remove(key);
        entry.ifPresent(e -> changed.put(key, e));
        return new KeyTree(Math.max(index, entry.map(Entry::modified).orElse(0L)), changed);
    }
}
