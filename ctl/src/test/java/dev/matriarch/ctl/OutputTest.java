package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.watch.v1.Event;
import dev.matriarch.proto.watch.v1.EventsReply;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Every command tells programs what it tells people, as JSON and as YAML, with names that stay. */
@Timeout(60)
class OutputTest {
    /** Scripts and pages for the shell and for packages, and commands that only say what does it now. */
    private static final Set<String> NOTHING_TO_TELL = Set.of("completion", "write-man-pages", "scaffold", "configure");

    private FakeAgent agent;

    @BeforeEach
    void start() throws IOException {
        agent = new FakeAgent().start();
        agent.shown.events = EventsReply.newBuilder()
                .addEvents(Event.newBuilder()
                        .setAtMillis(System.currentTimeMillis())
                        .setMember("n1")
                        .setKind("leader")
                        .setWhat("n1 holds the leader lock (epoch 1)"))
                .build();
    }

    @AfterEach
    void stop() {
        agent.close();
    }

    private static Map<String, CommandLine> leaves() {
        Map<String, CommandLine> leaves = new TreeMap<>();
        descend("", Matriarchctl.commandLine(null), leaves);
        return leaves;
    }

    private static void descend(String name, CommandLine line, Map<String, CommandLine> leaves) {
        if (line.getSubcommands().isEmpty()) {
            leaves.put(name, line);
        }
        line.getSubcommands().forEach((verb, sub) -> descend((name + " " + verb).strip(), sub, leaves));
    }

    @Test
    void everyCommandHasTheOption() {
        List<String> without = new ArrayList<>();
        leaves().forEach((name, line) -> {
            OptionSpec output = line.getCommandSpec().findOption("--output");
            boolean has = output != null
                    && output.typeInfo().isEnum()
                    && output.typeInfo().getEnumConstantNames().containsAll(List.of("json", "yaml"))
                    && List.of(output.names()).contains("-o");
            if (has == NOTHING_TO_TELL.contains(name)) {
                without.add(name);
            }
        });
        assertEquals(List.of(), without);
    }

    @Test
    void everyCommandsDocumentIsDescribed() throws IOException {
        String page = Files.readString(Path.of("../docs/matriarchctl.md"));
        leaves().keySet().stream()
                .filter(name -> !NOTHING_TO_TELL.contains(name))
                .map(name -> name.split(" ")[0])
                .forEach(verb -> assertTrue(page.contains("`" + verb), verb));
    }

    /** The command, its exit code, and the keys of its document or of each row. */
    static Stream<Arguments> documents() {
        String order = "actions cluster";
        return Stream.of(
                Arguments.of("list", "Cluster Host Member Role State TL *"),
                Arguments.of("topology", "Cluster Host Member Role State TL *"),
                Arguments.of("show-config", "postgresql ttl"),
                Arguments.of("show-config --effective", "Setting Source Value"),
                Arguments.of("history", "LSN New␣Leader Reason TL Timestamp"),
                Arguments.of("version demo", "Matriarch Member *"),
                Arguments.of("explain", "failover_seconds guarantee heir leader members outlook"),
                Arguments.of("doctor", "cluster errors examined_by findings members warnings"),
                Arguments.of("timeline", "cluster events since unreachable"),
                Arguments.of("top --count 1", "cluster events guarantee members paused problems time"),
                Arguments.of("dsn", "cluster host member port role"),
                Arguments.of(
                        "render ../packaging/src/main/dist/conf/haproxy.cfg.mustache",
                        "changed cluster file leader text"),
                Arguments.of("restart demo n2 --force", order),
                Arguments.of("reload demo n2 --force", order),
                Arguments.of("reinit demo n2 --force", order),
                Arguments.of("switchover demo --candidate n2 --force", order),
                Arguments.of("failover demo --candidate n2 --force", order),
                Arguments.of("pause demo", order),
                Arguments.of("edit-config demo -s ttl=7 --force", order));
    }

    private JsonNode json(int code, String input, String command) throws IOException {
        List<String> all = new ArrayList<>(List.of(command.split(" ")));
        all.addAll(List.of("-o", "json"));
        CtlRun run = CtlRun.of(agent, input, all.toArray(String[]::new));
        assertEquals(code, run.code(), run::toString);
        return new ObjectMapper().readTree(run.out());
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("documents")
    void theNamesStay(String command, String keys) throws IOException {
        JsonNode document = json(0, "", command);
        JsonNode object = document.isArray() ? document.path(0) : document;
        Set<String> names = new TreeSet<>();
        object.fieldNames().forEachRemaining(names::add);
        Set<String> expected = new TreeSet<>();
        for (String key : keys.split(" ")) {
            expected.add(key.replace('␣', ' '));
        }
        // Rows leave out what is empty.
        if (expected.remove("*")) {
            assertTrue(names.containsAll(expected), names::toString);
        } else {
            assertEquals(expected, names);
        }
        List<String> all = new ArrayList<>(List.of(command.split(" ")));
        all.addAll(List.of("--output", "yaml"));
        agent.cluster = FakeAgent.threeMembers().build();
        CtlRun yaml = CtlRun.of(agent, "", all.toArray(String[]::new));
        Object value = Yaml.value(yaml.out(), "the output");
        Map<?, ?> first = (Map<?, ?>) (value instanceof List<?> list ? list.getFirst() : value);
        first.keySet().forEach(key -> assertTrue(names.contains(key), () -> key + " is not in the JSON document"));
    }

    private void isOrder(JsonNode document, String action, int status) {
        assertEquals("demo", document.path("cluster").asText(), document::toString);
        JsonNode one = document.path("actions").path(0);
        assertEquals(action, one.path("action").asText());
        assertEquals(status, one.path("status").asInt());
    }

    @Test
    void aChangeOfTheConfigurationAndOneThatChangesNothing() throws IOException {
        JsonNode changed = json(0, "", "edit-config demo -s ttl=7 --force");
        isOrder(changed, "edit-config", 200);
        assertTrue(changed.path("actions").path(0).path("id").asText().matches("[0-9a-f]{8}"));
        JsonNode same = json(0, "", "edit-config demo -s ttl=7 --force");
        isOrder(same, "edit-config", 200);
        assertTrue(same.path("actions").path(0).path("id").isNull());
        isOrder(json(1, "", "edit-config demo -s bogus=7 --force"), "edit-config", 400);
        agent.conflict = true;
        isOrder(json(1, "", "edit-config demo -s ttl=8 --force"), "edit-config", 409);
    }

    @Test
    void aClusterThatIsRemoved() throws IOException {
        isOrder(json(0, "demo\nYes I am aware\nn1\n", "remove demo"), "remove", 200);
    }

    @Test
    void aClusterThatChangesItsKind() throws IOException {
        GetClusterReply.Builder demoted = FakeAgent.threeMembers();
        demoted.getMembersBuilder(0).setRole("standby_leader");
        agent.afterTheNextChange(demoted.build());
        JsonNode document = json(0, "", "demote-cluster demo --host 10.9.9.9 --force");
        isOrder(document, "demote-cluster", 200);
        assertEquals("n1", document.path("actions").path(0).path("leader").asText());
        agent.afterTheNextChange(FakeAgent.threeMembers().build());
        isOrder(json(0, "", "promote-cluster demo --force"), "promote-cluster", 200);
    }
}
