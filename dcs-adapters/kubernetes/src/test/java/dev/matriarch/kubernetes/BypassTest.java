package dev.matriarch.kubernetes;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.kubernetes.KubeObjects.Extra;
import dev.matriarch.kubernetes.KubernetesApi.Forbidden;
import dev.matriarch.kubernetes.KubernetesSettings.Plain;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** bypass_api_service: one mock server stands for the API server, another one on its own port for the service in front. */
class BypassTest {
    private ApiServers server;
    private ApiServers service;
    private KubernetesApi api;

    @BeforeEach
    void start() throws Exception {
        server = new ApiServers();
        service = new ApiServers();
        api = new KubernetesApi(Connection.client(new Plain(service.address())), Set.of());
        publish();
    }

    @AfterEach
    void stop() {
        api.close();
        server.close();
        service.close();
    }

    /** Both servers say that the API server itself is the first one. */
    private void publish() throws Exception {
        URI itself = server.address();
        var subsets = new ObjectMapper()
                .readTree("[{\"addresses\":[{\"ip\":\"" + itself.getHost() + "\"}],\"ports\":[{\"port\":"
                        + itself.getPort() + "}]}]");
        for (ApiServers each : new ApiServers[] {server, service}) {
            try (KubernetesApi one = new KubernetesApi(Connection.client(new Plain(each.address())), Set.of())) {
                new KubeObjects(one, "default", "endpoints", "Endpoints", Map.of())
                        .change(
                                "kubernetes",
                                Optional.empty(),
                                Map.of(),
                                Extra.of(Optional.of(subsets)),
                                Forbidden.AT_ONCE,
                                MockCluster.soon())
                        .orElseThrow();
            }
        }
    }

    /** A list of the cluster's objects, not a watch and not the search for servers. */
    private static boolean wasRead(ApiServers which) {
        return which.asked.stream()
                .anyMatch(r -> r.getMethod().equals("GET")
                        && r.getPath().contains("/configmaps?labelSelector")
                        && !r.getPath().contains("watch=true"));
    }

    private void look(Bypass bypass) {
        bypass.look(MockCluster.soon());
    }

    @Test
    void theServersAreAskedPastTheirServiceIfThatIsWanted() throws Exception {
        KubernetesSettings own = service.settings("past", "n1", false);
        KubernetesSettings past = new KubernetesSettings(
                own.access(),
                own.namespace(),
                own.scope(),
                own.citusGroup(),
                own.member(),
                own.labels(),
                own.scopeLabel(),
                own.roles(),
                own.bootstrapLabels(),
                own.endpoints(),
                true,
                own.retriableCodes());
        try (KubernetesDcs n1 = new KubernetesDcs(past)) {
            assertTrue(n1.read(TIMEOUT).isUnlocked());
            assertTrue(wasRead(server), "the first read goes to the server itself");
            assertFalse(wasRead(service), "and not to the service, which would have answered");
            // A server that has trouble: the service is there still.
            server.fault((request, real) -> Optional.of(ApiServers.status(503, "on purpose")));
            assertTrue(n1.read(TIMEOUT).isUnlocked());
            assertTrue(wasRead(service));
        }
    }

    @Test
    void theServiceStaysTheLastOneWhenTheServersAreFoundAgain() {
        Bypass bypass = new Bypass(api, Duration.ZERO);
        assertEquals(service.address().toString(), api.address());
        for (int round = 0; round < 3; round++) {
            look(bypass);
            assertEquals(server.address().toString(), api.address(), "after round " + round);
        }
    }

    @Test
    void onlyAMissingRightEndsTheSearch() {
        AtomicInteger code = new AtomicInteger(401);
        service.fault((request, real) -> Optional.of(ApiServers.status(code.get(), "on purpose")));
        Bypass bypass = new Bypass(api, Duration.ZERO);
        for (int passing : new int[] {401, 404}) {
            code.set(passing);
            look(bypass);
            assertEquals(service.address().toString(), api.address());
        }
        service.noFault();
        look(bypass);
        assertEquals(server.address().toString(), api.address(), "a refusal that passes");

        server.fault((request, real) -> Optional.of(ApiServers.status(403, "no right")));
        look(bypass);
        assertEquals(service.address().toString(), api.address());
        server.noFault();
        service.asked.clear();
        look(bypass);
        assertTrue(service.asked.isEmpty(), "it is not asked for again");
    }
}
