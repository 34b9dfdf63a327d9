package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The configuration of a real agent: changed while it runs, looked at, and written as for Patroni. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ConfigurationIT {
    private static final Duration SOON = Duration.ofSeconds(30);

    private static Cluster cluster;
    private static Node node;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @BeforeAll
    static void up() {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 1);
        node = cluster.nodes().getFirst();
    }

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.close();
        }
    }

    private static void edit(String pattern, String replacement) throws IOException {
        String text = Files.readString(node.config());
        String changed = Pattern.compile(pattern).matcher(text).replaceFirst(Matcher.quoteReplacement(replacement));
        assertFalse(changed.equals(text), pattern);
        Files.writeString(node.config(), changed);
    }

    private static void hangup() {
        Commands.run(SOON, "kill", "-HUP", Long.toString(node.requireAgent())).expectSuccess();
    }

    private static String log() {
        try {
            return Files.readString(node.home().resolve("agent.log"));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static boolean lets(String user, String password) {
        try (Connection connection = DriverManager.getConnection(
                "jdbc:postgresql://" + node.host() + ":" + node.port() + "/postgres?loginTimeout=3", user, password)) {
            return connection.isValid(3);
        } catch (SQLException refused) {
            return false;
        }
    }

    private static String tags() {
        return cluster.ctl("list", "-f", "json").expectSuccess().output();
    }

    @Test
    @Order(1)
    void aHangupTakesUpWhatCanChange() throws Exception {
        assertTrue(lets("postgres", node.password()));
        edit("(?m)^log:", "tags: {region: eu}\n\nlog:");
        edit("    - host all all 127", "    - host all nobody 127.0.0.0/8 reject\n    - host all all 127");
        edit(
                "(?m)^  unix_socket_directories: ''|    unix_socket_directories: ''",
                "    unix_socket_directories: ''\n    work_mem: 7MB");
        edit("(?m)^  min_timeout: .*", "  min_timeout: 0.7");
        hangup();
        Await.until("the tag is published", SOON, () -> tags().contains("eu"));
        Await.until("the parameter is in force", SOON, () -> {
            try (Connection connection = cluster.connect(node)) {
                return Cluster.query(connection, "show work_mem").equals("7MB");
            } catch (SQLException notNow) {
                return false;
            }
        });
        assertTrue(
                Files.readString(node.dataDirectory().resolve("pg_hba.conf")).contains("nobody"), "pg_hba is written");
        Await.until("what needs a restart is named", SOON, () -> log().contains("raft.min_timeout needs a restart"));
    }

    @Test
    @Order(2)
    void whatPostgresqlRejectsDoesNotStay() throws Exception {
        String before = Files.readString(node.dataDirectory().resolve("pg_hba.conf"));
        edit("    - host all nobody 127.0.0.0/8 reject", "    - host all all 127.0.0.0/8 no-such-method");
        hangup();
        Await.until("the lines are refused", SOON, () -> log().contains("rejects the configured lines of pg_hba.conf"));
        assertEquals(before, Files.readString(node.dataDirectory().resolve("pg_hba.conf")));
        edit("    - host all all 127.0.0.0/8 no-such-method\n", "");

        String good = Files.readString(node.config());
        Files.writeString(node.config(), good + "nonsense: true\n");
        Commands.Result result = cluster.ctl("reload", scope(), node.name(), "--force");
        assertFalse(result.exitCode() == 0, result.output());
        assertTrue(result.output().contains("nonsense"), result.output());
        Files.writeString(node.config(), good);
        cluster.ctl("reload", scope(), node.name(), "--force").expectSuccess();
    }

    private static String scope() throws IOException {
        Matcher scope = Pattern.compile("(?m)^scope: (.*)$").matcher(Files.readString(node.config()));
        assertTrue(scope.find());
        return scope.group(1);
    }

    @Test
    @Order(3)
    void everyValueInForceSaysWhereItComesFrom() {
        String shown = cluster.ctl("show-config", "--effective", node.name())
                .expectSuccess()
                .output();
        for (String line : new String[] {
            "name: " + node.name() + "   # " + node.config() + ":",
            "ttl: 5   # cluster-wide configuration",
            "watchdog.device: /dev/watchdog   # default",
            "postgresql.parameters.work_mem: 7MB   # " + node.config() + ":",
            "raft.min_timeout: 0.6   # ",
        }) {
            assertTrue(shown.contains(line), line + " is not in:\n" + shown);
        }
        assertFalse(shown.contains(node.password()), "no password is shown");
    }

    @Test
    @Order(4)
    void theCopyOfTheClusterWideConfigurationIsKept() throws Exception {
        Path copy = node.dataDirectory().resolve("patroni.dynamic.json");
        Await.until("the copy is there", SOON, () -> Files.exists(copy));
        cluster.ctl("edit-config", "--set", "maximum_lag_on_failover=4242", "--force")
                .expectSuccess();
        Await.until("the copy follows", SOON, () -> {
            try {
                return Files.readString(copy).contains("4242");
            } catch (IOException e) {
                return false;
            }
        });
    }

    @Test
    @Order(4)
    void whatHoldsInOneRoleIsTakenUpAndAPendingRestartComesAndGoes() throws SQLException {
        String before;
        try (Connection connection = cluster.connect(node)) {
            before = Cluster.query(connection, "show max_connections");
        }
        cluster.ctl("edit-config", "--set", "postgresql.parameters_primary.maintenance_work_mem=33MB", "--force")
                .expectSuccess();
        Await.until("the parameter is in force", SOON, () -> {
            try (Connection connection = cluster.connect(node)) {
                return Cluster.query(connection, "show maintenance_work_mem").equals("33MB");
            } catch (SQLException notNow) {
                return false;
            }
        });
        cluster.ctl("edit-config", "-p", "max_connections=77", "--force").expectSuccess();
        Await.until("a restart is pending", SOON, () -> status().contains("\"new_value\":\"77\""));
        cluster.ctl("edit-config", "-p", "max_connections=" + before, "--force").expectSuccess();
        Await.until("no restart is pending", SOON, () -> !status().contains("pending_restart"));
    }

    private static String status() {
        return Http.get(node.rest() + "/patroni", Duration.ofSeconds(2))
                .map(r -> r.body())
                .orElse("pending_restart is not known")
                .replace(" ", "");
    }

    @Test
    @Order(5)
    void theRunningAgentsConfigurationIsValid() {
        Path launcher = node.agentCommand();
        Commands.Result result = Commands.run(
                SOON,
                Map.of(),
                java.util.List.of(
                        launcher.toString(),
                        "--validate-config",
                        "-i",
                        node.config().toString()));
        assertEquals(0, result.exitCode(), result.output());
    }

    /** The cluster goes on with a file of Patroni's words and none of ours. */
    @Test
    @Order(6)
    void aConfigurationWrittenForPatroniStartsAnAgent() throws Exception {
        String ours = Files.readString(node.config());
        String theirs = """
                scope: %s
                name: %s
                namespace: /service/
                log: {level: INFO, traceback_level: ERROR, max_queue_size: 1000, type: plain,
                      format: '%%(asctime)s %%(levelname)s: %%(message)s'}
                restapi:
                  listen: %s:%s
                  connect_address: %s:%s
                raft:
                  data_dir: %s/raft
                  self_addr: %s
                  partner_addrs: []
                bootstrap:
                  dcs: {ttl: 30, loop_wait: 10, retry_timeout: 10, maximum_lag_on_failover: 1048576}
                  initdb: [{encoding: UTF8}, data-checksums]
                postgresql:
                  listen: %s:%s
                  connect_address: %s:%s
                  data_dir: %s
                  bin_dir: %s
                  pgpass: %s/pgpass
                  authentication:
                    replication: {username: replicator, password: '%s'}
                    superuser: {username: postgres, password: '%s'}
                  pg_hba:
                    - host all all 127.0.0.0/8 scram-sha-256
                    - host replication replicator 127.0.0.0/8 scram-sha-256
                  parameters: {unix_socket_directories: '', work_mem: 9MB}
                watchdog: {mode: off}
                tags: {noloadbalance: false, clonefrom: false, nosync: false, nostream: false}
                """.formatted(
                        scope(),
                        node.name(),
                        node.host(),
                        port(node.rest()),
                        node.host(),
                        port(node.rest()),
                        node.home(),
                        value(ours, "self_addr"),
                        node.host(),
                        node.port(),
                        node.host(),
                        node.port(),
                        node.dataDirectory(),
                        value(ours, "bin_dir"),
                        node.home(),
                        passwordOf(ours, "replicator"),
                        node.password());
        Commands.run(SOON, "kill", "-TERM", Long.toString(node.requireAgent())).expectSuccess();
        Await.until("the agent ends", SOON, () -> node.agentPid().isEmpty());
        Files.writeString(node.config(), theirs);
        node.startAgent();
        Await.until("it leads again", Duration.ofSeconds(60), () -> node.healthCheck("/primary") == 200);
        try (Connection connection = cluster.connect(node)) {
            assertEquals("9MB", Cluster.query(connection, "show work_mem"));
        }
    }

    @Test
    @Order(7)
    void aStoreThatLostEverythingIsGivenTheCopy() throws Exception {
        String store = value(Files.readString(node.config()), "data_dir");
        Commands.run(SOON, "kill", "-TERM", Long.toString(node.requireAgent())).expectSuccess();
        Await.until("the agent ends", SOON, () -> node.agentPid().isEmpty());
        Commands.run(SOON, "rm", "-r", store).expectSuccess();
        node.startAgent();
        Await.until("it leads again", Duration.ofSeconds(60), () -> node.healthCheck("/primary") == 200);
        String config = cluster.ctl("show-config").expectSuccess().output();
        assertTrue(config.contains("4242"), "what edit-config said, not what bootstrap.dcs says: " + config);
    }

    private static String port(String url) {
        return url.substring(url.lastIndexOf(':') + 1);
    }

    private static String value(String yaml, String key) {
        Matcher matcher = Pattern.compile("(?m)^\\s+" + key + ": (.*)$").matcher(yaml);
        assertTrue(matcher.find(), key);
        return matcher.group(1);
    }

    private static String passwordOf(String yaml, String user) {
        Matcher matcher =
                Pattern.compile("username: " + user + "\\s+password: (\\S+)").matcher(yaml);
        assertTrue(matcher.find(), user);
        return matcher.group(1);
    }
}
