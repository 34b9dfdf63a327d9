package dev.matriarch.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.kubernetes.KubernetesSettings.LeaderEndpoints;
import dev.matriarch.kubernetes.KubernetesSettings.Port;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The subsets of the leader's Endpoints: where the service of that name leads. */
final class LeaderSubsets {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final String PROTOCOL = "TCP";

    private LeaderSubsets() {}

    static JsonNode none() {
        return NODES.arrayNode();
    }

    /** @param pod the leader's own, if it could be read */
    static Optional<JsonNode> of(LeaderEndpoints endpoints, Optional<KubeObject> pod) {
        Optional<String> ip = endpoints
                .podIp()
                .or(() -> pod.map(p -> p.whole().path("status").path("podIP").asText("")))
                .filter(text -> !text.isEmpty());
        if (ip.isEmpty()) {
            return Optional.empty();
        }
        var subsets = NODES.arrayNode();
        ObjectNode subset = subsets.addObject();
        ObjectNode address = subset.putArray("addresses").addObject().put("ip", ip.get());
        pod.ifPresent(p -> {
            JsonNode node = p.whole().path("spec").path("nodeName");
            if (node.isTextual()) {
                address.set("nodeName", node);
            }
            JsonNode metadata = p.whole().path("metadata");
            ObjectNode target = address.putObject("targetRef").put("kind", "Pod");
            for (String field : List.of("name", "namespace", "uid")) {
                if (metadata.path(field).isTextual()) {
                    target.set(field, metadata.get(field));
                }
            }
        });
        var ports = subset.putArray("ports");
        for (Port port : endpoints.ports()) {
            ObjectNode one = ports.addObject().put("port", port.port());
            port.name().ifPresent(name -> one.put("name", name));
            one.put("protocol", port.protocol().orElse(PROTOCOL));
        }
        return Optional.of(subsets);
    }

    /** Whether they lead to the same place, however else they are written. */
    static boolean same(JsonNode one, JsonNode other) {
        return places(one).equals(places(other));
    }

    private static List<String> places(JsonNode subsets) {
        List<String> places = new ArrayList<>();
        for (JsonNode subset : subsets) {
            subset.path("addresses").forEach(a -> places.add(a.path("ip").asText("")));
            subset.path("ports")
                    .forEach(p -> places.add(p.path("name").asText("") + ":"
                            + p.path("port").asInt() + "/" + p.path("protocol").asText(PROTOCOL)));
        }
        return places;
    }
}
