package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.client.server.mock.KubernetesCrudDispatcher;
import io.fabric8.kubernetes.client.server.mock.KubernetesMockServer;
import io.fabric8.mockwebserver.Context;
import io.fabric8.mockwebserver.MockWebServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Whole configurations as they are written for Patroni: nothing but addresses and directories is changed for this machine. */
class PatroniFilesIT {
    /** Only written down: Kubernetes takes no loopback address, and nobody goes there (RFC 5737). */
    private static final String POD = "192.0.2.1";

    private static final String ODD_PASSWORD = "it's \"quoted\" \\ and: odd";
    private static final Duration SOON = Duration.ofSeconds(30);

    @TempDir
    static Path directory;

    private static Cluster cluster;
    private static Node node;
    private static String binaries;
    private static String storeAddress;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @BeforeAll
    static void up() throws IOException {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 1);
        node = cluster.nodes().getFirst();
        String ours = Files.readString(node.config());
        binaries = value(ours, "bin_dir");
        storeAddress = value(ours, "self_addr");
    }

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @Test
    void aMinimalOneRunsACluster() throws Exception {
        run("patroni-minimal.yml", "zalando");
        try (Connection connection = connect("postgres", "zalando")) {
            assertEquals("f", Cluster.query(connection, "select pg_is_in_recovery()"));
        }
    }

    @Test
    void aFullOneRunsACluster() throws Exception {
        run("patroni-full.yml", ODD_PASSWORD);
        try (Connection connection = connect("postgres", ODD_PASSWORD)) {
            assertEquals("128MB", Cluster.query(connection, "show wal_keep_size"));
            assertEquals("replica", Cluster.query(connection, "show wal_level"));
            assertEquals("30min", Cluster.query(connection, "show archive_timeout"));
            assertEquals("on", Cluster.query(connection, "show data_checksums"));
        }
        Await.until("the user of bootstrap.users is there", SOON, () -> connects("admin", "admin%"));
        assertTrue(Files.exists(node.home().resolve("log/matriarch.log")));
        assertEquals(200, node.healthCheck("/patroni"));
    }

    /** The API server is Fabric8's, in memory. */
    @Test
    void oneForKubernetesRunsACluster() throws Exception {
        KubernetesMockServer server = new KubernetesMockServer(
                new Context(), new MockWebServer(), new HashMap<>(), new KubernetesCrudDispatcher(), false);
        server.init(InetAddress.getLoopbackAddress(), 0);
        try (HttpClient http = HttpClient.newHttpClient()) {
            URI namespace = URI.create("http://127.0.0.1:" + server.getPort() + "/api/v1/namespaces/default/");
            String pod = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"patroni-0\",\"labels\":"
                    + "{\"application\":\"patroni\",\"cluster-name\":\"batman\"}}}";
            http.send(
                    HttpRequest.newBuilder(namespace.resolve("pods"))
                            .POST(HttpRequest.BodyPublishers.ofString(pod))
                            .build(),
                    HttpResponse.BodyHandlers.discarding());
            Path access = Files.writeString(node.home().resolve("kubeconfig"), """
                    apiVersion: v1
                    kind: Config
                    current-context: here
                    clusters: [{name: here, cluster: {server: 'http://127.0.0.1:%d/'}}]
                    users: [{name: here, user: {token: secret}}]
                    contexts: [{name: here, context: {cluster: here, user: here}}]
                    """.formatted(server.getPort()));
            Files.setPosixFilePermissions(access, PosixFilePermissions.fromString("rw-r--r--"));
            run("patroni-kubernetes.yml", "zalando", Map.of("KUBECONFIG", access.toString()), text -> text, "/primary");
            JsonNode leader = object(http, namespace.resolve("endpoints/batman"));
            assertEquals("patroni-0", leader.at("/metadata/annotations/leader").asText());
            assertEquals(POD, leader.at("/subsets/0/addresses/0/ip").asText());
            Await.until(
                    "its pod is labelled",
                    SOON,
                    () -> object(http, namespace.resolve("pods/patroni-0"))
                            .at("/metadata/labels/role")
                            .asText()
                            .equals("primary"));
            Await.until(
                    "the cluster's identifier is written down",
                    SOON,
                    () -> object(http, namespace.resolve("endpoints/batman-config"))
                            .at("/metadata/annotations/initialize")
                            .asText()
                            .matches("[0-9]+"));
        } finally {
            server.destroy();
        }
    }

    /** Two lines are added, for the stand-in. */
    @Test
    void oneForCitusRunsACoordinator() throws Exception {
        Path standIn = CitusStandIn.make(cluster.directory(), "citus");
        try (EtcdServer etcd = new EtcdServer(directory.resolve("etcd"))) {
            etcd.askForPasswords("patroni", "etcd-secret");
            run(
                    "patroni-citus.yml",
                    "zalando",
                    Map.of(),
                    text -> text.replaceAll("hosts: \\[.*\\]", "hosts: ['" + etcd.address() + "']")
                            .replace("parameters: {", "parameters: {dynamic_library_path: '" + standIn + ":$libdir', ")
                            .replace("\nbootstrap:\n", "\nbootstrap:\n  post_bootstrap: " + standIn + "/make\n"),
                    "/primary");
            Await.until("the coordinator registers itself", SOON, () -> {
                try (Connection connection = connect("citus", "postgres", "zalando")) {
                    return Cluster.query(connection, "SELECT groupid || ' ' || nodename FROM pg_dist_node")
                            .equals("0 " + node.host());
                } catch (SQLException notYet) {
                    return false;
                }
            });
        }
    }

    /** The other cluster's passwords stand in the place of those in the file. */
    @Test
    void oneForAStandbyClusterFollowsAnother() throws Exception {
        try (Cluster remote = Cluster.start(Cluster.Profile.APPLIANCE, 1)) {
            Node primary = remote.awaitWhole(Duration.ofSeconds(60));
            // One that nobody answers for would be dropped before the other cluster is there.
            remote.ctl("edit-config", "-s", "slots={dr: {type: physical}}", "--force")
                    .expectSuccess();
            String theirs = Files.readString(primary.config());
            Matcher replication =
                    Pattern.compile("username: replicator\\s+password: (\\S+)").matcher(theirs);
            assertTrue(replication.find());
            run(
                    "patroni-standby-cluster.yml",
                    primary.password(),
                    Map.of(),
                    text -> text.replace("host: 10.0.0.100", "host: " + primary.host())
                            .replace("      port: 5432", "      port: " + primary.port())
                            .replace("rep-pass", replication.group(1))
                            .replace("password: zalando", "password: " + primary.password()),
                    "/standby-leader");
            Await.until("it streams through its slot", SOON, () -> {
                try (Connection connection = remote.connect(primary)) {
                    return Cluster.query(connection, "SELECT active FROM pg_replication_slots WHERE slot_name = 'dr'")
                            .equals("t");
                } catch (SQLException notNow) {
                    return false;
                }
            });
            try (Connection connection = connect("postgres", primary.password())) {
                assertEquals("t", Cluster.query(connection, "select pg_is_in_recovery()"));
            }
        }
    }

    private static JsonNode object(HttpClient http, URI address) {
        try {
            return new ObjectMapper()
                    .readTree(http.send(HttpRequest.newBuilder(address).build(), HttpResponse.BodyHandlers.ofString())
                            .body());
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void run(String name, String password) throws IOException {
        run(name, password, Map.of(), text -> text, "/primary");
    }

    /** With an empty data directory and an empty store. */
    private static void run(
            String name, String password, Map<String, String> environment, UnaryOperator<String> more, String door)
            throws IOException {
        String theirs = more.apply(
                Files.readString(Cluster.top().resolve("agent/src/test/resources/dev/matriarch/agent/config/" + name)));
        String here = theirs.replaceAll("10\\.[01]\\.0\\.1:8008", node.host() + ":" + port(node.rest()))
                .replace("0.0.0.0:8008", node.host() + ":" + port(node.rest()))
                .replaceAll("10\\.[01]\\.0\\.1:2222", storeAddress)
                .replace("bind_addr: 0.0.0.0:2222", "bind_addr: " + storeAddress)
                .replaceAll("partner_addrs:\\s*(\\[.*\\]|(\\s*- 10\\.0\\.0\\.\\d:2222)+)", "partner_addrs: []")
                .replace("pod_ip: 10.0.0.1", "pod_ip: " + POD)
                .replace("0.0.0.0:5432", node.host() + ":" + node.port())
                .replace("locale: en_US.UTF-8", "locale: C.UTF-8")
                .replace("/tmp/pgpass\n", node.home() + "/pgpass\n")
                .replace("10.0.0.1,127.0.0.1:5432", node.host() + ":" + node.port())
                .replaceAll("10\\.[01]\\.0\\.1:5432", node.host() + ":" + node.port())
                .replaceAll(
                        "(?m)^  data_dir: (/var/lib/patroni/raft|\\.)$",
                        "  data_dir: " + node.home() + "/store-" + name)
                .replaceAll(
                        "(?m)^  data_dir: (/var/lib/postgresql.*|/home/postgres/.*|data/.*)$",
                        "  data_dir: " + node.dataDirectory())
                .replace("/usr/lib/postgresql/15/bin", binaries)
                .replace("/var/log/patroni", node.home() + "/log")
                .replace("/tmp/pgpass0", node.home() + "/pgpass0");
        assertFalse(here.contains("10.0.0.") || here.contains("10.1.0."), here);
        Commands.run(SOON, "kill", "-TERM", Long.toString(node.requireAgent())).expectSuccess();
        Await.until("the agent ends", SOON, () -> node.agentPid().isEmpty());
        Commands.run(SOON, "rm", "-r", node.dataDirectory().toString()).expectSuccess();
        Files.writeString(node.config(), here);
        node.startAgent(environment);
        Await.until("it leads", Duration.ofSeconds(60), () -> node.healthCheck(door) == 200);
        Await.until("the cluster is created", Duration.ofSeconds(60), () -> connects("postgres", password));
    }

    private static boolean connects(String user, String password) {
        try (Connection connection = connect(user, password)) {
            return connection.isValid(3);
        } catch (SQLException notYet) {
            return false;
        }
    }

    private static Connection connect(String user, String password) throws SQLException {
        return connect("postgres", user, password);
    }

    private static Connection connect(String database, String user, String password) throws SQLException {
        Properties properties = new Properties();
        properties.putAll(Map.of(
                "user", user, "password", password, "loginTimeout", "3", "connectTimeout", "2", "socketTimeout", "10"));
        return DriverManager.getConnection(node.jdbcUrl().replaceFirst("postgres$", database), properties);
    }

    private static String port(String url) {
        return url.substring(url.lastIndexOf(':') + 1);
    }

    private static String value(String yaml, String key) {
        Matcher matcher = Pattern.compile("(?m)^\\s+" + key + ": (.*)$").matcher(yaml);
        assertTrue(matcher.find(), key);
        return matcher.group(1);
    }
}
