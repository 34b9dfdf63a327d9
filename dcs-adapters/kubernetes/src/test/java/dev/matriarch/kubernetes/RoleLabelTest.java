package dev.matriarch.kubernetes;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.LeaseResult;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** A service with ConfigMaps leads to the pods that have the leader's label: only who leads by its last look may have it. */
class RoleLabelTest {
    private static final long ANY = Long.MAX_VALUE;
    private static final Duration LONG = Duration.ofSeconds(60);

    private ApiServers server;
    private MockCluster cluster;
    private Dcs n1;
    private Dcs n2;

    @BeforeEach
    void connect() throws Exception {
        server = new ApiServers();
        cluster = new MockCluster(server, "roles", false);
        n1 = cluster.connect("n1");
        n2 = cluster.connect("n2");
    }

    @AfterEach
    void disconnect() throws Exception {
        for (AutoCloseable part : new AutoCloseable[] {n1, n2, cluster, server}) {
            if (part != null) {
                part.close();
            }
        }
    }

    private String role(Dcs dcs, String name) throws Exception {
        dcs.touchMember(member(name, "running"), LONG, TIMEOUT);
        return cluster.pods.get(name, MockCluster.soon()).orElseThrow().labels().get("role");
    }

    /** n1 hears nothing any more, and is told of nothing: neither that its lock is over nor that n2 has it. */
    @Test
    void aLeaderThatLostItsLockBySilenceIsAReplicaWhenItIsBack() throws Exception {
        epoch(n1.acquireLeader("n1", cluster.ttl(), ANY, TIMEOUT));
        assertEquals("primary", role(n1, "n1"));
        await(
                Duration.ofSeconds(30),
                "n2 leads",
                () -> n2.acquireLeader("n2", LONG, n2.read(TIMEOUT).revision(), TIMEOUT) instanceof LeaseResult.Held);
        assertEquals("primary", role(n2, "n2"));
        assertEquals("n2", n1.read(TIMEOUT).leader().orElseThrow().name());
        assertEquals("replica", role(n1, "n1"));
    }

    @Test
    void aReleaseWhoseAnswerWasLostTakesTheLabelAway() throws Exception {
        long epoch = epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        assertEquals("primary", role(n1, "n1"));
        AtomicBoolean done = new AtomicBoolean();
        server.fault((request, real) -> {
            if (request.getMethod().equals("PATCH")
                    && request.getPath().endsWith("/configmaps/" + cluster.settings.leaderName())) {
                if (done.compareAndSet(false, true)) {
                    real.dispatch(request);
                }
                return Optional.of(ApiServers.status(504, "carried out, but who knows"));
            }
            return Optional.empty();
        });
        assertThrows(DcsException.class, () -> n1.releaseLeader("n1", epoch, Optional.empty(), Duration.ofSeconds(2)));
        assertTrue(done.get());
        server.noFault();
        assertTrue(n1.read(TIMEOUT).isUnlocked());
        assertEquals("replica", role(n1, "n1"));
    }

    /** Nobody finds such a pod: its member would be none, and nobody would know why. */
    @Test
    void aPodWithoutTheLabelsIsToldOfOnce() throws Exception {
        Logger log = (Logger) LoggerFactory.getLogger(Pods.class);
        ListAppender<ILoggingEvent> told = new ListAppender<>();
        told.start();
        log.addAppender(told);
        try {
            role(n2, "n2");
            Map<String, Optional<String>> without = Map.of("application", Optional.empty());
            cluster.pods.touch("n1", Map.of(), new KubeObjects.Extra(Optional.empty(), without), MockCluster.soon());
            role(n1, "n1");
            role(n1, "n1");
        } finally {
            log.detachAppender(told);
        }
        assertEquals(
                List.of("n1"),
                told.list.stream()
                        .filter(e -> e.getLevel() == Level.WARN)
                        .map(e -> e.getArgumentArray()[0])
                        .toList());
    }
}
