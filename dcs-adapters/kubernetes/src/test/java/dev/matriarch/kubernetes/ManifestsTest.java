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
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.KubernetesResource;
import io.fabric8.kubernetes.api.model.PodSecurityContext;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Probe;
import io.fabric8.kubernetes.api.model.SecurityContext;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudgetSpec;
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
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The manifests in packaging/kubernetes are objects that Kubernetes knows, and grant what the adapter asks for: all of it and no more. */
class ManifestsTest {
    private static final Path FOLDER = Path.of("../../packaging/kubernetes");
    private static final List<String> FILES = List.of("state-in-kubernetes.yaml", "built-in-store.yaml");
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
        for (String file : FILES) {
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

    /** The doors, their names and who finds whom by which labels are the same everywhere in a file. */
    @Test
    void namesLabelsAndPortsAgree() throws Exception {
        for (String file : FILES) {
            StatefulSet set = only(file, StatefulSet.class);
            Map<String, String> labels =
                    set.getSpec().getTemplate().getMetadata().getLabels();
            assertEquals(labels, set.getSpec().getSelector().getMatchLabels(), file);
            Map<String, Integer> ports = new TreeMap<>();
            container(set).getPorts().forEach(port -> ports.put(port.getName(), port.getContainerPort()));
            for (HasMetadata object : objects(file)) {
                if (object instanceof Service service) {
                    String where = file + ", service " + service.getMetadata().getName();
                    service.getSpec()
                            .getPorts()
                            .forEach(port -> assertEquals(ports.get(port.getName()), port.getPort(), where));
                    Map<String, String> selected =
                            new TreeMap<>(service.getSpec().getSelector());
                    // The agents give their pods this one.
                    selected.remove("role");
                    assertTrue(labels.entrySet().containsAll(selected.entrySet()), where);
                }
            }
            Service members = objects(file).stream()
                    .filter(o -> o.getMetadata().getName().equals(set.getSpec().getServiceName()))
                    .map(Service.class::cast)
                    .findFirst()
                    .orElseThrow();
            assertEquals("None", members.getSpec().getClusterIP(), file);
            // A peer that waits for the others is not ready, and has to be found by them all the same.
            assertEquals(true, members.getSpec().getPublishNotReadyAddresses(), file);
            PodDisruptionBudgetSpec budget =
                    only(file, PodDisruptionBudget.class).getSpec();
            assertEquals(1, budget.getMaxUnavailable().getIntVal(), file);
            assertEquals(labels, budget.getSelector().getMatchLabels(), file);
            assertEquals(3, set.getSpec().getReplicas(), file);
        }
    }

    @Test
    void kubeletAsksTheAgentWhetherItLivesAndWhetherThePodIsReady() throws Exception {
        for (String file : FILES) {
            Container container = container(only(file, StatefulSet.class));
            assertEquals("/liveness", path(container.getStartupProbe()), file);
            assertEquals("/liveness", path(container.getLivenessProbe()), file);
            assertEquals("/readiness", path(container.getReadinessProbe()), file);
        }
    }

    /** All that the image's own text says is written is a volume; the rest cannot be. */
    @Test
    void nothingRunsAsRootOrWritesToItsImage() throws Exception {
        for (String file : FILES) {
            StatefulSet set = only(file, StatefulSet.class);
            PodSpec pod = set.getSpec().getTemplate().getSpec();
            assertEquals(true, pod.getSecurityContext().getRunAsNonRoot(), file);
            assertEquals(999L, pod.getSecurityContext().getRunAsUser(), file);
            SecurityContext container = container(set).getSecurityContext();
            assertEquals(true, container.getReadOnlyRootFilesystem(), file);
            assertEquals(false, container.getAllowPrivilegeEscalation(), file);
            assertEquals(List.of("ALL"), container.getCapabilities().getDrop(), file);
            Set<String> volumes = new TreeSet<>();
            pod.getVolumes().forEach(volume -> volumes.add(volume.getName()));
            set.getSpec()
                    .getVolumeClaimTemplates()
                    .forEach(claim -> volumes.add(claim.getMetadata().getName()));
            Set<String> paths = new TreeSet<>();
            for (VolumeMount mount : container(set).getVolumeMounts()) {
                assertTrue(volumes.contains(mount.getName()), file + ": " + mount.getName());
                paths.add(mount.getMountPath());
            }
            assertEquals(
                    Set.of("/data", "/dev/shm", "/etc/matriarch", "/run/postgresql", "/run/secrets/authority", "/tmp"),
                    paths,
                    file);
        }
    }

    private static String path(Probe probe) {
        assertEquals("rest", probe.getHttpGet().getPort().getStrVal());
        return probe.getHttpGet().getPath();
    }

    private static Container container(StatefulSet set) {
        return set.getSpec().getTemplate().getSpec().getContainers().getFirst();
    }

    private static <T> T only(String file, Class<T> kind) throws IOException {
        List<T> found =
                objects(file).stream().filter(kind::isInstance).map(kind::cast).toList();
        assertEquals(1, found.size(), file + ": " + kind);
        return found.getFirst();
    }

    /** Otherwise each new pod finds a data directory that its group may write, and PostgreSQL does not start with such a one. */
    @Test
    void theVolumesModesAreLeftAsTheyAreOnceTheyAreRight() throws Exception {
        for (String file : FILES) {
            PodSecurityContext context = only(file, StatefulSet.class)
                    .getSpec()
                    .getTemplate()
                    .getSpec()
                    .getSecurityContext();
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
