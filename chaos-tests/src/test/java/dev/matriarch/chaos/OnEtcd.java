package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A cluster whose keys are in a real etcd, whichever of its APIs the agents ask it by. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
abstract class OnEtcd {
    static final Duration WHOLE = Duration.ofSeconds(90);
    static final Duration TTL = Cluster.Profile.EXTERNAL.ttl();

    @TempDir
    static Path directory;

    EtcdServer etcd;
    Cluster cluster;
    Node leader;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    /** @param address of the etcd that runs for this class alone */
    abstract Cluster start(String address);

    /** The value of a key of the cluster; empty if there is none. */
    abstract String key(String name);

    @BeforeAll
    void up() {
        etcd = new EtcdServer(directory.resolve("etcd"));
        cluster = start(etcd.address());
    }

    @AfterAll
    void down() {
        if (etcd != null) {
            etcd.thaw();
        }
        if (cluster != null) {
            cluster.close();
        }
        if (etcd != null) {
            etcd.close();
        }
    }

    @BeforeEach
    void whole() {
        etcd.thaw();
        leader = cluster.awaitWhole(WHOLE);
    }

    @Test
    @Order(1)
    void etcdThatIsSilentForLessThanRetryTimeoutDemotesNobody() throws Exception {
        int timeline = cluster.timeline(leader);
        etcd.freeze();
        Await.during("the leader stays", Duration.ofMillis(2500), () -> leader.healthCheck("/primary") == 200);
        etcd.thaw();
        Await.during("the leader stays", Duration.ofSeconds(3), () -> leader.healthCheck("/primary") == 200);
        assertEquals(timeline, cluster.timeline(leader));
    }

    @Test
    @Order(5)
    void aLeaderThatDiesIsReplaced() throws Exception {
        Faults.HOST.strike(leader);
        Node next = cluster.awaitPrimaryOtherThan(leader, TTL.plusSeconds(20));
        assertEquals(next.name(), key("leader"));
        leader.startAgent();
        assertEquals(next, cluster.awaitWhole(WHOLE));
    }
}
