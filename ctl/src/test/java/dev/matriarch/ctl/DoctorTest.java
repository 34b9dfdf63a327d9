package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.matriarch.proto.control.v1.ExamineReply;
import dev.matriarch.proto.control.v1.Finding;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code doctor}: what is wrong, and what to do. */
class DoctorTest {
    private FakeAgent agent;

    @BeforeEach
    void start() throws IOException {
        agent = new FakeAgent().start();
    }

    @AfterEach
    void stop() {
        agent.close();
    }

    private void finds(Finding... findings) {
        agent.shown.examined = ExamineReply.newBuilder()
                .setScope("demo")
                .setAnsweredBy("n1")
                .addAllMembers(List.of("n1", "n2"))
                .addAllFindings(List.of(findings))
                .build();
    }

    private static Finding finding(String severity, String area, String member, String found, String fix) {
        return Finding.newBuilder()
                .setSeverity(severity)
                .setArea(area)
                .setCheck("a-check")
                .setMember(member)
                .setFound(found)
                .setFix(fix)
                .build();
    }

    private static final Finding ERROR = finding("error", "disk", "n2", "it is full", "make room");
    private static final Finding WARNING = finding("warning", "clocks", "", "they differ", "chronyc");
    private static final Finding OK = finding("ok", "members", "", "n1 leads", "");

    @Test
    void eachFindingIsALineWithItsFixBelow() {
        finds(ERROR, WARNING, OK);
        CtlRun run = CtlRun.of(agent, "", "doctor");
        assertEquals("""
                Cluster demo: n1, n2 (examined by n1)

                ERROR    disk     n2: it is full
                         -> make room
                WARNING  clocks   they differ
                         -> chronyc
                ok       members  n1 leads

                1 error, 1 warning.
                """, run.out());
        assertFalse(CtlRun.of(agent, "", "doctor", "--quiet").out().contains("leads"));
    }

    @Test
    void theExitCodeTellsErrorsAndIfWantedWarnings() {
        finds(OK);
        assertEquals(0, CtlRun.of(agent, "", "doctor", "--strict").code());
        assertTrue(CtlRun.of(agent, "", "doctor").out().endsWith("All is well.\n"));
        finds(WARNING, OK);
        assertEquals(0, CtlRun.of(agent, "", "doctor").code());
        assertEquals(1, CtlRun.of(agent, "", "doctor", "--strict").code());
        finds(ERROR, OK);
        assertEquals(1, CtlRun.of(agent, "", "doctor").code());
    }

    @Test
    void programsGetAnObjectThatStaysTheSame() throws IOException {
        finds(ERROR, WARNING, OK);
        JsonNode json = JsonMapper.builder()
                .build()
                .readTree(CtlRun.of(agent, "", "doctor", "-o", "json").out());
        assertEquals("demo", json.get("cluster").asText());
        assertEquals("n1", json.get("examined_by").asText());
        assertEquals("n2", json.at("/members/1").asText());
        assertEquals(1, json.get("errors").asInt());
        assertEquals(1, json.get("warnings").asInt());
        assertEquals(
                "{\"severity\":\"error\",\"area\":\"disk\",\"check\":\"a-check\",\"member\":\"n2\","
                        + "\"found\":\"it is full\",\"fix\":\"make room\"}",
                json.at("/findings/0").toString());
        assertEquals(
                List.of("Severity\tArea\tCheck\tMember\tFound\tFix", "error\tdisk\ta-check\tn2\tit is full\tmake room"),
                CtlRun.of(agent, "", "doctor", "-o", "tsv")
                        .out()
                        .lines()
                        .toList()
                        .subList(0, 2));
        assertTrue(CtlRun.of(agent, "", "doctor", "-o", "yaml").out().contains("- severity: error\n"));
    }

    /** Without a majority of the store the agent waits for it before it shows the cluster. */
    @Test
    void itIsExaminedThoughItCannotShowTheCluster() throws Exception {
        finds(ERROR);
        agent.silentUntil = new CountDownLatch(1);
        try {
            CtlRun run = CtlRun.of(agent, "", "doctor");
            assertEquals(1, run.code());
            assertTrue(run.out().contains("it is full"), run.toString());
            int closed;
            try (ServerSocket gone = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
                closed = gone.getLocalPort();
            }
            run = CtlRun.of(
                    Map.of(), "", "--endpoint", "127.0.0.1:" + closed, "--endpoint", agent.endpoint(), "doctor");
            assertTrue(run.out().contains("it is full"), run.toString());
        } finally {
            agent.silentUntil.countDown();
        }
    }

    @Test
    void nobodyThereIsSaidAndAnotherClusterIsRefused() {
        finds(OK);
        CtlRun run = CtlRun.of(agent, "", "doctor", "other");
        assertEquals(1, run.code());
        assertTrue(run.err().contains("belong to cluster 'demo', not to 'other'"), run.err());
        assertEquals(0, CtlRun.of(agent, "", "doctor", "demo").code());
        String endpoint = agent.endpoint();
        agent.close();
        run = CtlRun.of(Map.of(), "", "--endpoint", endpoint, "doctor");
        assertEquals(3, run.code());
        assertTrue(run.err().contains("no agent answered"), run.err());
    }

    @Test
    void anOlderAgentIsNamed() {
        agent.shown.examined = null;
        CtlRun run = CtlRun.of(agent, "", "doctor");
        assertEquals(1, run.code());
        assertTrue(run.err().contains("older version"), run.err());
    }
}
