package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
    void whatIsMissingIsNamed() {
        assertEquals("zookeeper.hosts", problem("zookeeper: {}\n").key());
        assertEquals("zookeeper.hosts", problem("zookeeper: {hosts: 'a:b'}\n").key());
    }

    private ZooKeeperAccess access(String keys) throws Exception {
        ZooKeeperAccess access = assertInstanceOf(
                        ZooKeeperConfig.class,
                        load("zookeeper: {hosts: a, " + keys + "}\n").store())
                .access();
        assertEquals(
                access,
                assertInstanceOf(
                                ZooKeeperConfig.class,
                                load("exhibitor: {hosts: a, " + keys + "}\n").store())
                        .access());
        return access;
    }

    @Test
    void tlsIsReadAsPatroniHasItAndCountsOnlyWithUseSsl() throws Exception {
        String files = "cacert: /ca, cert: /c, key: /k, key_password: word";
        ZooKeeperAccess.Tls tls = access("use_ssl: true, " + files).tls().orElseThrow();
        assertEquals(
                new ZooKeeperAccess.Tls(
                        true,
                        Optional.of(Path.of("/ca")),
                        Optional.of(Path.of("/c")),
                        Optional.of(Path.of("/k")),
                        Optional.of("word")),
                tls);
        assertFalse(access("use_ssl: 'on', verify: off").tls().orElseThrow().verify());
        assertEquals(ZooKeeperAccess.OPEN, access("verify: false, " + files));
        assertEquals(
                "zookeeper.key",
                problem("zookeeper: {hosts: a, use_ssl: true, key: /k}\n").key());
    }

    @Test
    void aPrincipalIsASubjectAsInPatroniOrHasItsSchemeBeforeIt() throws Exception {
        String tls = "use_ssl: true, cert: /c, ";
        assertEquals(
                List.of(
                        new ZooKeeperAccess.Grant("x509", "CN=n1,O=demo", Set.of("CREATE", "READ")),
                        new ZooKeeperAccess.Grant(
                                "x509", "CN=n2", Set.of("CREATE", "READ", "WRITE", "DELETE", "ADMIN"))),
                access(tls + "set_acls: {'CN=n1, O=demo': [create, READ], CN=n2: [ALL]}")
                        .grants());
        assertEquals(
                List.of(new ZooKeeperAccess.Grant("sasl", "herd", Set.of("CREATE", "READ", "WRITE", "DELETE"))),
                access("auth_data: {sasl: 'herd:a:b'}, set_acls: {'sasl:herd': 'CREATE,READ,WRITE,DELETE'}")
                        .grants());
        assertEquals(
                Map.of("digest", "super:secret"),
                // As DigestAuthenticationProvider makes it.
                access(
                                "auth_data: {digest: 'super:secret'}, set_acls: {'digest:super:lK75jTNcA+U9vtVEw5vB51mj/w4=': [ALL]}")
                        .credentials());
    }

    @Test
    void aWrongAclIsRefusedBeforeItLocksSomebodyOut() {
        for (String acls : List.of(
                "[READ]",
                "{CN=a: []}",
                "{CN=a: [SING]}",
                "{n1: [ALL]}",
                "{'digest:herd': [ALL]}",
                "{'world:all': [ALL]}",
                "{'ip:': [ALL]}")) {
            Problem problem = problem("zookeeper: {hosts: a, use_ssl: true, cert: /c, set_acls: " + acls + "}\n");
            assertTrue(problem.key().startsWith("zookeeper.set_acls"), problem::text);
        }
        for (String keys : List.of(
                "set_acls: {CN=a: [ALL]}",
                "use_ssl: true, set_acls: {CN=a: [ALL]}",
                "use_ssl: true, cert: /c, set_acls: {CN=a: [READ, WRITE]}",
                "auth_data: {digest: 'super:secret'}, set_acls: {'digest:other:x': [ALL]}",
                "auth_data: {digest: 'super:guessed'}, set_acls: {'digest:super:lK75jTNcA+U9vtVEw5vB51mj/w4=': [ALL]}",
                "set_acls: {'sasl:herd': [ALL]}")) {
            Problem problem = problem("zookeeper: {hosts: a, " + keys + "}\n");
            assertEquals("zookeeper.set_acls", problem.key());
            assertTrue(problem.sentence().contains("locks this member out"), problem::text);
        }
    }

    @Test
    void aWrongCredentialIsRefusedAndNoneIsShown() throws Exception {
        for (String auth : List.of(
                "'digest:herd:hidden'", "{digest: hidden}", "{sasl: 'hidden:'}", "{x509: hidden}", "{digest: 77}")) {
            Problem problem = problem("zookeeper: {hosts: a, auth_data: " + auth + "}\n");
            assertTrue(problem.key().startsWith("zookeeper.auth_data"), problem::text);
            assertFalse(problem.text().contains("hidden") || problem.text().contains("77"), problem::text);
        }
        Path file = Files.writeString(dir.resolve("shown.yml"), """
                zookeeper: {hosts: a, key_password: hidden, auth_data: {digest: 'herd:hidden', other: hidden}}
                """);
        Sources sources =
                Sources.read(Optional.of(file), Map.of("PATRONI_ZOOKEEPER_AUTH_DATA", "{digest: 'herd:hidden'}"));
        String shown = LocalConfig.withoutSecrets(sources.tree()).toString();
        assertFalse(shown.contains("hidden"), shown);
        assertTrue(shown.contains("auth_data"), shown);
    }

    @Test
    void theEnvironmentGivesMapsToo() throws Exception {
        load("zookeeper: {hosts: c}\n");
        AgentConfig config = ConfigFile.load(
                dir.resolve("n1.yml"),
                Map.of(
                        "PATRONI_ZOOKEEPER_HOSTS", "'a:1','b:2'",
                        "PATRONI_ZOOKEEPER_USE_SSL", "true",
                        "PATRONI_ZOOKEEPER_CERT", "/c",
                        "PATRONI_ZOOKEEPER_SET_ACLS", "{'CN=n1': [ALL]}",
                        "PATRONI_ZOOKEEPER_AUTH_DATA", "{digest: 'a:b'}"));
        ZooKeeperAccess access =
                assertInstanceOf(ZooKeeperConfig.class, config.store()).access();
        assertEquals("CN=n1", access.grants().getFirst().id());
        assertEquals(Map.of("digest", "a:b"), access.credentials());
    }
}
