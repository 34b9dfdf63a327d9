package dev.matriarch.kubernetes;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.SyncState;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.KubernetesResource;
import io.fabric8.kubernetes.api.model.PodSecurityContext;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.rbac.PolicyRule;
import io.fabric8.kubernetes.api.model.rbac.Role;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.fabric8.mockwebserver.http.RecordedRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The manifests in packaging/kubernetes are objects that Kubernetes knows, and grant what the adapter asks for: all of it and no more. */
class ManifestsTest {
    private static final Path FOLDER = Path.of("../../packaging/kubernetes");
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final Pattern PATH = Pattern.compile("/api/v1/namespaces/[^/]+/([a-z]+)(/[^?]+)?(\\?.*)?");

    private static List<HasMetadata> objects(String file) throws IOException {
        List<HasMetadata> objects = new ArrayList<>();
        for (String document : Files.readString(FOLDER.resolve(file)).split("(?m)^---$")) {
            objects.add(assertInstanceOf(
                    HasMetadata.class, Serialization.unmarshal(document, KubernetesResource.class), document));
        }
        return objects;
    }

    @Test
    void bothAreWholeClusters() throws Exception {
        for (String file : List.of("state-in-kubernetes.yaml", "built-in-store.yaml")) {
            Set<String> kinds = new TreeSet<>();
            for (HasMetadata object : objects(file)) {
                assertTrue(!object.getMetadata().getName().isEmpty(), file);
                kinds.add(object.getKind());
            }
            assertTrue(
                    kinds.containsAll(Set.of("StatefulSet", "Service", "PodDisruptionBudget", "ConfigMap", "Secret")),
                    file + ": " + kinds);
        }
    }

    /** Otherwise each new pod finds a data directory that its group may write, and PostgreSQL does not start with such a one. */
    @Test
    void theVolumesModesAreLeftAsTheyAreOnceTheyAreRight() throws Exception {
        for (String file : List.of("state-in-kubernetes.yaml", "built-in-store.yaml")) {
            List<StatefulSet> sets = objects(file).stream()
                    .filter(StatefulSet.class::isInstance)
                    .map(StatefulSet.class::cast)
                    .toList();
            assertEquals(1, sets.size(), file);
            PodSecurityContext context =
                    sets.getFirst().getSpec().getTemplate().getSpec().getSecurityContext();
            assertEquals(999L, context.getFsGroup(), file);
            assertEquals("OnRootMismatch", context.getFsGroupChangePolicy(), file);
        }
    }

    @Test
    void theRoleGrantsWhatIsAskedForAndNoMore() throws Exception {
        Set<String> granted = new TreeSet<>();
        for (HasMetadata object : objects("state-in-kubernetes.yaml")) {
            if (object instanceof Role role) {
                for (PolicyRule rule : role.getRules()) {
                    rule.getResources().forEach(r -> rule.getVerbs().forEach(v -> granted.add(r + " " + v)));
                }
            }
        }
        Set<String> asked = new TreeSet<>();
        try (ApiServers server = new ApiServers();
                MockCluster cluster = new MockCluster(server, "rights", true)) {
            cluster.pod("n1");
            server.asked.clear();
            // Without an address of its own, so that its pod is asked for.
            KubernetesSettings its = server.settings("rights", "n1", true);
            KubernetesSettings without = new KubernetesSettings(
                    its.access(),
                    its.namespace(),
                    its.scope(),
                    its.citusGroup(),
                    its.member(),
                    its.labels(),
                    its.scopeLabel(),
                    its.roles(),
                    its.bootstrapLabels(),
                    its.endpoints().map(e -> new KubernetesSettings.LeaderEndpoints(Optional.empty(), e.ports())),
                    false,
                    its.retriableCodes());
            try (KubernetesDcs n1 = new KubernetesDcs(without)) {
                long epoch = epoch(n1.acquireLeader("n1", LONG, Long.MAX_VALUE, TIMEOUT));
                n1.touchMember(member("n1", "running"), LONG, TIMEOUT);
                n1.read(TIMEOUT);
                n1.writeConfig("{}", Expected.anything(), TIMEOUT);
                n1.writeFailover(Optional.empty(), Expected.anything(), TIMEOUT);
                n1.writeSync(
                        "n1",
                        epoch,
                        Optional.of(new SyncState("n1", new TreeSet<>(), 0)),
                        Expected.anything(),
                        TIMEOUT);
                n1.writeFailsafe("n1", epoch, Map.of(), TIMEOUT);
                n1.renewLeader("n1", epoch, LONG, Optional.empty(), TIMEOUT);
                n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT);
                n1.deleteCluster(TIMEOUT);
                await(TIMEOUT, "both watches are open", () -> {
                    server.asked.forEach(r -> asked.add(right(r)));
                    return asked.contains("endpoints watch") && asked.contains("pods watch");
                });
            }
        }
        assertEquals(granted, asked);
    }

    private static String right(RecordedRequest request) {
        Matcher path = PATH.matcher(request.getPath());
        assertTrue(path.matches(), request.getPath());
        String verb = switch (request.getMethod()) {
            case "POST" -> "create";
            case "PATCH" -> "patch";
            case "DELETE" -> "delete";
            default -> request.getPath().contains("watch=true") ? "watch" : path.group(2) == null ? "list" : "get";
        };
        return path.group(1) + " " + verb;
    }
}
