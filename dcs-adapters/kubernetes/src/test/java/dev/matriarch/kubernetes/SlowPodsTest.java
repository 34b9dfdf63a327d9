package dev.matriarch.kubernetes;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.DcsException;
import io.fabric8.mockwebserver.http.RecordedRequest;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A busy API server puts off lists of pods, while it would carry out a renewal of the lock. */
class SlowPodsTest {
    private static final Duration LONG = Duration.ofSeconds(60);

    private ApiServers server;
    private MockCluster cluster;
    private KubernetesDcs n1;

    @BeforeEach
    void connect() throws Exception {
        server = new ApiServers();
        cluster = new MockCluster(server, "busy", true);
        n1 = cluster.connect(cluster.settings);
    }

    @AfterEach
    void disconnect() throws Exception {
        n1.close();
        cluster.close();
        server.close();
    }

    private static boolean listsPods(RecordedRequest request) {
        return request.getMethod().equals("GET")
                && request.getPath().contains("/pods?")
                && !request.getPath().contains("watch=true");
    }

    private void putOff(int code) {
        server.fault((request, real) ->
                listsPods(request) ? Optional.of(ApiServers.status(code, "on purpose")) : Optional.empty());
    }

    @Test
    void theMembersOfTheLastListAreShownWhileNoneCanBeHad() throws Exception {
        epoch(n1.acquireLeader("n1", LONG, Long.MAX_VALUE, TIMEOUT));
        n1.touchMember(member("n1", "running"), LONG, TIMEOUT);
        n1.read(TIMEOUT);
        putOff(429);
        long begun = System.nanoTime();
        Duration most = Duration.ofSeconds(6);
        ClusterView view = n1.read(most);
        assertTrue(System.nanoTime() - begun < most.toNanos() * 5 / 6, "time is left for a renewal");
        assertEquals("n1", view.leader().orElseThrow().name());
        assertTrue(view.member("n1").isPresent());
    }

    @Test
    void withoutAListYetAndWithoutTheRightThereIsNoView() throws Exception {
        putOff(429);
        assertThrows(DcsException.class, () -> n1.read(Duration.ofSeconds(1)));
        server.noFault();
        n1.read(TIMEOUT);
        putOff(403);
        DcsException e = assertThrows(DcsException.class, () -> n1.read(TIMEOUT));
        assertTrue(e.getMessage().contains("on purpose"), e.getMessage());
    }

    @Test
    void onlyTheObjectsAreAskedOfTheMajority() throws Exception {
        server.asked.clear();
        n1.read(TIMEOUT);
        assertTrue(server.asked.stream()
                .filter(SlowPodsTest::listsPods)
                .allMatch(r -> r.getPath().endsWith("&resourceVersion=0")));
        assertTrue(server.asked.stream()
                .filter(r -> r.getPath().contains("/endpoints?") && !r.getPath().contains("watch=true"))
                .noneMatch(r -> r.getPath().contains("resourceVersion")));
    }
}
