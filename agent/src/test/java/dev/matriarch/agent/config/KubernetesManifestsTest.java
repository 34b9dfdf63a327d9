package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the manifests in packaging/kubernetes give to an agent is a configuration that it takes. */
class KubernetesManifestsTest {
    private static final Path FOLDER = Path.of("../packaging/kubernetes");
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

    @TempDir
    Path dir;

    private AgentConfig load(String file) throws Exception {
        Map<String, String> environment = new LinkedHashMap<>(Map.of("KUBERNETES_SERVICE_HOST", "10.96.0.1"));
        Path settings = dir.resolve("matriarch.yml");
        for (String document : Files.readString(FOLDER.resolve(file)).split("(?m)^---$")) {
            JsonNode object = YAML.readTree(document);
            if (object.path("kind").asText().equals("ConfigMap")) {
                Files.writeString(settings, object.at("/data/matriarch.yml").asText());
            }
            for (JsonNode variable : object.at("/spec/template/spec/containers/0/env")) {
                environment.put(variable.path("name").asText(), value(variable, environment));
            }
        }
        environment.put(
                "PATRONI_TLS_AUTHORITY",
                Files.writeString(dir.resolve("authority.pem"), "").toString());
        return ConfigFile.load(settings, environment);
    }

    /** The member's certificate is made on its volume, for the name that outlives the pod, by the secret that is mounted. */
    private static void certified(String file, AgentConfig config) throws Exception {
        NodeConfig node = NodeConfig.of(config);
        assertTrue(node.hosts().contains("demo-0.demo-members"), node.hosts()::toString);
        assertEquals(
                "demo-0.demo-members:8009", config.control().connectAddress().toString());
        assertEquals(Path.of("/data/tls"), node.ownDirectory());
        String text = Files.readString(FOLDER.resolve(file));
        assertTrue(text.contains("authority: /run/secrets/authority/authority.pem"), file);
        assertTrue(text.contains("mountPath: /run/secrets/authority,"), file);
    }

    /** As Kubernetes fills it in. */
    private static String value(JsonNode variable, Map<String, String> before) {
        String field = variable.at("/valueFrom/fieldRef/fieldPath").asText("");
        return switch (field) {
            case "metadata.name" -> "demo-0";
            case "metadata.namespace" -> "databases";
            case "status.podIP" -> "10.1.2.3";
            default ->
                variable.has("value")
                        ? variable.path("value")
                                .asText()
                                .replace("$(POD_IP)", before.getOrDefault("POD_IP", ""))
                                .replace("$(PATRONI_NAME)", before.getOrDefault("PATRONI_NAME", ""))
                        : "secret";
        };
    }

    @Test
    void theOneWithItsStateInKubernetes() throws Exception {
        AgentConfig config = load("state-in-kubernetes.yaml");
        KubernetesConfig kubernetes = assertInstanceOf(KubernetesConfig.class, config.store());
        assertEquals("demo-0", config.name());
        assertEquals("databases", kubernetes.namespace());
        assertEquals(Optional.of("10.1.2.3"), kubernetes.podIp());
        assertEquals("10.1.2.3", config.rest().connectAddress().host());
        certified("state-in-kubernetes.yaml", config);
    }

    @Test
    void theOneWithTheBuiltInStore() throws Exception {
        AgentConfig config = load("built-in-store.yaml");
        certified("built-in-store.yaml", config);
        RaftConfig raft = config.builtIn().orElseThrow();
        assertEquals("demo-0.demo-members:7000", raft.selfAddress().toString());
        assertEquals(
                List.of("demo-1.demo-members:7000", "demo-2.demo-members:7000"),
                raft.partners().stream().map(HostPort::toString).toList());
    }
}
