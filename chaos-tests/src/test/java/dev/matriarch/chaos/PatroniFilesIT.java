package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Whole configurations as they are written for Patroni: nothing but addresses and directories is changed for this machine. */
class PatroniFilesIT {
    private static final int PORT_OFFSET = 1300;
    private static final String ODD_PASSWORD = "it's \"quoted\" \\ and: odd";
    private static final Duration SOON = Duration.ofSeconds(30);

    private static Cluster cluster;
    private static Node node;
    private static String binaries;
    private static String storeAddress;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @BeforeAll
    static void up() throws IOException {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 1, PORT_OFFSET);
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

    /** With an empty data directory and an empty store. */
    private static void run(String name, String password) throws IOException {
        String theirs =
                Files.readString(Cluster.top().resolve("agent/src/test/resources/dev/matriarch/agent/config/" + name));
        String here = theirs.replace("10.0.0.1:8008", node.host() + ":" + port(node.rest()))
                .replace("0.0.0.0:8008", node.host() + ":" + port(node.rest()))
                .replace("10.0.0.1:2222", storeAddress)
                .replace("bind_addr: 0.0.0.0:2222", "bind_addr: " + storeAddress)
                .replaceAll("partner_addrs:\\s*(\\[.*\\]|(\\s*- 10\\.0\\.0\\.\\d:2222)+)", "partner_addrs: []")
                .replace("10.0.0.1,127.0.0.1:5432", node.host() + ":" + node.port())
                .replace("10.0.0.1:5432", node.host() + ":" + node.port())
                .replaceAll(
                        "(?m)^  data_dir: (/var/lib/patroni/raft|\\.)$",
                        "  data_dir: " + node.home() + "/store-" + name)
                .replaceAll("(?m)^  data_dir: (/var/lib/postgresql.*|data/.*)$", "  data_dir: " + node.dataDirectory())
                .replace("/usr/lib/postgresql/15/bin", binaries)
                .replace("/var/log/patroni", node.home() + "/log")
                .replace("/tmp/pgpass0", node.home() + "/pgpass0");
        assertFalse(here.contains("10.0.0."), here);
        Commands.run(SOON, "kill", "-TERM", Long.toString(node.requireAgent())).expectSuccess();
        Await.until("the agent ends", SOON, () -> node.agentPid().isEmpty());
        Commands.run(SOON, "rm", "-r", node.dataDirectory().toString()).expectSuccess();
        Files.writeString(node.config(), here);
        node.startAgent();
        Await.until("it leads", Duration.ofSeconds(60), () -> node.healthCheck("/primary") == 200);
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
        Properties properties = new Properties();
        properties.putAll(Map.of(
                "user", user, "password", password, "loginTimeout", "3", "connectTimeout", "2", "socketTimeout", "10"));
        return DriverManager.getConnection(node.jdbcUrl(), properties);
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
