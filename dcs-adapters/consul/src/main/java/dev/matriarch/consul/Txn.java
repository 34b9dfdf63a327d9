package dev.matriarch.consul;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;

/** The steps of Consul's transactions. All are done, or none. */
final class Txn {
    private Txn() {}

    /**
     * A key with its value.
     *
     * @param flags a number that Consul keeps with it. A write that changes nothing leaves the key's index as it was; one that
     *     must not is given another number
     * @param session empty: the key is nobody's
     * @param created index of its creation
     * @param modified index of its last change
     */
    record Entry(String key, String value, long flags, String session, long created, long modified) {
        Entry withValue(String other) {
            return new Entry(key, other, flags, session, created, modified);
        }
    }

    /**
     * @param done false: some step was refused, and nothing was changed
     * @param entries one for each step that shows a key, those that write without the value
     * @param why the reasons, if it was not done
     */
    record Outcome(boolean done, List<Entry> entries, String why) {}

    private static ObjectNode step(String verb, String key) {
        return JsonNodeFactory.instance.objectNode().put("Verb", verb).put("Key", key);
    }

    private static ObjectNode valued(String verb, String key, String value, long flags) {
        return step(verb, key)
                .put("Value", Base64.getEncoder().encodeToString(value.getBytes(StandardCharsets.UTF_8)))
                .put("Flags", flags);
    }

    static ObjectNode absent(String key) {
        return step("check-not-exists", key);
    }

    static ObjectNode unchanged(String key, long index) {
        return step("check-index", key).put("Index", index);
    }

    static ObjectNode locked(String key, String session) {
        return step("check-session", key).put("Session", session);
    }

    /** Also those whose names go on after it; none is no failure. */
    static ObjectNode look(String key) {
        return step("get-tree", key);
    }

    static ObjectNode set(String key, String value) {
        return valued("set", key, value, 0);
    }

    /** @param index 0: only if there is none yet */
    static ObjectNode compareAndSet(String key, long index, String value, long flags) {
        return valued("cas", key, value, flags).put("Index", index);
    }

    static ObjectNode lock(String key, String value, long flags, String session) {
        return valued("lock", key, value, flags).put("Session", session);
    }

    static ObjectNode unlock(String key, String value, long flags, String session) {
        return valued("unlock", key, value, flags).put("Session", session);
    }

    static ObjectNode delete(String key) {
        return step("delete", key);
    }

    static ObjectNode deleteTree(String prefix) {
        return step("delete-tree", prefix);
    }

    /** Nothing happens if there is no such key. */
    static ObjectNode deleteIf(String key, long index) {
        return step("delete-cas", key).put("Index", index);
    }

    static Entry entry(JsonNode kv) {
        return new Entry(
                kv.path("Key").asText(""),
                new String(
                        Base64.getDecoder()
                                .decode(
                                        kv.path("Value").isTextual()
                                                ? kv.path("Value").asText()
                                                : ""),
                        StandardCharsets.UTF_8),
                kv.path("Flags").asLong(0),
                kv.path("Session").asText(""),
                kv.path("CreateIndex").asLong(0),
                kv.path("ModifyIndex").asLong(0));
    }
}
