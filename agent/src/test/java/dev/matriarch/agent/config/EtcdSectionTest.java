package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.EtcdConfig.Api;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The sections {@code etcd}, of the v2 API, and {@code etcd3}: the same keys in both. */
class EtcdSectionTest {
    @TempDir
    Path dir;

    private AgentConfig load(String member, String sections, Map<String, String> environment) throws Exception {
        Path file = Files.writeString(dir.resolve("n1.yml"), """
                scope: demo
                name: %s
                restapi: {listen: 10.0.0.1:8008}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: /var/lib/demo
                  authentication:
                    superuser: {username: postgres, password: a}
                    replication: {username: replicator, password: b}
                bootstrap: {dcs: {ttl: 30, loop_wait: 10, retry_timeout: 10}}
                """.formatted(member) + sections);
        return ConfigFile.load(file, environment);
    }

    private EtcdConfig etcd(String sections) throws Exception {
        return assertInstanceOf(EtcdConfig.class, load("n1", sections, Map.of()).store());
    }

    private static String both(Api api, String content) {
        return api.section() + ": {" + content + "}\n";
    }

    @Test
    void bothSectionsHaveTheSameKeys() throws Exception {
        for (Api api : Api.values()) {
            EtcdConfig many = etcd(both(
                    api,
                    "hosts: '10.0.0.1, e2:4001', protocol: https, port: 2380, username: u, password: p, srv_suffix: blue,"
                            + " cacert: /ca.pem, cert: /c.pem, key: /c.key, key_password: k"));
            assertEquals(api, many.api());
            assertEquals(List.of(URI.create("https://10.0.0.1:2380"), URI.create("https://e2:4001")), many.addresses());
            assertEquals(
                    "u", many.login().map(AgentConfig.Credentials::username).orElseThrow());
            assertEquals(Optional.of("k"), many.keyPassword());
            assertFalse(many.toString().contains("k,"), many.toString());
            assertFalse(many.proxies());
            EtcdConfig proxy = etcd(both(api, "host: e1, proxy: 'http://u:p@proxy:8080'"));
            assertEquals(List.of(URI.create("http://proxy:8080")), proxy.addresses());
            assertTrue(proxy.proxies());
            assertEquals(
                    "p", proxy.login().map(AgentConfig.Credentials::password).orElseThrow());
            assertEquals(
                    List.of(URI.create("http://e1:2379")),
                    etcd(both(api, "host: e1")).addresses());
            assertEquals(
                    Optional.of("example.com"),
                    etcd(both(api, "srv: example.com")).srv());
            ConfigProblems none = assertThrows(ConfigProblems.class, () -> etcd(both(api, "protocol: http")));
            assertTrue(none.getMessage().contains(api.section() + ".hosts"), none.getMessage());
        }
    }

    @Test
    void theEnvironmentNamesItAsPatroniDoes() throws Exception {
        AgentConfig config = load(
                "n1",
                "",
                Map.of(
                        "PATRONI_ETCD_HOSTS",
                        "'10.0.0.1:2379','10.0.0.2:2379'",
                        "PATRONI_ETCD_USERNAME",
                        "u",
                        "PATRONI_ETCD_PASSWORD",
                        "p"));
        EtcdConfig etcd = assertInstanceOf(EtcdConfig.class, config.store());
        assertEquals(Api.V2, etcd.api());
        assertEquals(2, etcd.addresses().size());
    }

    @Test
    void theOlderApiComesBeforeTheNewerOneAsInPatroni() throws Exception {
        String sections = "etcd3: {host: a}\netcd: {host: b}\nkubernetes: {labels: {a: b}}\n";
        assertEquals(Api.V2, etcd(sections).api());
        assertInstanceOf(
                ConsulConfig.class,
                load("n1", sections + "consul: {host: c}\n", Map.of()).store());
    }

    /** Such a key is left out of every list. */
    @Test
    void aNameThatTheOlderApiHidesIsRefused() throws Exception {
        ConfigProblems refused = assertThrows(ConfigProblems.class, () -> load("_n1", "etcd: {host: a}\n", Map.of()));
        assertEquals("name", refused.problems().getFirst().key());
        assertTrue(refused.getMessage().contains("underscore"), refused.getMessage());
        assertEquals("_n1", load("_n1", "etcd3: {host: a}\n", Map.of()).name());
    }
}
