package dev.matriarch.chaos;

import static dev.matriarch.chaos.RestDoors.ask;
import static dev.matriarch.chaos.RestDoors.eventually;
import static dev.matriarch.chaos.RestDoors.expect;
import static dev.matriarch.chaos.RestDoors.get;
import static dev.matriarch.chaos.RestDoors.patch;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.matriarch.chaos.RestDoors.Answer;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Each question to the REST API against real agents, in each role and state that it speaks of; its orders are {@link
 * RestOrdersIT}'s. What a socket can be made to suffer is tested beside the door itself.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class RestContractIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(20);

    static final List<String> CHECKS = List.of(
            "/",
            "/primary",
            "/read-write",
            "/master",
            "/leader",
            "/standby-leader",
            "/standby_leader",
            "/replica",
            "/read-only",
            "/sync",
            "/synchronous",
            "/quorum",
            "/async",
            "/asynchronous",
            "/read-only-sync",
            "/read-only-synchronous",
            "/read-only-quorum",
            "/health",
            "/liveness",
            "/readiness",
            "/nonsense");

    private static final String LEADER = "/ /primary /read-write /master /leader /read-only /read-only-sync"
            + " /read-only-synchronous /read-only-quorum /health /liveness /readiness";
    private static final String REPLICA = "/replica /read-only /health /liveness /readiness";

    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Node leader;
    private List<Node> replicas;

    @BeforeAll
    static void up() {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 3);
    }

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @BeforeEach
    void whole() {
        leader = cluster.awaitWhole(WHOLE);
        replicas = cluster.othersThan(leader);
    }

    private static Set<String> positive(Node node, String method) {
        Set<String> yes = new TreeSet<>();
        for (String path : CHECKS) {
            int status = ask(node, method + " " + path, null).status();
            assertTrue(status == 200 || status == 503, method + " " + path + " " + status);
            if (status == 200) {
                yes.add(path);
            }
        }
        return yes;
    }

    private static Set<String> checks(String paths) {
        return new TreeSet<>(List.of(paths.split(" ")));
    }

    private static void saysYesTo(Node node, String paths) {
        Set<String> expected = checks(paths);
        Await.until(
                node + " says yes to " + expected + ", not to " + positive(node, "GET"),
                SOON,
                () -> positive(node, "GET").equals(expected));
    }

    @Test
    @Order(1)
    void healthChecksByRoleWithAQuorum() {
        saysYesTo(leader, LEADER);
        for (Node replica : replicas) {
            saysYesTo(replica, REPLICA + " /quorum /read-only-quorum");
        }
        for (Node node : List.of(leader, replicas.getFirst())) {
            for (String method : List.of("HEAD", "OPTIONS")) {
                assertEquals(positive(node, "GET"), positive(node, method), method);
                assertEquals("", ask(node, method + " /primary", null).body());
            }
        }
        Node replica = replicas.getFirst();
        assertEquals("replica", get(replica, "/primary").json().get("role").asText(), "a no has the document too");
        assertEquals(
                200,
                get(replica, "/replica?lag=1GB&replication_state=streaming").status());
        assertEquals(503, get(replica, "/replica?replication_state=other").status());
        assertEquals(503, get(replica, "/replica?tag_region=eu").status());
        assertEquals(200, get(leader, "/primary?tag_region=eu").status());
        assertEquals(200, get(replica, "/readiness?lag=1GB&mode=write").status());
    }

    @Test
    @Order(2)
    void healthChecksByRoleWithOneSynchronousStandbyAndWithNone() {
        patch(cluster, "{\"synchronous_mode\": true}");
        try {
            // Which of the two it is may change while they come and go on a busy machine.
            Set<String> itsChecks = checks(REPLICA + " /sync /synchronous /read-only-sync /read-only-synchronous");
            Set<String> othersChecks = checks(REPLICA + " /async /asynchronous");
            Node sync = Await.value(
                    "one synchronous standby, and one that is not",
                    SOON,
                    () -> replicas.stream()
                            .filter(node -> positive(node, "GET").equals(itsChecks))
                            .filter(node -> replicas.stream()
                                    .allMatch(other -> other == node
                                            || positive(other, "GET").equals(othersChecks)))
                            .findFirst());
            Node async = replicas.get(0) == sync ? replicas.get(1) : replicas.get(0);
            assertTrue(get(sync, "/patroni").json().get("sync_standby").asBoolean());
            eventually("its role", () -> get(leader, "/cluster").body().contains("\"role\":\"sync_standby\""));
            expect(
                    leader,
                    "POST /switchover",
                    "{\"leader\":\"" + leader + "\",\"candidate\":\"" + async + "\"}",
                    412,
                    "candidate name does not match with sync_standby");
            patch(cluster, "{\"synchronous_mode\": false}");
            saysYesTo(sync, REPLICA + " /async /asynchronous");
        } finally {
            patch(cluster, "{\"synchronous_mode\": \"quorum\"}");
        }
    }

    @Test
    @Order(3)
    void documents() {
        for (Node replica : replicas) {
            eventually("the quorum is back", () -> get(replica, "/quorum").status() == 200);
        }
        JsonNode primary = get(leader, "/patroni").json();
        assertEquals("running", primary.get("state").asText());
        assertEquals("primary", primary.get("role").asText());
        assertTrue(primary.at("/xlog/location").asLong() > 0);
        assertEquals(2, primary.get("replication").size());
        for (String field :
                List.of("usename", "application_name", "client_addr", "state", "sync_state", "sync_priority")) {
            assertTrue(primary.at("/replication/0").has(field), field);
        }
        for (String field : List.of(
                "postmaster_start_time", "server_version", "timeline", "dcs_last_seen", "database_system_identifier")) {
            assertTrue(primary.has(field), field);
        }
        assertTrue(primary.get("postmaster_start_time").asText().matches("\\d{4}-\\d\\d-\\d\\d .*[+-]\\d\\d:\\d\\d"));
        assertEquals(leader.name(), primary.at("/patroni/name").asText());
        assertFalse(primary.has("cluster_unlocked") || primary.has("pause") || primary.has("replication_state"));

        JsonNode replica = get(replicas.getFirst(), "/patroni").json();
        assertEquals("replica", replica.get("role").asText());
        assertEquals("streaming", replica.get("replication_state").asText());
        assertTrue(replica.get("quorum_standby").asBoolean());
        for (String field : List.of("received_location", "replayed_location", "replayed_timestamp", "paused")) {
            assertTrue(replica.get("xlog").has(field), field);
        }

        for (Node node : cluster.nodes()) {
            JsonNode view = get(node, "/cluster").json();
            assertEquals(3, view.get("members").size());
            for (JsonNode member : view.get("members")) {
                boolean leads = member.get("role").asText().equals("leader");
                assertEquals(
                        leads ? "running" : "streaming", member.get("state").asText());
                for (String field : List.of("name", "api_url", "host", "port", "timeline")) {
                    assertTrue(member.has(field), field);
                }
                for (String field : List.of("lsn", "lag", "receive_lsn", "receive_lag", "replay_lsn", "replay_lag")) {
                    assertEquals(!leads, member.has(field), field);
                }
            }
            assertTrue(get(node, "/history").json().isArray());
            assertEquals(
                    "quorum",
                    get(node, "/config").json().get("synchronous_mode").asText());
            assertEquals("3.1.0", get(node, "/openapi").json().get("openapi").asText());
            Answer metrics = get(node, "/metrics");
            assertTrue(metrics.response()
                    .headers()
                    .firstValue("Content-Type")
                    .orElse("")
                    .startsWith("text/plain; version=0.0.4"));
            String leads = node == leader ? "1.0" : "0.0";
            for (String sample : List.of(
                    "patroni_primary " + leads,
                    "matriarch_lease_held " + leads,
                    "matriarch_guard_armed " + leads,
                    "patroni_postgres_running 1.0",
                    "patroni_cluster_unlocked 0.0",
                    "matriarch_raft_healthy 1.0",
                    "matriarch_raft_peers 3.0")) {
                String name = sample.split(" ")[0];
                assertTrue(
                        metrics.body()
                                .contains(name + "{name=\"" + node + "\",scope=\"demo\"} " + sample.split(" ")[1]),
                        node + ": " + sample);
            }
        }
    }

    /** Positions in bytes, for a replica that has received everything and replays nothing. */
    @Test
    @Order(4)
    void aReplicaThatLags() throws Exception {
        Node replica = replicas.getFirst();
        try (Connection there = cluster.connect(replica);
                Connection here = cluster.connect(leader)) {
            Cluster.query(there, "select pg_wal_replay_pause()");
            try {
                Cluster.query(here, "select pg_logical_emit_message(false, 'lag', repeat('x', 400000))");
                Cluster.query(here, "select pg_switch_wal()");
                eventually(
                        "it is behind", () -> get(replica, "/replica?lag=100kB").status() == 503);
                assertEquals(200, get(replica, "/replica").status(), "any lag is allowed unless asked for");
                assertEquals(200, get(replica, "/replica?lag=10GB").status());
                assertEquals(200, get(replica, "/replica?lag=much").status(), "as Patroni: not a size, no limit");
                assertEquals(503, get(replica, "/quorum?lag=100kB").status());
                assertEquals(503, get(replica, "/read-only?lag=100kB").status());
                assertEquals(200, get(leader, "/read-only?lag=100kB").status(), "a primary has no lag");
                assertEquals(503, get(replica, "/readiness?lag=100kB").status());
                eventually(
                        "it has received it all",
                        () -> get(replica, "/readiness?lag=100kB&mode=write").status() == 200);
                JsonNode document = get(replica, "/patroni").json();
                assertTrue(document.at("/xlog/paused").asBoolean());
                assertTrue(document.at("/xlog/received_location").asLong()
                        > document.at("/xlog/replayed_location").asLong() + 100_000);
            } finally {
                Cluster.query(there, "select pg_wal_replay_resume()");
            }
        }
        eventually("it has caught up", () -> get(replica, "/replica?lag=100kB").status() == 200);
    }

    @Test
    @Order(5)
    void aPauseAndAServerThatIsDown() {
        Node replica = replicas.getFirst();
        patch(cluster, "{\"pause\": true}");
        try {
            eventually(
                    "all know",
                    () -> cluster.nodes().stream()
                            .allMatch(n -> get(n, "/patroni").json().has("pause")));
            assertTrue(get(leader, "/cluster").json().get("pause").asBoolean());
            String later = "2099-01-01T00:00:00Z";
            expect(
                    leader,
                    "POST /switchover",
                    "{\"leader\":\"" + leader + "\",\"scheduled_at\":\"" + later + "\"}",
                    400,
                    "Can't schedule switchover in the paused state");
            expect(
                    leader,
                    "POST /switchover",
                    "{\"leader\":\"" + leader + "\"}",
                    400,
                    "Switchover is possible only to a specific candidate in a paused state");
            expect(
                    replica,
                    "POST /restart",
                    "{\"schedule\":\"" + later + "\"}",
                    500,
                    "Can't schedule restart in the paused state");
            saysYesTo(leader, LEADER);
            Commands.run(SOON, "kill", "-INT", Long.toString(replica.requirePostmaster()))
                    .expectSuccess();
            eventually(
                    "it is down",
                    () -> get(replica, "/patroni").json().get("state").asText().equals("stopped"));
            saysYesTo(replica, "/liveness");
            JsonNode down = get(replica, "/health").json();
            assertFalse(down.has("xlog") || down.has("server_version"));
            assertTrue(get(replica, "/metrics")
                    .body()
                    .contains("patroni_postgres_state{name=\"" + replica + "\",scope=\"demo\"} 12.0"));
            Node other = replicas.getLast();
            Commands.run(SOON, "kill", "-KILL", Long.toString(other.requirePostmaster()))
                    .expectSuccess();
            eventually(
                    "it has crashed",
                    () -> get(other, "/patroni").json().get("state").asText().equals("crashed"));
            assertTrue(get(other, "/metrics")
                    .body()
                    .contains("patroni_postgres_state{name=\"" + other + "\",scope=\"demo\"} 14.0"));
        } finally {
            patch(cluster, "{\"pause\": null}");
        }
    }

    @Test
    @Order(6)
    void whatThereIsNot() {
        long agent = leader.requireAgent();
        expect(leader, "POST /sigterm", null, 202, "shutdown scheduled");
        expect(leader, "POST /mpp", "{\"type\":\"after_promote\",\"group\":1}", 200, "OK");
        expect(leader, "POST /citus", "{\"type\":\"after_promote\",\"group\":1}", 200, "OK");
        expect(leader, "POST /citus", "{\"type\":\"nonsense\",\"group\":1}", 400, "type is none of");
        assertEquals(agent, leader.requireAgent(), "it goes on");
        expect(leader, "POST /nothing", "{}", 501, "does not answer POST on /nothing");
        expect(leader, "DELETE /config", null, 501, "does not answer DELETE on /config");
        assertEquals(503, get(leader, "/favicon.ico").status());
    }
}
