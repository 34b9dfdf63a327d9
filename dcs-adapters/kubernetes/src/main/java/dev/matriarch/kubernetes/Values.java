package dev.matriarch.kubernetes;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.json.ClusterJson;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The values that other stores keep as one JSON text each, as Patroni spreads them over annotations. */
final class Values {
    private static final ObjectMapper JSON = new ObjectMapper();

    static final List<String> STATUS = List.of("optime", "slots", "retain_slots", "timeline_claim");
    static final List<String> FAILOVER = List.of("leader", "member", "scheduled_at");
    static final List<String> SYNC = List.of("leader", "sync_standby", "quorum");
    static final String FAILSAFE = "failsafe";

    private Values() {}

    static void put(Map<String, Optional<String>> annotations, ClusterStatus status) {
        annotations.putAll(spread(ClusterJson.writeStatus(status), STATUS));
    }

    static Map<String, Optional<String>> failover(Optional<FailoverRequest> request) {
        return spread(ClusterJson.writeFailover(request), FAILOVER);
    }

    static Map<String, Optional<String>> sync(Optional<SyncState> state) {
        return spread(ClusterJson.writeSync(state), SYNC);
    }

    /** Each field as an annotation; those that there are not are taken away. */
    private static Map<String, Optional<String>> spread(String json, List<String> fields) {
        Map<String, Optional<String>> annotations = new LinkedHashMap<>();
        try {
            JsonNode node = JSON.readTree(json);
            for (String field : fields) {
                JsonNode value = node.path(field);
                annotations.put(
                        field,
                        value.isMissingNode() || value.isNull()
                                ? Optional.empty()
                                : Optional.of(value.isContainerNode() ? value.toString() : value.asText()));
            }
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("what was just written is no JSON", e);
        }
        return annotations;
    }

    /**
     * The annotations as one JSON text.
     *
     * @return empty if none of them is there
     */
    static Optional<String> gathered(KubeObject object, List<String> fields) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        for (String field : fields) {
            object.annotation(field).ifPresent(text -> json.set(field, value(field, text)));
        }
        return json.isEmpty() ? Optional.empty() : Optional.of(json.toString());
    }

    private static JsonNode value(String field, String text) {
        boolean number = field.equals("quorum") || field.equals("optime");
        if (number && text.matches("[0-9]{1,18}")) {
            return JsonNodeFactory.instance.numberNode(Long.parseLong(text));
        }
        if (field.equals("slots") || field.equals("retain_slots") || field.equals("timeline_claim")) {
            try {
                JsonNode json = JSON.readTree(text);
                if (json != null && json.isContainerNode()) {
                    return json;
                }
            } catch (JsonProcessingException e) {
                // As it stands: the reader makes of it what it can.
            }
        }
        return JsonNodeFactory.instance.textNode(text);
    }
}
