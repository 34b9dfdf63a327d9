package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * The life of a cluster, by the commands of the runbooks, with certificates at every door and a customer who writes from the
 * beginning to the end: it grows by tokens, loses a host with its disks, gets another one and a witness, loses the majority of
 * its store, is recovered, and takes back those who return. One chapter follows on the other.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class LifeIT {
    private static final Duration COMMAND = Duration.ofSeconds(60);
    private static final Duration WHOLE = Duration.ofSeconds(90);
    private static final int LAST = 7;
    private static final ObjectMapper JSON = new ObjectMapper();

    private static Cluster cluster;
    private static Operator operator;
    private static Customer customer;
    private static Node n1;
    private static Node n4;
    private static Witness witness;
    private static final long BEGUN = System.nanoTime();
    private static int chapters;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @AfterAll
    static void down() {
        try {
            if (customer != null) {
                customer.close();
            }
            if (witness != null) {
                if (chapters < LAST) {
                    System.out.println("The witness said:\n" + text(witness.log()));
                }
                witness.end("TERM");
            }
        } finally {
            if (cluster != null) {
                cluster.close();
            }
        }
    }

    /** What follows on a chapter that failed has nothing to begin with. */
    private static void follows(int before) {
        assumeTrue(chapters >= before, "an earlier chapter failed");
    }

    private static void reached(String what) {
        System.out.printf("LifeIT: %5.1f s, %s%n", (System.nanoTime() - BEGUN) / 1e9, what);
    }

    private static void done(int chapter, String what) {
        chapters = chapter;
        reached(what);
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return "";
        }
    }

    private static String log(Node node) {
        return text(node.home().resolve("agent.log"));
    }

    /** Joins with a token, starts the agent, and counts it as a member. */
    private static Node joined(List<String> token, String name, String host) {
        Commands.Result said = operator.join(token, name, host).expectSuccess();
        Path home = cluster.directory().resolve(name);
        assertTrue(
                said.output().contains("Now start the agent: matriarch " + home.resolve("matriarch.yml")),
                said.output());
        Node node = node(name, host);
        node.startAgent();
        cluster.add(node);
        return node;
    }

    /** As demo.json would name it, with TLS. */
    private static Node node(String name, String host) {
        Path home = cluster.directory().resolve(name);
        ObjectNode json = JSON.createObjectNode()
                .put("name", name)
                .put("config", home.resolve("matriarch.yml").toString())
                .put("data_dir", home.resolve("data").toString())
                .put(
                        "dsn",
                        "host=" + host + " port=" + n1.port() + " user=postgres password=" + n1.password()
                                + " dbname=postgres sslmode=require")
                .put("rest", n1.rest().replaceFirst("https?://[^:]*", "https://" + host))
                .put("grpc", n1.grpc().replaceFirst("^[^:]*", host));
        return new Node(json, n1.agentCommand());
    }

    private static String storeAddress(String host) {
        return host + ":" + (n1.port() - 5440 + 7000);
    }

    private static void nothingLost() throws Exception {
        Violation.ifMissing(customer.missingOn(cluster.awaitPrimary(WHOLE)));
    }

    /** Certificates of the authority that {@code cluster init} makes, also at the doors that have settings of their own. */
    private static void certifyEveryDoor() throws IOException {
        Path tls = n1.home().resolve("raft-tls");
        String text = Files.readString(n1.config())
                .replace("restapi:\n", "restapi:\n  certfile: TLS/node.pem\n  cafile: TLS/ca.crt\n")
                .replaceAll(
                        "(?m)^  parameters:$",
                        "$0\n    ssl: 'on'\n    ssl_cert_file: TLS/node.pem\n" + "    ssl_key_file: TLS/node.pem")
                .replace("- host ", "- hostssl ")
                .replaceAll("(?m)^( +)password: .*$", "$0\n$1sslmode: verify-ca\n$1sslrootcert: TLS/ca.crt");
        assertEquals(8, text.split("TLS/", -1).length, text);
        Files.writeString(n1.config(), text.replace("TLS", tls.toString()));
    }

    @Test
    @Order(1)
    void itBeginsWithOneNodeAndAnAuthority() throws Exception {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 1);
        Node plain = cluster.awaitWhole(WHOLE);
        // Without certificates a new host could not tell the members from others.
        Commands.Result refused = cluster.ctl("cluster", "token");
        assertEquals(1, refused.exitCode(), refused.output());
        assertTrue(refused.output().contains("matriarch cluster init"), refused.output());
        plain.stopAgent(COMMAND);
        Commands.run(
                        COMMAND,
                        plain.agentCommand().toString(),
                        "cluster",
                        "init",
                        plain.config().toString())
                .expectSuccess();
        n1 = plain;
        operator = new Operator(cluster, n1.agentCommand());
        certifyEveryDoor();
        n1 = node("n1", plain.host());
        cluster.forget(plain);
        cluster.add(n1);
        n1.startAgent();
        Await.until("n1 leads", WHOLE, () -> n1.healthCheck("/primary") == 200);
        Path authority = cluster.directory().resolve("authority.crt");
        Files.copy(n1.home().resolve("raft-tls/ca.crt"), authority);
        customer = new Customer(
                List.of("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"), n1.port(), n1.password(), authority);
        customer.awaitServed();
        done(1, "one node with certificates at every door");
    }

    @Test
    @Order(2)
    void itGrowsToThreeByTokens() throws Exception {
        follows(1);
        List<String> token = operator.token();
        Node n2 = joined(token, "n2", "127.0.0.2");
        // While there are two, both are needed: the second one has to be there before the third comes.
        operator.awaitTolerance(0, 2);
        Commands.Result again = operator.join(token, "n3", "127.0.0.3");
        assertEquals(1, again.exitCode(), again.output());
        assertTrue(again.output().contains("the token was used already, by n2 at 127.0.0.2"), again.output());
        assertFalse(Files.exists(cluster.directory().resolve("n3/matriarch.yml")));
        Node n3 = joined(operator.token(), "n3", "127.0.0.3");
        for (Node node : List.of(n2, n3)) {
            Await.until(node + " is a replica", WHOLE, () -> node.healthCheck("/replica") == 200);
        }
        operator.awaitTolerance(1, 3);
        operator.order("edit-config", "--force", "-q", "-s", "synchronous_mode=quorum");
        cluster.awaitWhole(WHOLE);
        String certificates = operator.order("cert", "status", "-o", "tsv").output();
        for (Node node : cluster.nodes()) {
            assertTrue(certificates.contains("O=demo,CN=" + node), certificates);
        }
        String tokens =
                operator.order("cluster", "token", "--list", "-o", "tsv").output();
        assertTrue(tokens.contains("n2 at 127.0.0.2") && tokens.contains("n3 at 127.0.0.3"), tokens);
        // The agent looks every second whether PostgreSQL takes connections; its log is not filled with that.
        long complaints = log(n1).lines()
                .filter(l -> l.contains("could not accept SSL connection"))
                .count();
        assertTrue(complaints < 10, log(n1));
        customer.awaitServed();
        done(2, "three by tokens");
    }

    @Test
    @Order(3)
    void aLostHostIsReplacedByAnotherOne() throws Exception {
        follows(2);
        Node lost = cluster.awaitWhole(WHOLE);
        String configuration = Files.readString(lost.config());
        Faults.HOST.strike(lost);
        cluster.forget(lost);
        Await.until(
                "nothing of it is left",
                COMMAND,
                () -> Commands.run(COMMAND, "rm", "-rf", lost.home().toString()).exitCode() == 0);
        customer.awaitServed();
        nothingLost();
        reached("another one leads");

        // Who came by a token leads, or at least lets others in.
        Node guest = cluster.nodes().stream().filter(n -> n != n1).findFirst().orElseThrow();
        n4 = joined(operator.tokenOf(guest), "n4", "127.0.0.4");
        Await.until(
                "n4 is in the store", WHOLE, () -> operator.autopilot().output().contains("Voters: 4, 3 healthy"));
        operator.remove(lost, n4);
        operator.awaitTolerance(1, 3);
        cluster.awaitWhole(WHOLE);
        nothingLost();

        // An administrator gives the old host new disks and its old configuration, which names no other member.
        Files.createDirectory(lost.home());
        Files.setOwner(lost.home(), Files.getOwner(n4.home()));
        Files.writeString(lost.config(), configuration);
        Commands.Result old = lost.runAgent(COMMAND);
        assertEquals(2, old.exitCode(), old.output());
        assertTrue(old.output().contains("matriarchctl cluster token"), old.output());
        assertFalse(Files.exists(lost.home().resolve("raft")));
        done(3, "a lost host is replaced");
    }

    @Test
    @Order(4)
    void aWitnessComesByAToken() throws Exception {
        follows(3);
        List<String> token = operator.token("--witness");
        assertTrue(token.contains("--witness"), token::toString);
        Commands.Result said = operator.join(token, "w", "127.0.0.5").expectSuccess();
        witness = new Witness(cluster.directory().resolve("w/witness.yml"), n1.agentCommand());
        assertTrue(said.output().contains("Now start the witness: matriarch witness " + witness.file()), said.output());
        assertFalse(Files.readString(witness.file()).contains(n1.password()));
        witness.start();
        operator.awaitTolerance(1, 4);
        aListenerFollows();
        done(4, "a witness");
    }

    /** It comes by a token too; nobody counts it, and it goes again. */
    private static void aListenerFollows() throws Exception {
        Path file = cluster.directory().resolve("l/listener.yml");
        Commands.Result said =
                operator.join(operator.token("--listener"), "l", "127.0.0.6").expectSuccess();
        assertTrue(said.output().contains("Now start the listener: matriarch listener " + file), said.output());
        assertFalse(Files.readString(file).contains(n1.password()));
        // With a certificate, as the members' doors have one.
        String door = n1.rest().replaceFirst("https?://[^:]*", "https://127.0.0.6");
        Witness listener = new Witness(file, n1.agentCommand(), "listener");
        listener.start();
        try {
            String leader = cluster.awaitPrimary(WHOLE).name();
            Await.until(
                    "the listener shows the leader",
                    WHOLE,
                    () -> Http.get(door + "/cluster", COMMAND)
                            .filter(r -> r.statusCode() == 200)
                            .filter(r -> r.body().contains("{\"name\":\"" + leader + "\",\"role\":\"leader\""))
                            .isPresent());
            assertEquals(503, Http.get(door + "/primary", COMMAND).orElseThrow().statusCode());
            String peers = operator.order("raft", "list-peers").output();
            assertTrue(peers.contains("| listener "), peers);
            Await.until(
                    "the listener shows its certificate",
                    WHOLE,
                    () -> certificates().stream()
                            .anyMatch(row -> row.required("Member").asText().equals("l")));
            theDoctorMisses(listener);
            operator.awaitTolerance(1, 4);
            operator.order("raft", "remove-peer", "l");
            Await.until(
                    "the listener notices", WHOLE, () -> text(listener.log()).contains("add-peer --listener"));
            Await.until(
                    "its copy counts no more",
                    WHOLE,
                    () -> Http.get(door + "/cluster", COMMAND)
                            .filter(r -> r.statusCode() == 503)
                            .isPresent());
        } finally {
            listener.end("TERM");
        }
        reached("a listener came and went");
    }

    /** A warning while it does not answer. What else is wrong at that moment is not looked at here. */
    private static void theDoctorMisses(Witness listener) {
        Processes.signal("STOP", listener.pids());
        try {
            Await.until(
                    "the doctor misses the listener",
                    WHOLE,
                    () -> cluster.ctl("doctor", "-o", "tsv").output().contains("warning\tstore\tstore-listeners\tl\t"));
        } finally {
            Processes.signal("CONT", listener.pids());
        }
    }

    @Test
    @Order(5)
    void aNodeIsRemoved() throws Exception {
        follows(4);
        Node leader = cluster.awaitWhole(WHOLE);
        Node leaving = cluster.othersThan(leader).stream()
                .filter(n -> n != n4)
                .findFirst()
                .orElseThrow();
        operator.remove(leaving, leader);
        Await.until(leaving + " notices", WHOLE, () -> log(leaving).contains("This peer was removed from the store"));
        Await.during(
                "whoever was removed does not lead",
                Duration.ofSeconds(3),
                () -> leaving.healthCheck("/primary") != 200);
        leaving.stopAgent(COMMAND);
        cluster.forget(leaving);
        operator.awaitTolerance(1, 3);
        cluster.awaitWhole(WHOLE);
        nothingLost();
        done(5, "a node is removed");
    }

    @Test
    @Order(6)
    void certificatesAreRotatedAndTheStoreIsSaved() throws Exception {
        follows(5);
        cluster.awaitWhole(WHOLE);
        List<Long> agents = cluster.nodes().stream().map(Node::requireAgent).toList();
        List<String> before = serials();
        operator.order("cert", "rotate");
        List<String> after = serials();
        assertEquals(before.size(), after.size());
        for (int i = 0; i < before.size(); i++) {
            assertNotEquals(before.get(i), after.get(i));
        }
        theAuthorityIsChanged();
        assertEquals(agents, cluster.nodes().stream().map(Node::requireAgent).toList());
        customer.awaitServed();
        nothingLost();

        String file = cluster.directory().resolve("saved.store").toString();
        operator.order("raft", "snapshot", "save", file);
        String inspected = operator.order("raft", "snapshot", "inspect", file).output();
        assertTrue(inspected.contains("demo"), inspected);
        operator.order("edit-config", "--force", "-q", "-s", "maximum_lag_on_failover=7777777");
        done(6, "new certificates, a saved store");
    }

    /** In the steps of docs/runbooks/change-the-authority.md, as the customer checks whom he talks to. */
    private static void theAuthorityIsChanged() throws Exception {
        Path home = n4.home().resolve("tls");
        String old = Files.readString(home.resolve("ca.crt"));
        operator.token();
        operator.order("cert", "rotate", "--authority", "--force", "--until", "trusted");
        Path copy = cluster.directory().resolve("authority.crt");
        Files.copy(home.resolve("ca.crt"), copy, StandardCopyOption.REPLACE_EXISTING);
        operator.order("cert", "rotate", "--authority", "--force", "--until", "shown");
        operator.order("reload", "demo", "--force");
        customer.awaitServed();
        Commands.Result over = operator.order("cert", "rotate", "--authority", "--force");
        assertTrue(over.output().contains("w: accept the old authority no more"), over.output());
        serials();
        String made = Files.readString(home.resolve("ca.crt"));
        assertEquals(1, made.split("BEGIN CERTIFICATE", -1).length - 1, made);
        assertNotEquals(old, made);
        assertEquals(made, Files.readString(witness.file().resolveSibling("tls/ca.crt")));
        Files.copy(home.resolve("ca.crt"), copy, StandardCopyOption.REPLACE_EXISTING);
        String tokens =
                operator.order("cluster", "token", "--list", "-o", "tsv").output();
        assertTrue(tokens.contains("\trevoked\t") && !tokens.contains("\topen\t"), tokens);
    }

    /** Of both members and the witness; the record of a third one that left ends with its lease. */
    private static List<String> serials() {
        return Await.value("the certificates of all", WHOLE, () -> {
            List<String> serials = certificates().stream()
                    .map(row -> row.required("Serial").asText())
                    .toList();
            return serials.size() == 3 ? Optional.of(serials) : Optional.empty();
        });
    }

    /** None, if there is anything to note about one of them. */
    private static List<JsonNode> certificates() {
        Commands.Result result = cluster.ctl("cert", "status", "-o", "json");
        return result.exitCode() == 0 ? Operator.json(result).valueStream().toList() : List.of();
    }

    private static String synchronousStandbys(Node leader) {
        try (Connection connection = cluster.connect(leader)) {
            return Cluster.query(connection, "show synchronous_standby_names");
        } catch (SQLException e) {
            return "unknown: " + e.getMessage();
        }
    }

    @Test
    @Order(7)
    void theMajorityIsLostForGood() throws Exception {
        follows(6);
        Node leader = cluster.awaitWhole(WHOLE);
        Node survivor = cluster.othersThan(leader).getFirst();
        Await.until("commits wait for " + survivor + " alone", WHOLE, () -> {
            String names = synchronousStandbys(leader);
            return names.contains(survivor.name()) && !names.contains(",");
        });
        Commands.Result early = cluster.ctl("recover", "--from-survivors", "--force");
        assertEquals(1, early.exitCode(), early.output());
        assertTrue(early.output().contains("the store is not lost"), early.output());

        witness.end("KILL");
        Faults.HOST.strike(leader);
        Commands.Result preview = Await.value("a preview", WHOLE, () -> {
            Commands.Result dry = cluster.ctlOf(survivor, "recover", "--from-survivors", "--dry-run");
            return dry.exitCode() == 0 ? Optional.of(dry) : Optional.empty();
        });
        assertTrue(preview.output().contains("Every acknowledged commit is on " + survivor), preview.output());
        Commands.Result recovered = cluster.ctlOf(survivor, "recover", "--from-survivors", "--force");
        assertTrue(
                recovered.expectSuccess().output().contains("Success: the new store has 1 peer"), recovered.output());
        assertEquals(survivor, cluster.awaitPrimaryOtherThan(leader, WHOLE));
        customer.awaitServed();
        nothingLost();
        reached("recovered from the survivor");

        operator.order(
                "raft",
                "snapshot",
                "restore",
                cluster.directory().resolve("saved.store").toString(),
                "--force");
        String configuration = operator.order("show-config").output();
        assertTrue(configuration.contains("maximum_lag_on_failover: 1048576"), configuration);
        reached("restored");

        // They were not gone for good after all.
        leader.startAgent();
        witness.start();
        String told = "was given up with matriarchctl recover";
        Await.until("the old leader is told", WHOLE, () -> log(leader).contains(told));
        Await.until("the witness is told", WHOLE, () -> text(witness.log()).contains(told));
        Await.during(
                "whoever returns starts no primary",
                Duration.ofSeconds(6),
                () -> leader.healthCheck("/primary") != 200);
        assertEquals(survivor, cluster.awaitPrimary(WHOLE));
        for (String host : List.of("127.0.0.5", leader.host())) {
            Await.until(
                    host + " is taken in",
                    WHOLE,
                    () -> cluster.ctlOf(survivor, "raft", "add-peer", storeAddress(host))
                                    .exitCode()
                            == 0);
        }
        operator.awaitTolerance(1, 3);
        assertEquals(0, operator.autopilot().exitCode());
        Node last = cluster.awaitWhole(WHOLE);
        customer.awaitServed();
        customer.close();
        nothingLost();
        assertEquals(last, cluster.awaitPrimary(WHOLE));
        assertNotEquals(200, cluster.othersThan(last).getFirst().healthCheck("/primary"));
        done(LAST, "whole again; " + customer.served() + " rows were acknowledged, none is missing");
    }
}
