package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.ReinitializeRequest;
import dev.matriarch.proto.control.v1.RestartRequest;
import dev.matriarch.proto.control.v1.SwitchoverRequest;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MatriarchctlTest {
    private FakeAgent agent;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @TempDir
    private Path directory;

    @BeforeEach
    void start() throws IOException {
        agent = new FakeAgent().start();
    }

    @AfterEach
    void stop() {
        agent.close();
    }

    private int run(String input, String... arguments) {
        List<String> all = new ArrayList<>(List.of("--endpoint", agent.endpoint()));
        all.addAll(List.of(arguments));
        return raw(input, Map.of(), all.toArray(String[]::new));
    }

    private int raw(String input, Map<String, String> environment, String... arguments) {
        out.reset();
        err.reset();
        return Matriarchctl.run(
                arguments,
                new Terminal(
                        new BufferedReader(new StringReader(input)),
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8),
                        environment));
    }

    private String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    private String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void listsMembersAsPatroniDoes() {
        agent.cluster = FakeAgent.threeMembers().setPaused(true).build();
        assertEquals(0, run("", "list"));
        String text = out().lines().limit(8).reduce("", (a, b) -> a + b + "\n");
        assertTrue(text.startsWith("+ Cluster: demo (7400000000000000001) --"), text);
        assertTrue(
                text.contains(
                        "| Member | Host     | Role           | State     | TL | Receive LSN | Lag | Replay LSN | Lag |"),
                text);
        assertTrue(
                text.contains(
                        "| n1     | 10.0.0.1 | Leader         | running   |  4 |             |     |            |     |"),
                text);
        assertTrue(
                text.contains(
                        "| n2     | 10.0.0.2 | Quorum Standby | streaming |  4 |   0/5400000 |   0 |  0/5400000 |   3 |"),
                text);
        assertTrue(out().contains("\n Maintenance mode: on\n"), out());
        assertTrue(out().contains("a failover now loses at most: nothing"), out());
    }

    @Test
    void listsForPrograms() {
        assertEquals(0, run("", "list", "demo", "-f", "tsv"));
        assertTrue(
                out().startsWith("Cluster\tMember\tHost\tRole\tState\tTL\tReceive LSN\tReceive Lag\tReplay LSN"),
                out());
        assertEquals(0, run("", "list", "-f", "json"));
        assertTrue(
                out().contains(
                                "{\"Cluster\":\"demo\",\"Member\":\"n1\",\"Host\":\"10.0.0.1\",\"Role\":\"Leader\",\"State\":\"running\",\"TL\":4}"),
                out());
        assertEquals(0, run("", "list", "--format", "yaml"));
        assertTrue(out().contains("- Cluster: demo\n  Member: n1\n"), out());
    }

    @Test
    void topologyIndentsCascades() {
        assertEquals(0, run("", "topology"));
        assertTrue(out().contains("| n1     "), out());
        assertTrue(out().contains("| + n2   "), out());
        assertTrue(out().contains("|   + n3 "), out());
    }

    @Test
    void anotherClusterIsRefused() {
        assertEquals(1, run("", "list", "other"));
        assertTrue(err().contains("'demo'"), err());
    }

    @Test
    void wrongUsageIsTwo() {
        assertEquals(2, run("", "lst"));
        assertEquals(2, run("", "restart"));
        assertEquals(2, raw("", Map.of("HOME", directory.toString()), "list"));
    }

    @Test
    void nobodyReachableIsThreeAndNamesEachEndpoint() throws IOException {
        int free;
        try (ServerSocket socket = new ServerSocket(0)) {
            free = socket.getLocalPort();
        }
        assertEquals(
                3, raw("", Map.of(), "--endpoint", "127.0.0.1:" + free, "--endpoint", "127.0.0.2:" + free, "list"));
        assertTrue(err().contains("127.0.0.1:" + free + ": "), err());
        assertTrue(err().contains("127.0.0.2:" + free + ": "), err());
        assertTrue(err().contains("refused"), err());
    }

    @Test
    void readsTheAgentsConfiguration() throws IOException {
        Path file = directory.resolve("n1.yml");
        String port = agent.endpoint().split(":")[1];
        Files.writeString(
                file,
                "scope: demo\nrestapi:\n  connect_address: 127.0.0.9:" + (Integer.parseInt(port) - 1)
                        + "\nraft:\n  partner_addrs: ['127.0.0.1:5010', '127.0.0.3:5010']\n");
        assertEquals(0, raw("", Map.of(), "-c", file.toString(), "list"), this::err);
        assertEquals(0, raw("", Map.of("PATRONICTL_CONFIG_FILE", file.toString()), "list"), this::err);
        Files.writeString(file, Files.readString(file).replace("scope: demo", "scope: other"));
        assertEquals(1, raw("", Map.of(), "list", "-c", file.toString()));
        assertEquals(1, raw("", Map.of(), "-c", directory + "/missing.yml", "list"));
        assertTrue(err().contains("not existing or no read rights"), err());
    }

    /** In a container the file says what all members share, and the environment the rest. */
    @Test
    void variablesComeBeforeWhatTheAgentsFileSays() throws IOException {
        Path file = directory.resolve("n1.yml");
        Files.writeString(file, "scope: other\ncontrol:\n  listen: 127.0.0.2:1\n");
        String port = agent.endpoint().split(":")[1];
        String rest = "127.0.0.9:" + (Integer.parseInt(port) - 1);
        for (Map<String, String> addresses : List.of(
                Map.of("PATRONI_CTL_ENDPOINTS", "'127.0.0.2:1', " + agent.endpoint()),
                Map.of("PATRONI_CONTROL_CONNECT_ADDRESS", agent.endpoint()),
                Map.of(
                        "PATRONI_CONTROL_LISTEN", "127.0.0.3:" + port,
                        "PATRONI_RESTAPI_CONNECT_ADDRESS", rest,
                        "PATRONI_RAFT_PARTNER_ADDRS", "127.0.0.3:7000," + agent.endpoint()))) {
            Map<String, String> environment = new HashMap<>(addresses);
            environment.put("PATRONI_SCOPE", "demo");
            assertEquals(0, raw("", environment, "-c", file.toString(), "list"), () -> addresses + err());
        }
        assertNotEquals(0, raw("", Map.of(), "-c", file.toString(), "list"));
    }

    @Test
    void switchoverWithForceAsksNothing() {
        assertEquals(0, run("", "switchover", "--candidate", "n2", "--force"));
        SwitchoverRequest request = (SwitchoverRequest) agent.asked.getFirst();
        assertEquals("n1", request.getLeader());
        assertEquals("n2", request.getCandidate());
        assertEquals("", request.getScheduledAt());
    }

    @Test
    void switchoverAsksAsPatroniDoes() {
        assertEquals(0, run("\nn3\n\ny\n", "switchover"), this::err);
        assertTrue(out().contains("Primary [n1]: "), out());
        assertTrue(out().contains("Candidate ['n2', 'n3'] []: "), out());
        assertTrue(out().contains("demoting current leader n1? [y/N]: "), out());
        assertEquals("n3", ((SwitchoverRequest) agent.asked.getFirst()).getCandidate());
        assertEquals(1, run("\nn3\n\nn\n", "switchover"));
        assertTrue(err().contains("Aborting switchover"), err());
        assertEquals(1, run("", "switchover"));
        assertTrue(err().contains("Aborted!"), err());
    }

    @Test
    void failedSwitchoverIsOne() {
        agent.action = ActionReply.newBuilder()
                .setStatus(412)
                .setMessage("switchover is not possible: no good candidates have been found")
                .build();
        assertEquals(1, run("", "switchover", "--force"));
        assertTrue(out().contains("Switchover failed, details: 412, switchover is not possible"), out());
        assertEquals(1, run("", "switchover", "--leader", "n2", "--force"));
        assertTrue(err().contains("Member n2 is not the leader of cluster demo"), err());
        assertEquals(1, run("", "failover", "--force"));
        assertTrue(err().contains("only to a specific candidate"), err());
    }

    @Test
    void restartsSelectedMembers() {
        assertEquals(0, run("", "restart", "demo", "-r", "replica", "--timeout", "3", "--force"));
        assertTrue(out().contains("Success: restart on member n2"), out());
        assertTrue(out().contains("Success: restart on member n3"), out());
        assertEquals(2, agent.asked.size());
        assertEquals(3.0, ((RestartRequest) agent.asked.getFirst()).getTimeoutSeconds());
        assertEquals(1, run("", "restart", "demo", "n9", "--force"));
        agent.action = ActionReply.newBuilder()
                .setStatus(503)
                .setMessage("restart failed")
                .build();
        assertEquals(1, run("", "restart", "n2", "--force"));
        assertTrue(out().contains("Failed: restart for member n2, status code=503, (restart failed)"), out());
    }

    @Test
    void reinitializesReplicasOnly() {
        assertEquals(0, run("y\n", "reinit", "demo", "n2", "--from-leader"));
        assertTrue(out().contains("Success: reinitialize for member n2"), out());
        assertTrue(((ReinitializeRequest) agent.asked.getFirst()).getFromLeader());
        assertEquals(1, run("", "reinit", "demo", "n1", "--force"));
        assertTrue(err().contains("No replica among provided members"), err());
    }

    @Test
    void reloads() {
        agent.action = ActionReply.newBuilder().setStatus(202).build();
        assertEquals(0, run("", "reload", "demo", "n1", "--force"));
        assertTrue(
                out().contains("Reload request received for member n1 and will be processed within 1 seconds"), out());
    }

    @Test
    void pausesAndResumes() {
        assertEquals(0, run("", "pause"));
        assertTrue(out().contains("Success: cluster management is paused"), out());
        assertTrue(agent.config.contains("\"pause\":true"), agent.config);
        agent.cluster = FakeAgent.threeMembers().setPaused(true).build();
        assertEquals(1, run("", "pause"));
        assertTrue(err().contains("Cluster is already paused"), err());
        assertEquals(0, run("", "resume"));
        assertTrue(!agent.config.contains("pause"), agent.config);
    }

    @Test
    void pauseWaitNamesWhoDidNotRecognise() {
        agent.cluster = FakeAgent.threeMembers().setLoopWaitSeconds(0.1).build();
        assertEquals(1, run("", "pause", "--wait"));
        assertTrue(out().contains("n1, n2, n3 members didn't recognized pause state after 1.1 seconds"), out());
    }

    @Test
    void aClusterIsDemotedAndPromoted() {
        assertEquals(1, run("", "demote-cluster", "--primary-slot-name", "a"));
        assertTrue(err().contains("At least --host, --port or --restore-command should be specified"), err());
        assertEquals(1, run("n\n", "demote-cluster", "--host", "10.9.0.1"));
        assertTrue(out().contains("Are you sure you want to demote demo cluster?"), out());
        assertTrue(err().contains("Aborted cluster demotion"), err());
        agent.afterTheNextChange(FakeAgent.threeMembers()
                .setMembers(
                        0, FakeAgent.threeMembers().getMembers(0).toBuilder().setRole("standby_leader"))
                .build());
        assertEquals(
                0,
                run(
                        "",
                        "demote-cluster",
                        "--host",
                        "10.9.0.1",
                        "--port",
                        "5433",
                        "--primary-slot-name",
                        "a",
                        "--force"));
        assertTrue(
                agent.config.contains(
                        "\"standby_cluster\":{\"host\":\"10.9.0.1\",\"port\":5433,\"primary_slot_name\":\"a\"}"),
                agent.config);
        assertTrue(
                out().contains("cluster is unlocked: false, leader role: standby_leader, leader state: running"),
                out());
        assertTrue(out().contains("cluster is successfully demoted"), out());
        assertTrue(out().contains("Standby Leader"), out());
        assertEquals(1, run("", "demote-cluster", "--host", "10.9.0.1", "--force"));
        assertTrue(err().contains("Cluster is already in the required state"), err());
        agent.afterTheNextChange(FakeAgent.threeMembers().build());
        assertEquals(0, run("", "promote-cluster", "--force"));
        assertTrue(!agent.config.contains("standby_cluster"), agent.config);
        assertTrue(out().contains("cluster is successfully promoted"), out());
        agent.cluster = FakeAgent.threeMembers().removeMembers(0).build();
        assertEquals(1, run("", "promote-cluster", "--force"));
        assertTrue(err().contains("Cluster has no leader, promotion is not possible"), err());
    }

    @Test
    void editsConfiguration() {
        assertEquals(0, run("", "edit-config", "-s", "ttl=6", "-p", "work_mem=8MB", "--force"));
        assertTrue(out().contains("-ttl: 5\n+    work_mem: 8MB\n+ttl: 6\n"), out());
        assertTrue(out().contains("Configuration changed"), out());
        assertEquals("{\"ttl\":6,\"postgresql\":{\"parameters\":{\"work_mem\":\"8MB\"}}}", agent.config);
        assertEquals(0, run("", "edit-config", "-s", "ttl=6", "--force"));
        assertTrue(out().contains("Not changed"), out());
        assertEquals(0, run("loop_wait: 2\n", "edit-config", "--apply", "-", "--force", "-q"));
        assertTrue(!out().contains("+loop_wait"), out());
        assertEquals(1, run("", "edit-config", "-s", "bogus=1", "--force"));
        assertTrue(err().contains("unknown key bogus"), err());
        agent.conflict = true;
        assertEquals(1, run("y\n", "edit-config", "-s", "ttl=9"));
        assertTrue(err().contains("Config modification aborted due to concurrent changes"), err());
        assertEquals(0, run("", "show-config"));
        assertTrue(out().startsWith("loop_wait: 2\npostgresql:\n  parameters:\n    work_mem: 8MB\nttl: 6\n"), out());
    }

    @Test
    void history() {
        assertEquals(0, run("", "history"));
        assertTrue(out().startsWith("+----+"), out());
        assertTrue(
                out().contains(
                                "|  1 | 25623960 | no recovery target specified | 2026-11-21T01:02:03+00:00 | n2         |"),
                out());
    }

    @Test
    void explains() {
        assertEquals(0, run("", "explain"));
        assertTrue(out().startsWith("If n1 died now, n2 would be promoted."), out());
        assertTrue(out().contains("A failover now loses at most: nothing."), out());
        assertTrue(
                out().contains(
                                "| n2     | Replica |  3 | 0/5400000 | yes        | I am the healthiest member | possible   |"),
                out());
        assertEquals(0, run("", "explain", "-o", "json"));
        assertTrue(out().contains("\"heir\": \"n2\"") || out().contains("\"heir\":\"n2\""), out());
        assertEquals(2, run("", "explain", "-o", "bogus"));
    }

    @Test
    void versions() {
        assertEquals(0, run("", "version", "demo"));
        assertTrue(out().contains("n1: Matriarch 0.1.0 PostgreSQL 15.4"), out());
        assertEquals("9.5.2", VersionCommand.dotted(90502));
    }
}
