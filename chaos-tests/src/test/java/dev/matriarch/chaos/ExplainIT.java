package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What {@code explain} says of a real cluster, whether it comes true, and what {@code replay} makes of the recordings. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ExplainIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(15);
    private static final Cluster.Profile PROFILE = Cluster.Profile.APPLIANCE;
    private static final Duration FAILOVER = PROFILE.ttl().plusSeconds(10);
    private static final ObjectMapper JSON = new ObjectMapper();

    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Node leader;
    private Node first;
    private Node second;

    @BeforeAll
    static void up() {
        cluster = Cluster.startWithTls(PROFILE, 3);
    }

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @BeforeEach
    void whole() throws IOException {
        for (Node node : cluster.nodes()) {
            if (node.agentPid().isEmpty()) {
                node.startAgent();
            }
        }
        leader = cluster.awaitWhole(WHOLE);
        for (Node node : cluster.nodes()) {
            if (Files.readString(node.config()).contains("nofailover")) {
                tag(node, "{}");
            }
        }
        first = cluster.othersThan(leader).getFirst();
        second = cluster.othersThan(leader).getLast();
    }

    private static JsonNode parsed(String json) {
        try {
            return JSON.readTree(json);
        } catch (IOException e) {
            throw new UncheckedIOException(json, e);
        }
    }

    private static JsonNode explained() {
        return parsed(cluster.ctl("explain", "-f", "json").expectSuccess().output());
    }

    /** Positions of the members move between the questions that are put to them, so one answer may miss. */
    private static JsonNode awaitExplained(String what, Predicate<JsonNode> condition) {
        JsonNode[] last = new JsonNode[1];
        try {
            return Await.value(what, SOON, () -> {
                last[0] = explained();
                return condition.test(last[0]) ? Optional.of(last[0]) : Optional.empty();
            });
        } catch (AssertionError e) {
            throw new AssertionError(e.getMessage() + "\n" + last[0].toPrettyString());
        }
    }

    private static JsonNode member(JsonNode explained, Node node) {
        for (JsonNode member : explained.path("members")) {
            if (member.path("name").asText().equals(node.name())) {
                return member;
            }
        }
        throw new AssertionError("no member " + node + " in " + explained);
    }

    private static String why(JsonNode explained, Node node) {
        return member(explained, node).path("why").asText();
    }

    private static boolean promotable(JsonNode explained, Node node) {
        return member(explained, node).path("promotable").asBoolean();
    }

    private static void tag(Node node, String tags) throws IOException {
        String without = Files.readString(node.config()).replaceAll("(?m)^tags:.*\\R", "");
        Files.writeString(node.config(), without + "tags: " + tags + "\n");
        cluster.ctl("reload", "demo", node.name(), "--force").expectSuccess();
    }

    private static Path recordings(Node node) {
        return node.home().resolve("state").resolve("flight");
    }

    @Test
    @Order(0)
    void membersOfADemoShowEachOtherCertificates() {
        String shown =
                cluster.ctl("cert", "status", "-o", "tsv").expectSuccess().output();
        for (Node node : cluster.nodes()) {
            assertTrue(shown.contains(node.name() + "\town\tO=demo,CN=" + node.name() + "\t"), shown);
        }
        assertTrue(cluster.upOutput().contains("switchover --force"), cluster.upOutput());
    }

    @Test
    @Order(1)
    void wholeClusterHasTwoHeirs() {
        JsonNode now = awaitExplained("both can be promoted", e -> promotable(e, first) && promotable(e, second));
        assertEquals(leader.name(), now.path("leader").asText());
        assertTrue(
                List.of(first.name(), second.name()).contains(now.path("heir").asText()), now.toPrettyString());
        assertEquals(PROFILE.ttl().toSeconds(), now.path("failover_seconds").asLong());
        assertTrue(now.path("guarantee").asText().endsWith("nothing"), now.toPrettyString());
        assertEquals("it is the leader", why(now, leader));
        assertTrue(member(now, first).path("switchover_target").asBoolean(), now.toPrettyString());

        // Who is asked for a vote may be too busy to answer in time: each question is a new one.
        String text = Await.value(
                "the same in words",
                WHOLE,
                () -> Optional.of(cluster.ctl("explain").expectSuccess().output())
                        .filter(t -> t.contains("its lease ends at the latest 5 s (ttl) after its last renewal")));
        assertTrue(text.startsWith("If " + leader + " died now, "), text);
        assertTrue(text.matches("(?s).*\\| " + leader + " +\\| Leader +\\|.*"), text);
        assertTrue(
                text.matches("(?s).*\\| " + first + " +\\| Replica +\\| +1 \\| +0/[0-9A-F]+ \\| (yes|no) +\\|.*"),
                text);
    }

    @Test
    @Order(2)
    void eachObstacleIsNamedAndTheOneThatIsLeftLeads() throws IOException {
        tag(second, "{nofailover: true}");
        JsonNode tagged = awaitExplained(
                "only " + first + " can be promoted", e -> promotable(e, first) && !promotable(e, second));
        assertTrue(why(tagged, second).endsWith("I am not allowed to promote"), tagged.toPrettyString());
        assertFalse(member(tagged, second).path("switchover_target").asBoolean(), tagged.toPrettyString());
        assertFalse(member(tagged, second).path("switchover_problem").asText().isEmpty(), tagged.toPrettyString());
        assertEquals(first.name(), tagged.path("heir").asText());

        // An agent that is gone: nobody is left.
        long agent = first.requireAgent();
        Processes.signal("TERM", List.of(agent));
        Await.until("the agent of " + first + " ends", SOON, () -> !Processes.alive(agent));
        String list = cluster.ctl("list", "-f", "tsv").expectSuccess().output();
        assertTrue(list.matches("(?s).*\\b" + first + "\\t[^\\n]*\\tstopped\\t.*"), list);
        JsonNode alone = awaitExplained(
                "nobody can be promoted", e -> e.path("heir").asText().isEmpty());
        assertFalse(member(alone, first).path("reachable").asBoolean(), alone.toPrettyString());
        assertTrue(why(alone, first).startsWith("its agent cannot be asked: "), alone.toPrettyString());
        String text = cluster.ctl("explain").expectSuccess().output();
        assertTrue(text.contains("nobody would be promoted"), text);
        // Its record ends with its time to live, and then there is nobody to ask.
        assertEquals(text.contains("| " + first + " "), text.contains("(1 did not answer)"), text);

        // What was foretold comes true.
        first.startAgent();
        cluster.awaitWhole(WHOLE);
        awaitExplained(first + " is the heir", e -> e.path("heir").asText().equals(first.name()));
        // While it takes the place of the one that must not lead nobody may follow: docs/synchronous.md.
        Await.until(
                first + " is the synchronous standby",
                WHOLE,
                () -> cluster.membersSeenBy(leader).stream()
                        .anyMatch(m -> m.name().equals(first.name()) && m.role().equals("quorum_standby")));
        Faults.AGENT_AND_POSTMASTER.strike(leader);
        assertEquals(first, cluster.awaitPrimaryOtherThan(leader, FAILOVER));
    }

    @Test
    @Order(3)
    void everyRecordedDecisionIsDecidedAgain() throws IOException {
        cluster.ctl("switchover", "--leader", leader.name(), "--candidate", first.name(), "--force")
                .expectSuccess();
        assertEquals(first, cluster.awaitWhole(WHOLE));
        Faults.AGENT_AND_POSTMASTER.strike(first);
        Node next = cluster.awaitPrimaryOtherThan(first, FAILOVER);
        // The recording of a killed agent ends where it ended.
        allDecidedAgain(first, "AcquireLease");
        first.startAgent();
        cluster.awaitWhole(WHOLE);
        allDecidedAgain(next, "Promote");
        for (Node node : cluster.nodes()) {
            allDecidedAgain(node, "Wait");
        }
        assertTrue(decisions(leader).contains("Stop"), "the switchover");

        List<Path> files;
        try (var listed = Files.list(recordings(next))) {
            files = listed.filter(f -> f.toString().endsWith(".jsonl")).toList();
        }
        // The leader publishes how far the readers of its slots have come.
        assertTrue(
                Pattern.compile("\"slots\":\\{[^}]*\"n\\d\":\"[0-9A-F]+/[0-9A-F]+\"")
                        .matcher(Files.readString(files.getFirst()))
                        .find(),
                "positions of slots in the store");
        String text = cluster.ctl("replay", files.getFirst().toString(), "--only-changes")
                .expectSuccess()
                .output();
        assertTrue(text.contains("promoted self to leader by acquiring session lock"), text);
        assertTrue(text.contains(", 0 decided differently today"), text);
    }

    private static JsonNode replayed(Node node) {
        return parsed(cluster.ctl("replay", recordings(node).toString(), "-o", "json")
                .expectSuccess()
                .output());
    }

    private static List<String> decisions(Node node) {
        List<String> kinds = new ArrayList<>();
        replayed(node).forEach(d -> kinds.add(d.path("decided").path("is").asText()));
        return kinds;
    }

    private static void allDecidedAgain(Node node, String among) {
        JsonNode decisions = replayed(node);
        for (JsonNode decision : decisions) {
            assertTrue(decision.path("same").asBoolean(), node + " decides differently: " + decision.toPrettyString());
        }
        assertTrue(decisions(node).contains(among), node + " has not recorded " + among);
    }

    // --- doctor ---

    private static JsonNode finding(JsonNode examined, String check, Node member) {
        for (JsonNode finding : examined.path("findings")) {
            if (finding.path("check").asText().equals(check)
                    && finding.path("member").asText().equals(member.name())) {
                return finding;
            }
        }
        throw new AssertionError("no finding of " + check + " about " + member + " in " + examined.toPrettyString());
    }

    @Test
    @Order(4)
    void doctorFindsNoErrorAndThenWhatWasBroken() throws IOException {
        for (Node node : cluster.nodes()) {
            Files.setPosixFilePermissions(node.config(), PosixFilePermissions.fromString("rw-------"));
        }
        JsonNode well = Await.value("nothing is wrong", SOON, () -> {
            Optional<JsonNode> now = looked();
            return now.filter(n -> n.path("errors").asInt(-1) == 0);
        });
        assertEquals(cluster.nodes().size(), well.path("members").size(), well.toPrettyString());
        List<String> areas = new ArrayList<>();
        well.path("findings").forEach(f -> areas.add(f.path("area").asText()));
        assertTrue(
                areas.containsAll(List.of(
                        "members",
                        "store",
                        "reachability",
                        "configuration",
                        "synchronous",
                        "postgresql",
                        "guard",
                        "disk",
                        "permissions",
                        "certificates",
                        "versions",
                        "clocks")),
                well.toPrettyString());
        assertFalse(well.toString().contains(leader.password()), "no password is shown");

        // Whether others get to a file depends on where the tests run; of a data directory the mode alone counts.
        Files.setPosixFilePermissions(second.dataDirectory(), PosixFilePermissions.fromString("rwxr-xr-x"));
        long agent = first.requireAgent();
        Processes.signal("TERM", List.of(agent));
        Await.until("the agent of " + first + " ends", SOON, () -> !Processes.alive(agent));
        try {
            whatWasBroken();
        } finally {
            Files.setPosixFilePermissions(second.dataDirectory(), PosixFilePermissions.fromString("rwx------"));
        }
    }

    /** Empty also if doctor had no answer in time: then there is no document. */
    private static Optional<JsonNode> looked() {
        try {
            return Optional.of(parsed(cluster.ctl("doctor", "-o", "json").output()));
        } catch (UncheckedIOException noDocument) {
            return Optional.empty();
        }
    }

    private void whatWasBroken() {
        long began = System.nanoTime();
        assertEquals(1, cluster.ctl("doctor", "-o", "json").exitCode());
        // Ten seconds and the start of a JVM on a busy machine.
        assertTrue(System.nanoTime() - began < Duration.ofSeconds(25).toNanos(), "a silent member holds nobody up");
        // A disk that is slow just now is told of instead of its files.
        JsonNode broken = Await.value(
                "the mode of the data directory is found",
                SOON,
                () -> looked().filter(n -> n.toString().contains("data-directory-mode")));
        assertEquals(
                "error",
                finding(broken, "data-directory-mode", second).path("severity").asText());
        assertTrue(
                finding(broken, "data-directory-mode", second)
                        .path("fix")
                        .asText()
                        .startsWith("chmod 0700 " + second.dataDirectory()),
                broken.toPrettyString());
        assertEquals(
                "error",
                finding(broken, "agent-answers", first).path("severity").asText());
        assertTrue(broken.path("errors").asInt() >= 2, broken.toPrettyString());
    }
}
