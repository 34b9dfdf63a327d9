package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ZooKeeperSectionTest {
    @TempDir
    Path dir;

    private AgentConfig load(String zookeeper) throws Exception {
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
                """ + zookeeper);
        return ConfigFile.load(file, Map.of());
    }

    private Problem problem(String zookeeper) {
        ConfigProblems e = assertThrows(ConfigProblems.class, () -> load(zookeeper));
        assertEquals(1, e.problems().size(), e::getMessage);
        return e.problems().getFirst();
    }

    @Test
    void serversAreAListOrATextAsInPatroni() throws Exception {
        List<URI> both = List.of(URI.create("zk://10.0.0.1:2181"), URI.create("zk://z2:2182"));
        for (String hosts : List.of("['10.0.0.1:2181', 'z2:2182']", "'10.0.0.1,z2:2182'")) {
            AgentConfig config = load("zookeeper: {use_ssl: false, hosts: " + hosts + "}\n");
            assertEquals(
                    both,
                    assertInstanceOf(ZooKeeperConfig.class, config.store()).servers());
        }
    }

    @Test
    void otherSectionsComeBeforeIt() throws Exception {
        String zookeeper = "zookeeper: {hosts: a}\n";
        assertInstanceOf(
                ConsulConfig.class, load(zookeeper + "consul: {host: a}\n").store());
        assertInstanceOf(
                EtcdConfig.class, load(zookeeper + "etcd3: {host: a}\n").store());
        assertInstanceOf(
                RaftConfig.class,
                load(zookeeper + "raft: {self_addr: '10.0.0.1:2222', data_dir: /r}\n")
                        .store());
    }

    @Test
    void exhibitorNamesTheServersAndComesBeforeRaft() throws Exception {
        String sections = "exhibitor: {hosts: 'e1, e2', port: 8080, poll_interval: 60}\n"
                + "raft: {self_addr: '10.0.0.1:2222', data_dir: /r}\nzookeeper: {hosts: a}\n";
        ZooKeeperConfig config =
                assertInstanceOf(ZooKeeperConfig.class, load(sections).store());
        assertEquals(List.of(), config.servers());
        ZooKeeperConfig.Exhibitor exhibitor = config.exhibitor().orElseThrow();
        assertEquals(List.of(URI.create("http://e1:8080"), URI.create("http://e2:8080")), exhibitor.addresses());
        assertEquals(Duration.ofMinutes(1), exhibitor.interval());
        assertEquals(
                Duration.ofMinutes(5),
                assertInstanceOf(
                                ZooKeeperConfig.class,
                                load("exhibitor: {hosts: [e1]}\n").store())
                        .exhibitor()
                        .orElseThrow()
                        .interval());
        assertInstanceOf(EtcdConfig.class, load(sections + "etcd3: {host: a}\n").store());
        ZooKeeperConfig old = assertInstanceOf(
                ZooKeeperConfig.class,
                load("zookeeper: {session_timeout: 1, exhibitor: {hosts: [e1], port: 8080}}\n")
                        .store());
        assertEquals(
                List.of(URI.create("http://e1:8080")),
                old.exhibitor().orElseThrow().addresses());
        assertEquals("exhibitor.hosts", problem("exhibitor: {}\n").key());
        assertEquals("exhibitor.hosts", problem("exhibitor: {hosts: 'a b'}\n").key());
    }

    @Test
    void aNameMayHaveAnUnderscore() throws Exception {
        assertEquals(
                List.of(URI.create("zk://zk_1:2181")),
                assertInstanceOf(
                                ZooKeeperConfig.class,
                                load("zookeeper: {hosts: zk_1}\n").store())
                        .servers());
    }

    @Test
    void whatIsMissingOrNotThereYetIsNamed() {
        assertEquals("zookeeper.hosts", problem("zookeeper: {}\n").key());
        assertEquals("zookeeper.hosts", problem("zookeeper: {hosts: 'a:b'}\n").key());
        for (String key :
                List.of("use_ssl: true", "cacert: /a", "set_acls: {a: [READ]}", "auth_data: {digest: 'a:b'}")) {
            Problem problem = problem("zookeeper: {hosts: a, " + key + "}\n");
            assertEquals("zookeeper." + key.substring(0, key.indexOf(':')), problem.key());
            assertTrue(problem.sentence().contains("does not support yet"), problem::text);
        }
    }
}
