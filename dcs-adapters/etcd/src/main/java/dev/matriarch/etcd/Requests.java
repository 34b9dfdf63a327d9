package dev.matriarch.etcd;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/** etcd's requests and answers in their JSON form: keys and values in base 64, whole numbers as texts. */
final class Requests {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private Requests() {}

    /**
     * A key with its value.
     *
     * @param created revision of its creation
     * @param modified revision of its last change
     * @param lease 0: none
     */
    record Entry(String key, String value, long created, long modified, long lease) {}

    static ObjectNode object() {
        return NODES.objectNode();
    }

    static String encoded(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    static String decoded(String base64) {
        return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
    }

    /** All keys that begin with a text end before it with its last character raised by one. */
    static String afterPrefix(String prefix) {
        return prefix.substring(0, prefix.length() - 1) + (char) (prefix.charAt(prefix.length() - 1) + 1);
    }

    static ObjectNode range(String key) {
        return object().put("key", encoded(key));
    }

    static ObjectNode rangeOfPrefix(String prefix) {
        return range(prefix).put("range_end", encoded(afterPrefix(prefix)));
    }

    static ObjectNode put(String key, String value, long lease) {
        ObjectNode put = object().put("key", encoded(key)).put("value", encoded(value));
        return lease == 0 ? put : put.put("lease", Long.toString(lease));
    }

    // --- conditions ---

    static ObjectNode created(String key, long revision) {
        return compare(key, "CREATE").put("create_revision", Long.toString(revision));
    }

    static ObjectNode modified(String key, long revision) {
        return compare(key, "MOD").put("mod_revision", Long.toString(revision));
    }

    static ObjectNode valued(String key, String value) {
        return compare(key, "VALUE").put("value", encoded(value));
    }

    static ObjectNode leased(String key, long lease) {
        return compare(key, "LEASE").put("lease", Long.toString(lease));
    }

    private static ObjectNode compare(String key, String target) {
        return object().put("key", encoded(key)).put("result", "EQUAL").put("target", target);
    }

    // --- transactions ---

    static ObjectNode asRange(ObjectNode range) {
        return object().set("request_range", range);
    }

    static ObjectNode asPut(ObjectNode put) {
        return object().set("request_put", put);
    }

    static ObjectNode asDelete(ObjectNode range) {
        return object().set("request_delete_range", range);
    }

    static ObjectNode asTransaction(ObjectNode transaction) {
        return object().set("request_txn", transaction);
    }

    static ObjectNode transaction(List<ObjectNode> conditions, List<ObjectNode> then, List<ObjectNode> otherwise) {
        ObjectNode transaction = object();
        transaction.set("compare", array(conditions));
        transaction.set("success", array(then));
        transaction.set("failure", array(otherwise));
        return transaction;
    }

    private static ArrayNode array(List<ObjectNode> items) {
        return NODES.arrayNode().addAll(items);
    }

    // --- answers ---

    static boolean succeeded(JsonNode answer) {
        return answer.path("succeeded").asBoolean(false);
    }

    static long revision(JsonNode answer) {
        return answer.path("header").path("revision").asLong(0);
    }

    static long term(JsonNode answer) {
        return answer.path("header").path("raft_term").asLong(0);
    }

    static Entry entry(JsonNode kv) {
        return new Entry(
                decoded(kv.path("key").asText("")),
                decoded(kv.path("value").asText("")),
                kv.path("create_revision").asLong(0),
                kv.path("mod_revision").asLong(0),
                kv.path("lease").asLong(0));
    }

    /** The key that the transaction's step with this number has read. */
    static Optional<Entry> readBy(JsonNode answer, int step) {
        JsonNode kvs =
                answer.path("responses").path(step).path("response_range").path("kvs");
        return kvs.isEmpty() ? Optional.empty() : Optional.of(entry(kvs.get(0)));
    }
}
