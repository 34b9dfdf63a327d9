package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.proto.sharding.v1.Group;
import dev.matriarch.proto.sharding.v1.GroupsReply;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@code top} for programs. */
@Timeout(60)
class TopDocumentTest {
    private FakeAgent agent;

    @BeforeEach
    void start() throws IOException {
        agent = new FakeAgent().start();
    }

    @AfterEach
    void stop() {
        agent.close();
    }

    @Test
    void itEndsWhenNobodyReadsItAnyMore() {
        OutputStream closed = new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException("Broken pipe");
            }
        };
        for (String[] command : List.of(
                new String[] {"--endpoint", agent.endpoint(), "top", "-o", "json", "-w", "0.2"},
                new String[] {"--endpoint", agent.endpoint(), "list", "-o", "json", "-w", "0.2"})) {
            Matriarchctl.run(
                    command,
                    new Terminal(
                            new BufferedReader(new StringReader("")),
                            new PrintStream(closed, true, StandardCharsets.UTF_8),
                            new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8),
                            Map.of()));
        }
    }

    @Test
    void aLookThatWasOrderedAndFailedIsInTheExitCode() {
        assertEquals(
                0, CtlRun.of(agent, "", "top", "--count", "1", "-o", "json").code());
        agent.shown.failingPulses = 1;
        CtlRun second = CtlRun.of(agent, "", "top", "--count", "1", "-o", "json");
        assertEquals(0, second.code(), second::toString);
        assertFalse(second.out().isEmpty());
        agent.shown.failingPulses = 2;
        CtlRun failed = CtlRun.of(agent, "", "top", "--count", "1", "-o", "json");
        assertEquals(1, failed.code(), failed::toString);
        assertFalse(failed.err().isEmpty());
    }

    @Test
    void groupsAreToldWithTheirNumbersAlsoThoseThatAreSilent() throws Exception {
        agent.shown.groups = GroupsReply.newBuilder()
                .setOwn(1)
                .addGroups(Group.newBuilder().setNumber(0).addEndpoints("127.0.0.1:1"))
                .addGroups(Group.newBuilder().setNumber(1).addEndpoints(agent.endpoint()))
                .build();
        CtlRun run = CtlRun.of(agent, "", "top", "--count", "1", "-o", "json");
        JsonNode document = new ObjectMapper().readTree(run.out());
        assertFalse(document.has("guarantee"), run.out());
        assertEquals(0, document.at("/groups/0/group").asInt(-1));
        assertTrue(document.at("/groups/0/guarantee").isNull(), run.out());
        assertTrue(document.at("/groups/0/problem").isTextual(), run.out());
        assertEquals(1, document.at("/groups/1/group").asInt());
        assertEquals(
                "a failover now loses at most: nothing",
                document.at("/groups/1/guarantee").asText());
        CtlRun events = CtlRun.of(agent, "", "timeline", "-f", "tsv");
        assertTrue(events.out().startsWith("Group\tTime"), events::toString);
    }

    @Test
    void theOwnGroupMayBeSilentToo() throws Exception {
        try (FakeAgent worker = new FakeAgent().start()) {
            agent.shown.groups = GroupsReply.newBuilder()
                    .setOwn(0)
                    .addGroups(Group.newBuilder().setNumber(0).addEndpoints(agent.endpoint()))
                    .addGroups(Group.newBuilder().setNumber(1).addEndpoints(worker.endpoint()))
                    .build();
            agent.shown.failingPulses = 9;
            JsonNode document = new ObjectMapper()
                    .readTree(CtlRun.of(agent, "", "top", "--count", "1", "-o", "json")
                            .out());
            assertTrue(document.at("/groups/0/problem").isTextual(), document::toString);
            assertEquals(3, document.path("members").size());
        }
    }

    @Test
    void aFlushOfNothingIsTold() throws Exception {
        CtlRun run = CtlRun.of(agent, "", "flush", "demo", "n2", "restart", "--force", "-o", "json");
        assertEquals(0, run.code(), run::toString);
        JsonNode action = new ObjectMapper().readTree(run.out()).at("/actions/0");
        assertEquals(200, action.path("status").asInt());
        assertTrue(action.path("id").isNull());
    }
}
