package dev.matriarch.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.contract.ExternalStore;
import dev.matriarch.dcs.contract.Sample;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.kubernetes.KubeObjects.Extra;
import dev.matriarch.kubernetes.KubernetesApi.Forbidden;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** One cluster on a mock API server, and a way past the adapter. */
final class MockCluster implements ExternalStore {
    private static final ObjectMapper JSON = new ObjectMapper();

    final ApiServers server;
    final KubernetesSettings settings;
    private final KubernetesApi api;
    final KubeObjects objects;
    final KubeObjects pods;
    private final boolean endpoints;

    MockCluster(ApiServers server, String scope, boolean endpoints) throws IOException {
        this.server = server;
        this.endpoints = endpoints;
        this.settings = server.settings(scope, "n1", endpoints);
        this.api = new KubernetesApi(Connection.client(settings.access()), Set.of());
        this.objects =
                new KubeObjects(api, settings.namespace(), settings.kind(), settings.kindName(), settings.allLabels());
        this.pods = new KubeObjects(api, settings.namespace(), "pods", "Pod", settings.allLabels());
    }

    static Budget soon() {
        return new Budget(Duration.ofSeconds(30));
    }

    @Override
    public Dcs connect(String member) throws Exception {
        Dcs dcs = connect(server.settings(settings.scope(), member, endpoints));
        // As an agent does before anything else: who comes into a cluster that exists waits if there is no lock.
        dcs.read(Sample.TIMEOUT);
        return dcs;
    }

    KubernetesDcs connect(KubernetesSettings its) throws Exception {
        pod(its.member());
        return new KubernetesDcs(its);
    }

    void pod(String name) throws Exception {
        if (pods.get(name, soon()).isEmpty()) {
            pods.change(name, Optional.empty(), Map.of(), Extra.NONE, Forbidden.AT_ONCE, soon());
        }
    }

    @Override
    public Duration ttl() {
        return Duration.ofSeconds(3);
    }

    @Override
    public Duration expiresWithin() {
        return Duration.ofSeconds(4);
    }

    @Override
    public void freeze() {
        server.freeze();
    }

    @Override
    public void thaw() {
        server.thaw();
    }

    @Override
    public void wipe() throws Exception {
        for (KubeObject object : objects.list(soon()).byName().values()) {
            objects.remove(object, soon());
        }
        for (KubeObject pod : pods.list(soon()).byName().values()) {
            pods.touch(pod.name(), Map.of(Pods.STATUS, Optional.empty()), Extra.NONE, soon());
        }
    }

    @Override
    public void endSessions() throws Exception {
        objects.touch(settings.leaderName(), Map.of("leader", Optional.empty()), Extra.NONE, soon());
        for (KubeObject pod : pods.list(soon()).byName().values()) {
            pods.touch(pod.name(), Map.of(Pods.STATUS, Optional.empty()), Extra.NONE, soon());
        }
    }

    @Override
    public void put(String key, String value) throws Exception {
        switch (key) {
            case "config", "initialize", "history" -> annotate(settings.configName(), Map.of(key, value));
            case "status" -> annotate(settings.leaderName(), Map.of("optime", value, "slots", value));
            case "sync" -> annotate(settings.syncName(), Map.of("sync_standby", value));
            case "failover" -> annotate(settings.failoverName(), Map.of("leader", value));
            default -> {
                if (key.startsWith("members/")) {
                    String pod = key.substring("members/".length());
                    pod(pod);
                    pods.touch(pod, Map.of(Pods.STATUS, Optional.of(value)), Extra.NONE, soon());
                } else {
                    annotate(settings.scope() + "-" + key.replace('/', '-'), Map.of("key", value));
                }
            }
        }
    }

    void annotate(String name, Map<String, String> values) throws Exception {
        Map<String, Optional<String>> annotations = new LinkedHashMap<>();
        values.forEach((k, v) -> annotations.put(k, Optional.ofNullable(v.isEmpty() ? null : v)));
        Optional<KubeObject> was = objects.get(name, soon());
        objects.change(name, was, annotations, Extra.NONE, Forbidden.AT_ONCE, soon())
                .orElseThrow();
    }

    Map<String, String> annotations(String name) throws Exception {
        return objects.get(name, soon()).map(KubeObject::annotations).orElse(Map.of());
    }

    @Override
    public String get(String key) throws Exception {
        return switch (key) {
            case "config", "initialize", "history" ->
                annotations(settings.configName()).get(key);
            case "leader", "failsafe" -> annotations(settings.leaderName()).get(key);
            case "status" -> json(annotations(settings.leaderName()), List.of("optime", "slots", "retain_slots"));
            case "sync" -> json(annotations(settings.syncName()), List.of("leader", "sync_standby", "quorum"));
            case "failover" ->
                objects.get(settings.failoverName(), soon()).isEmpty()
                        ? null
                        : json(annotations(settings.failoverName()), List.of("leader", "member", "scheduled_at"));
            default ->
                pods.get(key.substring("members/".length()), soon())
                        .flatMap(p -> p.annotation(Pods.STATUS))
                        .orElse(null);
        };
    }

    private static String json(Map<String, String> annotations, List<String> fields) throws IOException {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        for (String field : fields) {
            String text = annotations.get(field);
            if (text != null) {
                JsonNode node = text.matches("[0-9]+|[\\[{].*") ? JSON.readTree(text) : json.textNode(text);
                json.set(field, node);
            }
        }
        return json.toString();
    }

    @Override
    public void close() throws IOException {
        server.noFault();
        api.close();
    }
}
