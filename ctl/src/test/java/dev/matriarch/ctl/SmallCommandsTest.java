package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.RemoveClusterRequest;
import dev.matriarch.proto.control.v1.ScheduledSwitchover;
import dev.matriarch.proto.sharding.v1.Group;
import dev.matriarch.proto.sharding.v1.GroupsReply;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SmallCommandsTest {
    private FakeAgent agent;

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

    private CtlRun run(String input, String... arguments) {
        return CtlRun.of(agent, input, arguments);
    }

    private static void said(CtlRun run, int code, String text) {
        assertEquals(code, run.code(), run::toString);
        assertTrue(run.says(text), run::toString);
    }

    @Test
    void theFooterSaysWhatIsGoingOn() {
        agent.cluster = FakeAgent.threeMembers()
                .setPaused(true)
                .setScheduledSwitchover(ScheduledSwitchover.newBuilder()
                        .setAt("2030-01-01T10:00:00+00:00")
                        .setFrom("n1")
                        .setTo("n2"))
                .build();
        String footer = "\n Maintenance mode: on\n Switchover scheduled at: 2030-01-01T10:00:00+00:00\n"
                + " ".repeat(20) + "from: n1\n" + " ".repeat(22) + "to: n2\n";
        said(run("", "list"), 0, footer);
        said(run("", "topology"), 0, footer);
        assertTrue(!run("", "list", "-f", "tsv").says("Maintenance"));
    }

    @Test
    void programsGetTheSameInTheirOwnFormats() {
        said(run("", "version", "demo", "-o", "tsv"), 0, "n1\t0.1.0\t15.4\t\n");
        said(
                run("", "version", "demo", "-f", "json"),
                0,
                "{\"Member\":\"n1\",\"Matriarch\":\"0.1.0\",\"PostgreSQL\":\"15.4\"}");
        said(run("", "version", "--output", "yaml"), 0, "- Member: matriarchctl\n");
        said(run("", "list", "--output", "json"), 0, "\"Member\":\"n1\"");
        said(run("", "history", "-o", "json"), 0, "\"TL\":1");
        said(run("", "show-config", "--effective", "-o", "json"), 0, "\"Setting\":\"ttl\"");
    }

    @Test
    void dsnPrintsWhereTheLeaderIs() {
        said(run("", "dsn"), 0, "host=10.0.0.1 port=5432\n");
        said(run("", "dsn", "demo", "-m", "n3"), 0, "host=10.0.0.3 port=5432\n");
        assertTrue(run("", "dsn", "-r", "replica").out().matches("host=10.0.0.[23] port=5432\n"));
        said(run("", "dsn", "-m", "n9"), 1, "Can not find a suitable member");
        said(run("", "dsn", "-r", "standby-leader"), 1, "Can not find a suitable member");
        said(run("", "dsn", "-r", "any", "-m", "n1"), 2, "--role and --member are mutually exclusive options");
    }

    @Test
    void removeAsksThreeTimes() {
        said(run("demo\nYes I am aware\nn1\n", "remove", "demo"), 0, "Success: done");
        assertEquals(List.of(RemoveClusterRequest.newBuilder().setScope("demo").build()), agent.asked);
        agent.asked.clear();
        said(run("other\n", "remove", "demo"), 1, "Cluster names specified do not match");
        said(run("demo\nyes\n", "remove", "demo"), 1, "You did not exactly type \"Yes I am aware\"");
        said(
                run("demo\nYes I am aware\nn2\n", "remove", "demo"),
                1,
                "You did not specify the current leader of the cluster");
        said(run("", "remove", "demo"), 1, "Aborted!");
        said(run("", "remove"), 2, "CLUSTER");
        agent.shown.groups = GroupsReply.newBuilder()
                .setOwn(0)
                .addGroups(Group.newBuilder().setNumber(0))
                .build();
        said(run("", "remove", "demo"), 1, "For Citus clusters the --group must me specified");
        assertEquals(List.of(), agent.asked);
    }

    @Test
    void removeSaysWhyItWasRefused() {
        agent.action = ActionReply.newBuilder()
                .setStatus(409)
                .setMessage("the cluster is alive: n1 leads it")
                .build();
        said(
                run("demo\nYes I am aware\nn1\n", "remove", "demo"),
                1,
                "Failed: remove cluster demo, status code=409, (the cluster is alive: n1 leads it)");
    }

    @Test
    void whoAsksForAStoreIsToldWhatToGiveInstead() {
        said(run("", "-d", "etcd://localhost:2379/service", "list"), 2, "--endpoint HOST:PORT");
        said(run("", "--dcs-url", "localhost", "list"), 2, "needs no access to a store");
        said(run("", "-d", "zk://localhost", "list"), 2, "Unknown dcs scheme: zk");
        CtlRun run = CtlRun.of(Map.of("DCS_URL", "etcd://a"), "", "--endpoint", agent.endpoint(), "list");
        said(run, 0, "DCS_URL is not used");
    }

    @Test
    void insecureHasNothingToDoWithoutTls() throws IOException {
        said(run("", "-k", "list"), 0, "Cluster: demo");
        said(run("", "list", "--insecure"), 0, "Cluster: demo");
        Path file = directory.resolve("ctl.yaml");
        Files.writeString(file, "ctl: {endpoints: ['" + agent.endpoint() + "'], insecure: true}\n");
        said(CtlRun.of(Map.of(), "", "-c", file.toString(), "list"), 0, "Cluster: demo");
    }

    @Test
    void commandsThatAreGoneSayWhatDoesItNow() {
        said(run("", "scaffold", "demo", "--sysid", "1"), 1, "scaffold is not needed");
        said(run("", "configure"), 1, "configure is gone");
        assertTrue(!run("", "--help").says("scaffold"));
    }
}
