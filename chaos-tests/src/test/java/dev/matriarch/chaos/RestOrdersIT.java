package dev.matriarch.chaos;

import static dev.matriarch.chaos.RestDoors.ask;
import static dev.matriarch.chaos.RestDoors.eventually;
import static dev.matriarch.chaos.RestDoors.expect;
import static dev.matriarch.chaos.RestDoors.get;
import static dev.matriarch.chaos.RestDoors.patch;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.matriarch.chaos.RestDoors.Answer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
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
import org.junit.jupiter.api.io.TempDir;

/** What changes a cluster by the REST API: each order to real agents, and why it is refused. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class RestOrdersIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(20);

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

    @Test
    @Order(1)
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
    @Order(2)
    void failsafeMode() {
        Node replica = replicas.getFirst();
        String asked = "{\"name\":\"" + leader + "\",\"conn_url\":\"postgres://x\",\"api_url\":\"http://x\"}";
        assertEquals(502, get(replica, "/failsafe").status());
        expect(replica, "POST /failsafe", asked, 502, "failsafe mode is not enabled");
        patch(cluster, "{\"failsafe_mode\": true}");
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
            patch(cluster, "{\"failsafe_mode\": null}");
        }
    }

    @Test
    @Order(3)
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
    @Order(4)
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
    @Order(5)
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
    @Order(6)
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
    @Order(7)
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
}
