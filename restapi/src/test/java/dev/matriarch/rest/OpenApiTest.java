package dev.matriarch.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** The served description says what the door does: no route more, none less, no field that it does not know. */
class OpenApiTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final FakeAgent agent = new FakeAgent();
    private final Routes routes = new Routes(
            agent, new Access(new RestSettings("", 0, Optional.empty())), RestSettings.Headers.NONE, System::nanoTime);
    private final JsonNode document;

    OpenApiTest() throws IOException {
        agent.snapshot = Fixture.replica().snapshot();
        document = JSON.readTree(get("/openapi").body());
    }

    private Reply get(String path) {
        Caller caller = new Caller(InetAddress.getLoopbackAddress(), Optional.empty(), Optional.empty(), false, false);
        return routes.answer(new Request("GET", path, Query.NONE, caller, null));
    }

    @Test
    void everyRouteIsDescribedAndNoOther() {
        TreeSet<String> routed = new TreeSet<>(routes.orderNames());
        for (String method : List.of("GET", "HEAD", "OPTIONS")) {
            HealthCheck.PATHS.forEach(path -> routed.add(method + " " + path));
            routes.documentPaths().forEach(path -> routed.add(method + " " + path));
        }
        TreeSet<String> described = new TreeSet<>();
        document.get("paths")
                .properties()
                .forEach(path -> path.getValue()
                        .properties()
                        .forEach(m -> described.add(m.getKey().toUpperCase(Locale.ROOT) + " " + path.getKey())));
        assertEquals(routed, described);
    }

    @Test
    void itHasTheFormOfOpenapi31() {
        assertEquals("3.1.0", document.get("openapi").asText());
        assertTrue(document.at("/info/title").isTextual()
                && document.at("/info/version").isTextual());
        for (Map.Entry<String, JsonNode> path : document.get("paths").properties()) {
            assertTrue(path.getKey().startsWith("/"));
            for (Map.Entry<String, JsonNode> operation : path.getValue().properties()) {
                JsonNode responses = operation.getValue().get("responses");
                assertFalse(responses.isEmpty(), path.getKey());
                responses.properties().forEach(r -> {
                    assertTrue(r.getKey().matches("[2-5]\\d\\d"), r.getKey());
                    assertTrue(r.getValue().get("description").isTextual());
                });
            }
        }
        references(document);
    }

    @Test
    void answersToOrdersHaveTheIdOfTheOrder() {
        for (String path : List.of("reload", "restart", "reinitialize", "switchover", "failover")) {
            document.at("/paths/~1" + path)
                    .properties()
                    .forEach(method -> method.getValue()
                            .get("responses")
                            .properties()
                            .forEach(r -> assertTrue(
                                    !r.getKey().matches("2..|503")
                                            || r.getValue()
                                                    .at("/headers/Matriarch-Action/$ref")
                                                    .isTextual(),
                                    () -> method.getKey() + " " + path + " " + r.getKey())));
        }
    }

    @Test
    void soHaveChangesOfTheConfiguration() {
        for (String method : List.of("patch", "put")) {
            assertTrue(document.at("/paths/~1config/" + method + "/responses/200/headers/Matriarch-Action/$ref")
                    .isTextual());
        }
    }

    private void references(JsonNode node) {
        if (node.has("$ref")) {
            String target = node.get("$ref").asText();
            assertTrue(document.at(target.substring(1)).isObject(), target);
        }
        node.forEach(this::references);
    }

    @Test
    void answersHaveTheFieldsThatAreDescribed() throws IOException {
        Fixture replica = Fixture.replica();
        replica.sync = true;
        replica.paused = true;
        replica.tags = Map.of("nofailover", true);
        for (Fixture fixture : List.of(Fixture.primary(), replica)) {
            agent.snapshot = fixture.snapshot();
            agent.cluster = Optional.of(Fixture.cluster());
            known("/patroni", "Status");
            known("/cluster", "Cluster");
        }
    }

    private void known(String path, String schema) throws IOException {
        JsonNode answer = JSON.readTree(get(path).body());
        fits(answer, document.at("/components/schemas/" + schema), path);
    }

    private void fits(JsonNode value, JsonNode schema, String where) {
        JsonNode actual =
                schema.has("$ref") ? document.at(schema.get("$ref").asText().substring(1)) : schema;
        if (value.isObject() && actual.has("properties")) {
            value.properties().forEach(field -> {
                JsonNode known = actual.get("properties").get(field.getKey());
                assertTrue(known != null, where + "." + field.getKey() + " is not described");
                fits(field.getValue(), known, where + "." + field.getKey());
            });
            if (actual.has("required")) {
                actual.get("required").forEach(r -> assertTrue(value.has(r.asText()), where + " lacks " + r));
            }
        } else if (value.isArray() && actual.has("items")) {
            value.forEach(item -> fits(item, actual.get("items"), where + "[]"));
        } else if (actual.has("type")) {
            String types = actual.get("type").toString();
            String type = value.isTextual()
                    ? "string"
                    : value.isBoolean() ? "boolean" : value.isNull() ? "null" : value.isObject() ? "object" : "integer";
            assertTrue(types.contains(type), where + " is a " + type + ", described as " + types);
        }
    }

    @Test
    void itIsServedAsItIsKept() {
        assertEquals(
                new String(OpenApi.DOCUMENT, StandardCharsets.UTF_8),
                new String(get("/openapi").body(), StandardCharsets.UTF_8));
    }
}
