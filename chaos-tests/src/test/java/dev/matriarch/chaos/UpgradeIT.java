package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A cluster of the previous build (packaging/previous-build) becomes one of this build, member by member, while rows are written. */
class UpgradeIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(30);

    private Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @AfterEach
    void stop() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @Test
    void membersOfBothBuildsAreOneClusterAndNoRowIsLostOnTheWay() {
        String previous = System.getenv("MATRIARCH_PREVIOUS_BUILD");
        assumeTrue(previous != null, "MATRIARCH_PREVIOUS_BUILD does not say where the previous build is");
        cluster = Cluster.startBuild(Path.of(previous), Cluster.Profile.APPLIANCE, 3);
        Node first = cluster.awaitWhole(WHOLE);
        List<Node> replicas = cluster.othersThan(first);
        Map<Node, Long> postmasters = new HashMap<>();
        cluster.nodes().forEach(node -> postmasters.put(node, node.requirePostmaster()));
        // Room for an agent that starts slowly, as docs/install.md has it.
        cluster.ctl("edit-config", "-s", "ttl=20", "--force").expectSuccess();
        try (Writer writer = Writer.start(cluster, "upgraded")) {
            // One of three is newer, and can go back.
            cluster.useBuild(Cluster.top());
            replaceAgent(replicas.getFirst());
            bothSeeAll();
            cluster.useBuild(Path.of(previous));
            replaceAgent(replicas.getFirst());
            bothSeeAll();

            // A newer member leads older ones, and an older one leads a newer one again.
            cluster.useBuild(Cluster.top());
            replaceAgent(replicas.getFirst());
            handOver(first, replicas.getFirst());
            handOver(replicas.getFirst(), replicas.getLast());
            bothSeeAll();

            List<Node> rest = new ArrayList<>(cluster.othersThan(replicas.getFirst()));
            rest.remove(replicas.getLast());
            rest.add(replicas.getLast());
            rest.forEach(this::replaceAgent);
            bothSeeAll();

            Node leader = cluster.awaitWhole(WHOLE);
            assertEquals(replicas.getLast(), leader, "its agent was replaced under it");
            // A switchover makes a new server of each former leader; nothing else did.
            assertEquals(
                    postmasters.get(replicas.getLast()),
                    replicas.getLast().requirePostmaster(),
                    "the server that was never demoted is the one of the beginning");
            cluster.ctl("edit-config", "-s", "ttl=5", "--force").expectSuccess();
            cluster.awaitWhole(WHOLE);
            long struck = System.nanoTime();
            Faults.AGENT_AND_POSTMASTER.strike(leader);
            writer.awaitElsewhere(leader, struck, Duration.ofSeconds(40));
            Node next = cluster.awaitPrimaryOtherThan(leader, SOON);
            leader.startAgent();
            assertEquals(next, cluster.awaitWhole(WHOLE));
            writer.stop();
            Violation.ifMissing(writer.missingOn(next));
        }
    }

    /** As the package does: the old agent leaves, PostgreSQL goes on, the new one takes it over. */
    private void replaceAgent(Node node) {
        long postmaster = node.requirePostmaster();
        long old = node.requireAgent();
        Processes.signal("USR1", List.of(old));
        Await.until("the agent of " + node + " leaves", SOON, () -> !Processes.alive(old));
        node.startAgent();
        cluster.awaitWhole(WHOLE);
        assertEquals(postmaster, node.requirePostmaster(), "the server of " + node + " was restarted");
    }

    private void handOver(Node from, Node to) {
        assertEquals(from, cluster.awaitWhole(WHOLE));
        cluster.ctl("switchover", "--candidate", to.name(), "--force").expectSuccess();
        assertEquals(to, cluster.awaitWhole(WHOLE));
    }

    /** Both programs see three peers that agree. */
    private void bothSeeAll() {
        Await.until("the peers agree", WHOLE, () -> {
            Commands.Result state = cluster.ctl("raft", "autopilot", "state");
            return state.exitCode() == 0 && state.output().contains("Failure tolerance: 1");
        });
        assertTrue(cluster.ctl("list").expectSuccess().output().contains("Leader"));
    }
}
