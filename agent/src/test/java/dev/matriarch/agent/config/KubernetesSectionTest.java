package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KubernetesSectionTest {
    @TempDir
    Path dir;

    private AgentConfig load(String kubernetes, Map<String, String> environment) throws Exception {
        Path file = Files.writeString(dir.resolve("n1.yml"), """
                scope: demo
                name: demo-0
                restapi: {listen: 10.0.0.1:8008}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: /var/lib/demo
                  authentication:
                    superuser: {username: postgres, password: a}
                    replication: {username: replicator, password: b}
                """ + kubernetes);
        return ConfigFile.load(file, environment);
    }

    private KubernetesConfig kubernetes(String keys) throws Exception {
        return assertInstanceOf(
                KubernetesConfig.class,
                load("kubernetes: {" + keys + "}\n", Map.of()).store());
    }

    private String problem(String keys) {
        ConfigProblems e = assertThrows(ConfigProblems.class, () -> load("kubernetes: {" + keys + "}\n", Map.of()));
        assertEquals(1, e.problems().size(), e::getMessage);
        return e.problems().getFirst().text();
    }

    @Test
    void onlyTheLabelsHaveToBeGiven() throws Exception {
        KubernetesConfig least = kubernetes("labels: {application: patroni}");
        assertEquals("default", least.namespace());
        assertEquals("cluster-name", least.scopeLabel());
        assertEquals("role", least.roleLabel());
        assertEquals("primary", least.leaderLabelValue());
        assertEquals("replica", least.followerLabelValue());
        assertEquals("primary", least.standbyLeaderLabelValue());
        assertEquals(List.of(new KubernetesConfig.Port(5432, Optional.empty(), Optional.empty())), least.ports());
        assertTrue(!least.useEndpoints() && !least.bypassApiService());
        assertTrue(problem("namespace: default").contains("kubernetes.labels"));
    }

    @Test
    void everyKeyIsRead() throws Exception {
        assertEquals(
                new KubernetesConfig(
                        Optional.of("kind-kind"),
                        "databases",
                        Map.of("application", "spilo"),
                        "cluster",
                        "spilo-role",
                        "master",
                        "standby",
                        "standby_leader",
                        Optional.of("tmp_role"),
                        Map.of("begins", "yes"),
                        true,
                        Optional.of("10.0.0.1"),
                        List.of(new KubernetesConfig.Port(5433, Optional.of("pg"), Optional.of("TCP"))),
                        true,
                        Set.of(400, 422),
                        Optional.of(Path.of("/ca.crt"))),
                kubernetes("context: kind-kind, namespace: databases, labels: {application: spilo, cluster: demo},"
                        + " scope_label: cluster, role_label: spilo-role, leader_label_value: master,"
                        + " follower_label_value: standby, standby_leader_label_value: standby_leader, tmp_role_label: tmp_role,"
                        + " bootstrap_labels: {begins: 'yes'}, use_endpoints: true, pod_ip: 10.0.0.1,"
                        + " ports: [{name: pg, port: 5433, protocol: TCP}], bypass_api_service: true,"
                        + " retriable_http_codes: [400, 422], cacert: /ca.crt"));
    }

    @Test
    void aPodIsGivenAllInVariables() throws Exception {
        AgentConfig config = load(
                "",
                Map.of(
                        "PATRONI_KUBERNETES_LABELS", "{application: patroni, cluster-name: demo}",
                        "PATRONI_KUBERNETES_NAMESPACE", "databases",
                        "PATRONI_KUBERNETES_USE_ENDPOINTS", "true",
                        "PATRONI_KUBERNETES_BYPASS_API_SERVICE", "true",
                        "PATRONI_KUBERNETES_POD_IP", "10.2.3.4",
                        "PATRONI_KUBERNETES_PORTS", "[{\"name\": \"postgresql\", \"port\": 5432}]",
                        "PATRONI_KUBERNETES_BOOTSTRAP_LABELS", "begins: 1",
                        "PATRONI_RETRIABLE_HTTP_CODES", "400,422",
                        "KUBERNETES_SERVICE_HOST", "10.96.0.1"));
        KubernetesConfig kubernetes = assertInstanceOf(KubernetesConfig.class, config.store());
        assertEquals(Map.of("application", "patroni"), kubernetes.labels());
        assertEquals("databases", kubernetes.namespace());
        assertTrue(kubernetes.useEndpoints() && kubernetes.bypassApiService());
        assertEquals(Optional.of("10.2.3.4"), kubernetes.podIp());
        assertEquals(Optional.of("postgresql"), kubernetes.ports().getFirst().name());
        assertEquals(Map.of("begins", "1"), kubernetes.bootstrapLabels());
        assertEquals(Set.of(400, 422), kubernetes.retriableHttpCodes());
    }

    @Test
    void whatKubernetesWouldNotTakeIsRefusedByName() {
        String labels = "labels: {application: patroni}, ";
        assertTrue(problem("labels: {application: 'two words'}").contains("kubernetes.labels.application"));
        assertTrue(problem("labels: nothing").contains("kubernetes.labels"));
        assertTrue(problem(labels + "namespace: Not_One").contains("kubernetes.namespace"));
        assertTrue(problem(labels + "pod_ip: here").contains("kubernetes.pod_ip"));
        assertTrue(problem(labels + "ports: [{port: 70000}]").contains("kubernetes.ports"));
        assertTrue(problem(labels + "ports: 5432").contains("kubernetes.ports"));
        assertTrue(problem(labels + "role_label: 'no label'").contains("kubernetes.role_label"));
        assertTrue(problem(labels + "tmp_role_label: 'no label'").contains("kubernetes.tmp_role_label"));
        assertTrue(problem(labels + "leader_label_value: 'no value'").contains("kubernetes.leader_label_value"));
        assertTrue(problem(labels + "retriable_http_codes: [200]").contains("kubernetes.retriable_http_codes"));
        assertTrue(problem(labels + "retriable_http_codes: [409]").contains("an answer and not a failure"));
        assertTrue(problem(labels + "use_endpoint: true").contains("use_endpoints"));
        ConfigProblems e = assertThrows(
                ConfigProblems.class,
                () -> load("kubernetes: {labels: {a: b}}\n", Map.of("PATRONI_SCOPE", "My_Cluster")));
        assertTrue(e.getMessage().contains("names that Kubernetes gives")
                || e.getMessage().contains("Kubernetes gives"));
    }

    /** The API server would refuse the lock's object for each of these, and nobody could lead. */
    @Test
    void whatNoEndpointsCanHoldIsRefused() throws Exception {
        String labels = "labels: {application: patroni}, ";
        for (String ip : List.of("127.0.0.1", "0.0.0.0", "999.1.1.1", "169.254.1.1", "::1", "1::2::3")) {
            assertTrue(problem(labels + "pod_ip: '" + ip + "'").contains("kubernetes.pod_ip"), ip);
        }
        assertEquals(
                Optional.of("fd00::7"), kubernetes(labels + "pod_ip: 'fd00::7'").podIp());
        for (String ports : List.of(
                "[{port: 5432, protocol: tcp}]",
                "[{port: 5432, name: Post_gres}]",
                "[{port: 5432}, {port: 5433, name: b}]",
                "[{port: 5432, name: a}, {port: 5433, name: a}]")) {
            assertTrue(problem(labels + "ports: " + ports).contains("kubernetes.ports"), ports);
        }
        assertEquals(
                2,
                kubernetes(labels + "ports: [{port: 5432, name: a}, {port: 5433, name: b}]")
                        .ports()
                        .size());
    }

    @Test
    void noLabelHasTwoMeanings() throws Exception {
        assertTrue(problem("labels: {role: db}").contains("kubernetes.role_label"));
        String labels = "labels: {application: patroni}, ";
        assertTrue(problem(labels + "tmp_role_label: role").contains("kubernetes.tmp_role_label"));
        assertTrue(problem(labels + "bootstrap_labels: {application: x}").contains("kubernetes.bootstrap_labels"));
        assertTrue(problem(labels + "role_label: cluster-name").contains("kubernetes.role_label"));
    }

    @Test
    void theNameIsThatOfAPod() {
        ConfigProblems e = assertThrows(
                ConfigProblems.class, () -> load("kubernetes: {labels: {a: b}}\n", Map.of("PATRONI_NAME", "Server_1")));
        assertEquals(1, e.problems().size(), e::getMessage);
        assertTrue(e.getMessage().contains("is not the name of a pod"), e::getMessage);
    }

    @Test
    void theScopeIsALabelAndWithEndpointsAService() throws Exception {
        String longest = "a".repeat(63);
        String kubernetes = "kubernetes: {labels: {a: b}";
        load(kubernetes + "}\n", Map.of("PATRONI_SCOPE", longest));
        load(kubernetes + "}\n", Map.of("PATRONI_SCOPE", "1.a"));
        load(kubernetes + ", use_endpoints: true}\n", Map.of("PATRONI_SCOPE", longest.substring(7)));
        for (String scope : List.of(longest + "a", "A")) {
            assertThrows(ConfigProblems.class, () -> load(kubernetes + "}\n", Map.of("PATRONI_SCOPE", scope)));
        }
        for (String scope : List.of(longest.substring(6), "1a", "a.b")) {
            ConfigProblems e = assertThrows(
                    ConfigProblems.class,
                    () -> load(kubernetes + ", use_endpoints: true}\n", Map.of("PATRONI_SCOPE", scope)));
            assertTrue(e.getMessage().contains("is not the name of a service"), e::getMessage);
        }
    }

    @Test
    void ofSeveralStoresTheFirstByItsNameIsUsed() throws Exception {
        String kubernetes = "kubernetes: {labels: {a: b}}\n";
        String raft = "raft: {self_addr: '10.0.0.1:2222', partner_addrs: [], data_dir: /r}\n";
        assertInstanceOf(
                KubernetesConfig.class, load(kubernetes + raft, Map.of()).store());
        assertInstanceOf(
                EtcdConfig.class,
                load(kubernetes + "etcd3: {host: 'a:2379'}\n", Map.of()).store());
    }
}
