package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.SwitchoverRequest;
import dev.matriarch.proto.sharding.v1.Group;
import dev.matriarch.proto.sharding.v1.GroupsReply;
import dev.matriarch.proto.watch.v1.Event;
import dev.matriarch.proto.watch.v1.EventsReply;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two groups with an agent each; the coordinator's is the one that is configured. */
class CitusGroupsTest {
    private FakeAgent coordinator;
    private FakeAgent worker;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @BeforeEach
    void start() throws IOException {
        coordinator = new FakeAgent().start();
        worker = new FakeAgent().start();
        worker.cluster = FakeAgent.threeMembers()
                .setSystemIdentifier("7400000000000000002")
                .setPaused(true)
                .build();
        GroupsReply.Builder groups = GroupsReply.newBuilder()
                .addGroups(Group.newBuilder().setNumber(0).addEndpoints(coordinator.endpoint()))
                .addGroups(Group.newBuilder().setNumber(1).addEndpoints(worker.endpoint()));
        coordinator.shown.groups = groups.setOwn(0).build();
        worker.shown.groups = groups.setOwn(1).build();
    }

    @AfterEach
    void stop() {
        coordinator.close();
        worker.close();
    }

    private int run(String input, String... arguments) {
        out.reset();
        err.reset();
        List<String> all = new ArrayList<>(List.of("--endpoint", coordinator.endpoint()));
        all.addAll(List.of(arguments));
        return Matriarchctl.run(
                all.toArray(String[]::new),
                new Terminal(
                        new BufferedReader(new StringReader(input)),
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8),
                        Map.of()));
    }

    private String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    private String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void allGroupsAreListedInOneTable() {
        assertEquals(0, run("", "list"));
        assertTrue(out().startsWith("+ Citus cluster: demo --"), out());
        assertTrue(out().contains("| Group | Member | Host "), out());
        assertTrue(out().contains("|     0 | n1 "), out());
        assertTrue(out().contains("|     1 | n1 "), out());
        assertEquals(
                6, out().lines().filter(l -> l.matches("\\| +[01] \\| n.*")).count(), out());
        assertTrue(out().contains(" Citus group: 1\n Maintenance mode: on\n"), out());
        assertEquals(0, run("", "list", "-f", "tsv"));
        assertTrue(out().startsWith("Cluster\tGroup\tMember\tHost"), out());
        assertTrue(out().contains("demo\t1\tn3\t"), out());
        assertEquals(0, run("", "topology"));
        assertEquals(2, out().lines().filter(l -> l.contains("  + n3 ")).count(), out());
        worker.close();
        assertEquals(0, run("", "list"));
        assertTrue(err().contains("Citus group 1: no agent answered"), err());
    }

    @Test
    void oneGroupIsShownAlone() {
        assertEquals(0, run("", "list", "--group", "1"));
        assertTrue(out().startsWith("+ Citus cluster: demo (group: 1, 7400000000000000002) +"), out());
        assertTrue(out().contains("| Member | Host "), out());
        assertTrue(out().contains("\n Maintenance mode: on\n"), out());
        assertEquals(1, run("", "list", "--group", "7"));
        assertTrue(err().contains("no group 7 is known, only 0, 1"), err());
        coordinator.shown.groups = GroupsReply.getDefaultInstance();
        assertEquals(1, run("", "list", "--group", "0"));
        assertTrue(err().contains("not part of a Citus database"), err());
        assertEquals(0, run("", "list"));
        assertTrue(out().startsWith("+ Cluster: demo ("), out());
    }

    @Test
    void allGroupsAreWatchedAndTheirEventsAreTold() {
        worker.shown.events = EventsReply.newBuilder()
                .addEvents(Event.newBuilder()
                        .setAtMillis(System.currentTimeMillis())
                        .setMember("n2")
                        .setKind("postgres")
                        .setWhat("PostgreSQL runs"))
                .build();
        assertEquals(0, run("", "top", "--count", "1"), err());
        assertTrue(out().contains("PAUSED: group 1"), out());
        assertTrue(out().contains("Group 0: A failover now loses at most: nothing"), out());
        assertEquals(
                6, out().lines().filter(l -> l.matches("\\| +[01] \\| n.*")).count(), out());
        assertTrue(out().contains("group 1  n2: PostgreSQL runs"), out());
        assertEquals(0, run("", "top", "--count", "1", "-o", "json"), err());
        assertTrue(out().contains("{\"group\":1,\"name\":\"n3\","), out());
        assertEquals(0, run("", "timeline"), err());
        assertTrue(out().contains("  1 n2  PostgreSQL runs"), out());
        assertEquals(0, run("", "timeline", "-f", "tsv"), err());
        assertTrue(out().startsWith("Group\tTime\t"), out());
        assertEquals(0, run("", "timeline", "--group", "0"), err());
        assertTrue(out().startsWith("Nothing happened since "), out());
        worker.close();
        assertEquals(0, run("", "top", "--count", "1"), err());
        assertTrue(out().contains("Citus group 1: no agent answered"), out());
        assertTrue(out().contains("|     0 | n1 "), out());
        assertEquals(0, run("", "timeline"), err());
        assertTrue(err().contains("Without the events of Citus group 1: no agent answered"), err());
    }

    @Test
    void switchoverHappensInTheGroupThatIsNamed() {
        assertEquals(0, run("", "switchover", "--group", "1", "--candidate", "n2", "--force"));
        assertEquals(SwitchoverRequest.class, worker.asked.getFirst().getClass());
        assertEquals(List.of(), coordinator.asked);
        assertEquals(1, run("", "switchover", "--candidate", "n2", "--force"));
        assertTrue(err().contains("For Citus clusters the --group must me specified"), err());
        assertEquals(0, run("1\n\nn2\n\ny\n", "switchover"));
        assertTrue(out().contains("Citus group []: "), out());
        assertEquals(2, worker.asked.size());
        assertEquals(List.of(), coordinator.asked);
    }

    @Test
    void theConfigurationOfTheGroupThatIsNamedIsShown() {
        worker.config = "{\"ttl\": 7}";
        assertEquals(0, run("", "show-config", "--group", "1"));
        assertTrue(out().contains("ttl: 7"), out());
        assertEquals(0, run("", "show-config"));
        assertTrue(out().contains("ttl: 5"), out());
    }
}
