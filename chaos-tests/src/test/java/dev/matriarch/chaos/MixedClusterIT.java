package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** On etcd, in synchronous mode: whoever leads names the others as synchronous standbys, in a form that both kinds know. */
class MixedClusterIT extends MixedCluster {
    private static final ObjectMapper JSON = new ObjectMapper();

    private EtcdServer etcd;
    private int commits;

    @Override
    Cluster start(Path home) {
        etcd = new EtcdServer(home.resolve("etcd"));
        return Cluster.startOnEtcd(etcd.address(), 3);
    }

    @Override
    void endStore() {
        if (etcd != null) {
            etcd.close();
        }
    }

    @Override
    List<String> settings() {
        return List.of("synchronous_mode=true", "synchronous_node_count=2");
    }

    @Override
    void settled(Node leader, List<Node> followers) {
        Set<String> wanted = new TreeSet<>(followers.stream().map(Node::name).toList());
        Await.until("the synchronous standbys are " + wanted, SOON, () -> {
            JsonNode sync = sync();
            return sync.path("leader").asText().equals(leader.name())
                    && new TreeSet<>(
                                    List.of(sync.path("sync_standby").asText("").split(",")))
                            .equals(wanted);
        });
        // Each acknowledged commit is there, whoever has led since.
        try (Connection connection = cluster.connect(leader);
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE IF NOT EXISTS kept (n int)");
            assertEquals(Integer.toString(commits), Cluster.query(connection, "SELECT count(*) FROM kept"));
            statement.execute("INSERT INTO kept VALUES (1)");
            commits++;
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    private JsonNode sync() {
        try {
            String text = etcd.get("/service/demo/sync");
            return JSON.readTree(text.isEmpty() ? "{}" : text);
        } catch (JsonProcessingException e) {
            throw new AssertionError(e);
        }
    }

    /** Patroni 3.0 takes it for off. */
    @Test
    @Order(4)
    void quorumCommitIsRefusedBesideAPatroniThatDoesNotKnowIt() {
        Commands.Result refused = cluster.ctl("edit-config", "--force", "-q", "-s", "synchronous_mode=quorum");
        assertNotEquals(0, refused.exitCode(), refused::output);
        assertTrue(refused.output().contains(theirs.name() + " (Patroni 3."), refused::output);
    }

    @Test
    @Order(5)
    void patroniReplacesOurLeaderThatDied() {
        loseOurLeader();
    }

    @Test
    @Order(6)
    void oursReplacesAPatroniThatDied() {
        losePatroni();
    }
}
