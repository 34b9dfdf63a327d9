package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Each endpoint of the REST API against real agents, in each role and state that it speaks of. What a socket can be made
 * to suffer is tested beside the door itself.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class RestContractIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient CLIENT = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(2))
            .build();

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

    private record Answer(int status, String body, HttpResponse<String> response) {
        JsonNode json() {
            try {
                return JSON.readTree(body);
            } catch (IOException e) {
                throw new AssertionError(body, e);
            }
        }
    }

    private static Answer ask(Node node, String methodAndPath, String body, String... headers) {
        String[] words = methodAndPath.split(" ");
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(node.rest() + words[1]))
                .timeout(Duration.ofSeconds(40))
                .method(
                        words[0],
                        body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
        if (headers.length > 0) {
            request.headers(headers);
        }
        try {
            HttpResponse<String> response = CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString());
            return new Answer(response.statusCode(), response.body(), response);
        } catch (IOException e) {
            return new Answer(0, e.toString(), null);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private static Answer get(Node node, String path) {
        return ask(node, "GET " + path, null);
    }

    private static void expect(Node node, String request, String body, int status, String text) {
        Answer answer = ask(node, request, body);
        assertEquals(status, answer.status(), request + " " + body + ": " + answer.body());
        assertTrue(answer.body().contains(text), request + " " + body + ": " + answer.body());
        boolean ownFault = status == 400 || status == 411 || status == 422 || status == 501;
        assertEquals(ownFault, answer.body().startsWith("{\"error\""), answer.body());
    }

    /** On a busy machine a member may be silent for the moment in which the leader asks it: then it is asked for again. */
    private static void changesTheLeader(Node node, String request, String body, String text) {
        eventually(request + " " + body, () -> {
            Answer answer = ask(node, request, body);
            if (answer.status() == 503 && answer.body().contains("is not reachable")) {
                return false;
            }
            assertEquals(200, answer.status(), answer.body());
            assertTrue(answer.body().contains(text), answer.body());
            return true;
        });
    }

    private static void patch(String json) {
        Answer answer = ask(cluster.nodes().getFirst(), "PATCH /config", json);
        assertEquals(200, answer.status(), answer.body());
    }

    private static void eventually(String what, BooleanSupplier condition) {
        Await.until(what, SOON, condition);
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
        patch("{\"synchronous_mode\": true}");
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
            patch("{\"synchronous_mode\": false}");
            saysYesTo(sync, REPLICA + " /async /asynchronous");
        } finally {
            patch("{\"synchronous_mode\": \"quorum\"}");
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
    @Order(3)
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
    @Order(4)
    void configuration() {
        Node node = replicas.getFirst();
        expect(node, "PATCH /config", "[]", 400, "not a JSON object");
        expect(node, "PATCH /config", "{\"ttl\": \"soon\"}", 400, "dynamic configuration: ttl: 'soon' ");
        expect(node, "PATCH /config", "{\"ttl\": 1e999999999}", 400, "ttl");
        Answer patchedAnswer = ask(node, "PATCH /config", "{\"maximum_lag_on_failover\": 2097152}");
        JsonNode patched = patchedAnswer.json();
        assertEquals(2097152, patched.get("maximum_lag_on_failover").asInt());
        assertEquals("quorum", patched.get("synchronous_mode").asText());
        eventually(
                "every member knows it",
                () -> cluster.nodes().stream()
                        .allMatch(n -> get(n, "/config").body().contains("2097152")));
        String whole = get(node, "/config").body();
        Answer same = ask(node, "PATCH /config", "{\"maximum_lag_on_failover\": 2097152}");
        assertEquals(200, same.status(), same.body());
        assertEquals(patched, same.json(), "nothing changes, and the store says what is in force");
        for (Answer answer : List.of(patchedAnswer, same)) {
            assertTrue(
                    answer.response()
                            .headers()
                            .firstValue("Matriarch-Action")
                            .orElse("")
                            .matches("[0-9a-f]{8}"),
                    "it has an id");
        }
        Answer put = ask(node, "PUT /config", whole.replace("2097152", "1048576"));
        assertEquals(200, put.status(), put.body());
        assertEquals(put.body(), get(node, "/config").body());
        assertFalse(ask(node, "PATCH /config", "{\"maximum_lag_on_failover\": null}")
                .json()
                .has("maximum_lag_on_failover"));
    }

    @Test
    @Order(5)
    void failsafeMode() {
        Node replica = replicas.getFirst();
        String asked = "{\"name\":\"" + leader + "\",\"conn_url\":\"postgres://x\",\"api_url\":\"http://x\"}";
        assertEquals(502, get(replica, "/failsafe").status());
        expect(replica, "POST /failsafe", asked, 502, "failsafe mode is not enabled");
        patch("{\"failsafe_mode\": true}");
        try {
            eventually(
                    "the list is everywhere",
                    () -> cluster.nodes().stream()
                            .allMatch(n -> get(n, "/failsafe").status() == 200
                                    && get(n, "/failsafe").json().size() == 3));
            expect(leader, "POST /failsafe", asked, 500, "Running as a leader");
            Answer promise = ask(replica, "POST /failsafe", asked);
            assertEquals(200, promise.status(), promise.body());
            assertEquals("Accepted", promise.body());
            assertTrue(Long.parseLong(
                            promise.response().headers().firstValue("lsn").orElse("0"))
                    > 0);
            eventually(
                    "the promise shows", () -> get(replica, "/patroni").json().has("failsafe_mode_is_active"));
        } finally {
            patch("{\"failsafe_mode\": null}");
        }
    }

    @Test
    @Order(6)
    void restarts() {
        Node replica = replicas.getFirst();
        String tomorrow = Instant.now().plus(Duration.ofDays(1)).toString();
        for (String[] wrong : new String[][] {
            {"{\"role\":\"king\"}", "400", "PostgreSQL role should be either primary, standby_leader, or replica"},
            {"{\"postgres_version\":\"x\"}", "400", "Invalid PostgreSQL version"},
            {"{\"timeout\":-1}", "400", "Timeout should be a positive number of seconds"},
            {"{\"rolle\":\"replica\"}", "400", "Unknown filter for the scheduled restart: rolle"},
            {
                "{\"schedule\":\"2099-01-01T00:00:00\"}",
                "400",
                "Timezone information is mandatory for the scheduled restart"
            },
            {"{\"schedule\":\"2001-01-01T00:00:00Z\"}", "422", "Cannot schedule restart in the past"},
            {"{\"schedule\":\"tomorrow\"}", "422", "Unable to parse scheduled timestamp"},
            {"{\"role\":\"primary\"}", "503", "restart conditions are not satisfied"},
            {"{\"postgres_version\":\"9.6.1\"}", "503", "restart conditions are not satisfied"},
            {"{\"restart_pending\":true}", "503", "restart conditions are not satisfied"}
        }) {
            expect(replica, "POST /restart", wrong[0], Integer.parseInt(wrong[1]), wrong[2]);
        }
        expect(replica, "DELETE /restart", null, 404, "no restarts are scheduled");
        expect(
                replica,
                "POST /restart",
                "{\"schedule\":\"" + tomorrow + "\",\"role\":\"replica\"}",
                202,
                "Restart scheduled");
        expect(
                replica,
                "POST /restart",
                "{\"schedule\":\"" + tomorrow + "\"}",
                409,
                "Another restart is already scheduled");
        eventually(
                "it shows",
                () -> "replica"
                        .equals(get(replica, "/patroni")
                                .json()
                                .at("/scheduled_restart/role")
                                .asText()));
        eventually("all know", () -> get(leader, "/cluster").body().contains("scheduled_restart"));
        expect(replica, "DELETE /restart", null, 200, "scheduled restart deleted");
        String before =
                get(replica, "/patroni").json().get("postmaster_start_time").asText();
        expect(replica, "POST /restart", "{\"role\":\"replica\",\"timeout\":\"30s\"}", 200, "restarted successfully");
        eventually(
                "it is another server",
                () -> get(replica, "/patroni").json().has("postmaster_start_time")
                        && !get(replica, "/patroni").body().contains(before));
    }

    @Test
    @Order(7)
    void changesOfTheLeader() {
        Node candidate = replicas.getFirst();
        String from = "{\"leader\":\"" + leader + "\"";
        String tomorrow = Instant.now().plus(Duration.ofDays(1)).toString();
        for (String[] wrong : new String[][] {
            {"failover", "{}", "400", "Failover could be performed only to a specific candidate"},
            {"switchover", "{}", "400", "Switchover could be performed only from a specific leader"},
            {
                "failover",
                "{\"candidate\":\"" + candidate + "\",\"scheduled_at\":\"" + tomorrow + "\"}",
                "400",
                "Failover can't be scheduled"
            },
            {"switchover", from + ",\"scheduled_at\":\"x\"}", "422", "Unable to parse scheduled timestamp"},
            {
                "switchover",
                from + ",\"scheduled_at\":\"2099-01-01T00:00:00\"}",
                "400",
                "Timezone information is mandatory for the scheduled switchover"
            },
            {
                "switchover",
                from + ",\"scheduled_at\":\"2001-01-01T00:00Z\"}",
                "422",
                "Cannot schedule switchover in the past"
            },
            {
                "switchover",
                from + ",\"candidate\":\"" + leader + "\"}",
                "400",
                "Switchover target and source are the same"
            },
            {"switchover", "{\"leader\":\"" + candidate + "\"}", "412", "leader name does not match"},
            {"switchover", from + ",\"candidate\":\"nobody\"}", "412", "candidate does not exists"},
            {"failover", "{\"candidate\":7}", "400", "candidate is not a text"}
        }) {
            expect(candidate, "POST /" + wrong[0], wrong[1], Integer.parseInt(wrong[2]), wrong[3]);
        }
        expect(candidate, "DELETE /switchover", null, 404, "no switchover is scheduled");
        expect(
                candidate,
                "POST /switchover",
                from + ",\"scheduled_at\":\"" + tomorrow + "\"}",
                202,
                "Switchover scheduled");
        eventually(
                "it shows",
                () -> get(leader, "/cluster")
                        .json()
                        .at("/scheduled_switchover/from")
                        .asText()
                        .equals(leader.name()));
        expect(leader, "DELETE /switchover", null, 200, "scheduled switchover deleted");

        eventually(
                "all know that",
                () -> cluster.nodes().stream()
                        .noneMatch(n -> get(n, "/cluster").body().contains("scheduled_switchover")));

        changesTheLeader(
                replicas.getLast(),
                "POST /switchover",
                from + ",\"member\":\"" + candidate + "\"}",
                "Successfully switched over to \"" + candidate + "\"");
        Node now = cluster.awaitWhole(WHOLE);
        assertEquals(candidate, now);
        changesTheLeader(
                now,
                "POST /failover",
                "{\"candidate\":\"" + leader + "\"}",
                "Successfully failed over to \"" + leader + "\"");
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        JsonNode history = get(leader, "/history").json();
        assertEquals(leader.name(), history.get(history.size() - 1).get(4).asText());
    }

    /** Which has a mode for this API; the address itself is never set up here. */
    @Test
    @Order(7)
    void vipManagersAddressFollowsTheLeader(@TempDir Path directory) {
        Optional<Path> program = VipManager.program();
        Optional<String> device = VipManager.anInterface();
        assumeTrue(program.isPresent(), "vip-manager2 of Debian 13 was not unpacked: see ./check");
        assumeTrue(device.isPresent(), "there is no network interface with a hardware address");
        Node candidate = replicas.getFirst();
        try (VipManager old = new VipManager(program.get(), device.get(), leader, directory.resolve("old"));
                VipManager next = new VipManager(program.get(), device.get(), candidate, directory.resolve("next"))) {
            eventually("the leader's host takes the address", old::hasTakenIt);
            eventually("no other wants it", () -> next.wantsTheAddress().equals(Optional.of(false)));
            assertFalse(next.hasTakenIt(), next::toString);
            changesTheLeader(
                    leader,
                    "POST /switchover",
                    "{\"leader\":\"" + leader + "\",\"candidate\":\"" + candidate + "\"}",
                    "Successfully switched over");
            eventually("the new leader's host takes the address", next::hasTakenIt);
            eventually(
                    "the old one wants it no more", () -> old.wantsTheAddress().equals(Optional.of(false)));
        }
    }

    @Test
    @Order(8)
    void aPauseAndAServerThatIsDown() {
        Node replica = replicas.getFirst();
        patch("{\"pause\": true}");
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
            patch("{\"pause\": null}");
        }
    }

    @Test
    @Order(9)
    void reinitialize() {
        Node replica = replicas.getLast();
        expect(leader, "POST /reinitialize", null, 503, "I am the leader, can not reinitialize");
        expect(replica, "POST /reinitialize", "{\"force\":\"yes\"}", 400, "force is neither true nor false");
        expect(replica, "POST /reinitialize", "{\"from_leader\":true}", 200, "reinitialize started");
        Set<String> states = new TreeSet<>();
        eventually("it begins", () -> {
            JsonNode seen = get(replica, "/patroni").json();
            states.add(seen.get("state").asText());
            return !seen.get("state").asText().equals("running");
        });
        assertEquals(503, get(replica, "/replica").status());
    }

    @Test
    @Order(10)
    void reloadAndWhoIsLetIn() throws Exception {
        Node node = replicas.getFirst();
        String before = Files.readString(node.config());
        expect(node, "POST /reload", null, 202, "reload scheduled");
        try {
            Files.writeString(node.config(), before + "\nnonsense: true\n");
            expect(node, "POST /reload", null, 400, "nonsense");
            String guarded = before.replaceFirst(
                    "(?m)^restapi:\\s*$",
                    "restapi:\n  authentication: {username: admin, password: sesame}\n  server_tokens: minimal\n"
                            + "  http_extra_headers: {X-Frame-Options: deny}");
            assertFalse(guarded.equals(before));
            Files.writeString(node.config(), guarded);
            expect(node, "POST /reload", null, 202, "reload scheduled");
            Answer refused = ask(node, "POST /reload", null);
            assertEquals(401, refused.status(), refused.body());
            assertTrue(
                    refused.response().headers().firstValue("Server").orElse("").startsWith("Matriarch/"));
            assertEquals(
                    "deny",
                    refused.response().headers().firstValue("X-Frame-Options").orElse(""));
            assertEquals(200, get(node, "/replica").status(), "reading is free");
            Files.writeString(
                    node.config(), guarded.replace("  server_tokens: minimal\n", "  allowlist: [192.0.2.0/24]\n"));
            String login = "Basic YWRtaW46c2VzYW1l";
            assertEquals(
                    202, ask(node, "POST /reload", null, "Authorization", login).status());
            Answer denied = ask(node, "POST /reload", null, "Authorization", login);
            assertEquals(403, denied.status());
            assertTrue(denied.body().contains("Access is denied"), denied.body());
        } finally {
            Files.writeString(node.config(), before);
            Commands.run(SOON, "kill", "-HUP", Long.toString(node.requireAgent()))
                    .expectSuccess();
        }
        eventually("it is open again", () -> ask(node, "POST /reload", null).status() == 202);
    }

    @Test
    @Order(11)
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
