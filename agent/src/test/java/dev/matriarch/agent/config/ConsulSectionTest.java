package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConsulSectionTest {
    @TempDir
    Path dir;

    private AgentConfig load(String consul) throws Exception {
        Path file = Files.writeString(dir.resolve("n1.yml"), """
                scope: demo
                name: n1
                restapi: {listen: 10.0.0.1:8008}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: /var/lib/demo
                  authentication:
                    superuser: {username: postgres, password: a}
                    replication: {username: replicator, password: b}
                bootstrap: {dcs: {ttl: 30, loop_wait: 10, retry_timeout: 10}}
                """ + consul);
        return ConfigFile.load(file, Map.of());
    }

    private ConsulConfig consul(String keys) throws Exception {
        return assertInstanceOf(
                ConsulConfig.class, load("consul: {" + keys + "}\n").store());
    }

    private String problem(String keys) {
        ConfigProblems e = assertThrows(ConfigProblems.class, () -> load("consul: {" + keys + "}\n"));
        assertEquals(1, e.problems().size(), e::getMessage);
        return e.problems().getFirst().text();
    }

    @Test
    void theAddressIsThatOfTheHostsOwnAgentOrAsPatroniReadsIt() throws Exception {
        assertEquals(URI.create("http://127.0.0.1:8500"), consul("").address());
        assertEquals(URI.create("http://a:8501"), consul("host: 'a:8501'").address());
        assertEquals(
                URI.create("https://a:9"),
                consul("host: 'a:8501', port: 9, scheme: https").address());
        assertEquals(
                URI.create("https://b:8500"),
                consul("host: a, url: 'https://b/'").address());
        assertTrue(problem("url: 'b:8500'").contains("consul.url"));
        assertTrue(problem("scheme: ftp").contains("http, https"));
    }

    @Test
    void everyKeyIsRead() throws Exception {
        ConsulConfig c =
                consul("token: 'secret', verify: off, cert: /c.pem, key: /k.pem, dc: north, consistency: stale,"
                        + " checks: [serfHealth], register_service: on, service_tags: 'b, a', service_check_interval: 10,"
                        + " service_check_tls_server_name: n1.example.com");
        assertEquals(Optional.of("secret"), c.token());
        assertFalse(c.toString().contains("secret"));
        assertFalse(c.verify());
        assertEquals(Optional.of(Path.of("/k.pem")), c.key());
        assertEquals(Optional.of("north"), c.datacenter());
        assertEquals("stale", c.consistency());
        assertEquals(List.of("serfHealth"), c.checks());
        assertEquals(List.of(), consul("").checks(), "none but the time, as in Patroni 4");
        assertTrue(c.registerService());
        assertEquals(List.of("b", "a"), c.serviceTags());
        assertEquals("10s", c.serviceCheckInterval());
        assertEquals(Optional.of("n1.example.com"), c.serviceCheckTlsServerName());
        assertTrue(consul("verify: off, cacert: /ca.pem").verify(), "an authority that is named is looked at");
        assertEquals("1m30s", consul("service_check_interval: 1m30s").serviceCheckInterval());
    }

    @Test
    void whatCannotBeIsNamed() {
        assertTrue(problem("consistency: weak").contains("default, consistent, stale"));
        assertTrue(problem("service_check_interval: soon").contains("service_check_interval"));
        assertTrue(problem("key: /k.pem").contains("needs cert"));
        assertTrue(problem("tokn: a").contains("consul.token"));
        assertTrue(assertThrows(
                        ConfigProblems.class,
                        () -> load("consul: {}\n".replace("{}", "{host: a}") + "bootstrap: {dcs: {ttl: 10}}\n"))
                .getMessage()
                .contains("bootstrap"));
    }

    @Test
    void aTokenIsGivenAloneAndNeverShown() throws Exception {
        for (String line : List.of("token: \"s3cret\\n\"", "token: 's3 cret'", "token: \"\\uFEFFs3cret\"")) {
            String problem = problem(line);
            assertTrue(problem.contains("consul.token"), problem);
            assertFalse(problem.contains("cret"), problem);
        }
        Path file = Files.writeString(dir.resolve("token"), "s3cret\n\n");
        String problem = problem("token_file: " + file);
        assertTrue(problem.contains("consul.token_file"), problem);
        assertFalse(problem.contains("s3cret"), problem);
        Files.writeString(file, "s3cret\n");
        assertEquals(Optional.of("s3cret"), consul("token_file: " + file).token());
        assertEquals(Optional.empty(), consul("token: ''").token());
    }

    @Test
    void aHostThatNoUrlMayHaveIsNamed() {
        for (String host : List.of("my_consul", "my consul", "consul/v1", "user@consul")) {
            String problem = problem("host: '" + host + "'");
            assertTrue(problem.contains("consul.host"), problem);
            String etcd = assertThrows(ConfigProblems.class, () -> load("etcd3: {hosts: ['" + host + ":2379']}\n"))
                    .getMessage();
            assertTrue(etcd.contains("etcd3.hosts"), etcd);
        }
    }

    @Test
    void consulComesBeforeTheOthersAsInPatroni() throws Exception {
        AgentConfig c = load("consul: {host: a}\netcd3: {hosts: ['b:2379']}\n"
                + "raft: {data_dir: /raft, self_addr: '10.0.0.1:2222'}\n");
        assertInstanceOf(ConsulConfig.class, c.store());
    }
}
