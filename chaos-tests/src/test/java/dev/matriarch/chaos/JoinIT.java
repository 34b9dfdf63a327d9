package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** One node becomes three, with a token for each, and mutual TLS between them. */
class JoinIT {
    private static final Duration COMMAND = Duration.ofSeconds(60);
    private static final Duration WHOLE = Duration.ofSeconds(90);
    private static final ObjectMapper JSON = new ObjectMapper();

    private static Cluster cluster;
    private static final List<Node> JOINED = new ArrayList<>();

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @AfterAll
    static void down() {
        try {
            JOINED.forEach(JoinIT::stop);
        } finally {
            if (cluster != null) {
                cluster.close();
            }
        }
    }

    private static void stop(Node node) {
        node.agentPid().ifPresent(pid -> {
            Commands.run(COMMAND, "kill", "-TERM", Long.toString(pid)).expectSuccess();
            Await.until(node + "'s agent ends", COMMAND, () -> node.agentPid().isEmpty());
        });
    }

    private static String token() {
        String printed =
                cluster.ctl("cluster", "token", "-o", "json").expectSuccess().output();
        try {
            return JSON.readTree(printed).required("token").asText();
        } catch (java.io.IOException e) {
            throw new AssertionError(printed, e);
        }
    }

    private static Commands.Result join(String token, String name, String host) {
        return Commands.run(
                COMMAND,
                cluster.nodes().getFirst().agentCommand().toString(),
                "join",
                token,
                "--name",
                name,
                "--address",
                host,
                "--dir",
                cluster.directory().resolve(name).toString());
    }

    /** As demo.json would name it. */
    private static Node joined(String name, String host) {
        Node first = cluster.nodes().getFirst();
        Path home = cluster.directory().resolve(name);
        ObjectNode json = JSON.createObjectNode()
                .put("name", name)
                .put("config", home.resolve("matriarch.yml").toString())
                .put("data_dir", home.resolve("data").toString())
                .put(
                        "dsn",
                        "host=" + host + " port=" + first.port() + " user=postgres password=" + first.password()
                                + " dbname=postgres")
                .put("rest", first.rest().replace(first.host(), host))
                .put("grpc", first.grpc().replace(first.host(), host));
        Node node = new Node(json, first.agentCommand());
        JOINED.add(node);
        return node;
    }

    @Test
    void oneNodeBecomesThreeAndATokenCountsOnce() throws Exception {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 1);
        Node n1 = cluster.awaitWhole(WHOLE);
        // Without certificates a new host could not tell the members from others.
        Commands.Result plain = cluster.ctl("cluster", "token");
        assertEquals(1, plain.exitCode(), plain.output());
        assertTrue(plain.output().contains("matriarch cluster init"), plain.output());
        stop(n1);
        Commands.run(
                        COMMAND,
                        n1.agentCommand().toString(),
                        "cluster",
                        "init",
                        n1.config().toString())
                .expectSuccess();
        n1.startAgent();
        Await.until(
                "the agent answers with its certificate",
                WHOLE,
                () -> cluster.ctl("list").exitCode() == 0 && n1.healthCheck("/primary") == 200);

        String token = token();
        Commands.Result said = join(token, "n2", "127.0.0.2").expectSuccess();
        assertTrue(said.output().contains("Now start the agent"), said.output());
        joined("n2", "127.0.0.2").startAgent();
        Commands.Result again = join(token, "n3", "127.0.0.3");
        assertEquals(1, again.exitCode(), again.output());
        assertTrue(again.output().contains("the token was used already, by n2 at 127.0.0.2"), again.output());
        assertFalse(Files.exists(cluster.directory().resolve("n3/matriarch.yml")));
        join(token(), "n3", "127.0.0.3").expectSuccess();
        joined("n3", "127.0.0.3").startAgent();

        for (Node node : JOINED) {
            Await.until(node + " is a replica", WHOLE, () -> node.healthCheck("/replica") == 200);
        }
        Await.until(
                "all three are in the store and agree",
                WHOLE,
                () -> cluster.ctl("raft", "list-peers").exitCode() == 0);
        String peers =
                cluster.ctl("raft", "list-peers", "-o", "tsv").expectSuccess().output();
        assertEquals(4, peers.lines().count(), peers);
        String certificates =
                cluster.ctl("cert", "status", "-o", "tsv").expectSuccess().output();
        for (String name : List.of("n1", "n2", "n3")) {
            assertTrue(certificates.contains("O=demo,CN=" + name), certificates);
        }
        String tokens = cluster.ctl("cluster", "token", "--list", "-o", "tsv")
                .expectSuccess()
                .output();
        assertTrue(tokens.contains("n2 at 127.0.0.2") && tokens.contains("n3 at 127.0.0.3"), tokens);
        // Who joined can lead, and let others in.
        cluster.ctl("switchover", "--force", "--candidate", "n2").expectSuccess();
        Node n2 = JOINED.getFirst();
        Await.until("n2 leads", WHOLE, () -> n2.healthCheck("/primary") == 200);
        Commands.Result byAJoined = Commands.run(
                COMMAND,
                cluster.directory().resolve("bin/matriarchctl").toString(),
                "-c",
                n2.config().toString(),
                "cluster",
                "token");
        assertTrue(byAJoined.expectSuccess().output().contains("matriarch join mtj1_"), byAJoined.output());
    }
}
