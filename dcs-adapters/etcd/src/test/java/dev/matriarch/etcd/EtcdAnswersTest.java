package dev.matriarch.etcd;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.contract.Sample;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.http.TlsFiles;
import dev.matriarch.etcd.Door.Reply;
import dev.matriarch.etcd.EtcdCluster.Again;
import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Which answers are believed, and what they are taken to mean: servers that are none say what real ones seldom do. */
@Tag("slow")
class EtcdAnswersTest {
    private static final Duration BRIEF = Duration.ofSeconds(2);
    private static final Duration LEASE = Duration.ofSeconds(3);
    private static final URI NOBODY = URI.create("http://127.0.0.1:1");

    /** A server of a cluster of etcd, as far as the head of its answers goes. */
    private static final class Said implements Door.Answers {
        volatile long cluster;
        volatile long term;
        volatile boolean hangsUp;
        volatile List<URI> members = List.of();

        Said(long cluster, long term) {
            this.cluster = cluster;
            this.term = term;
        }

        @Override
        public Optional<Reply> to(String path, String body) {
            if (hangsUp) {
                return Optional.empty();
            }
            if (path.equals("/version")) {
                return Optional.of(new Reply(200, "{\"etcdserver\":\"3.4.23\",\"etcdcluster\":\"3.4.0\"}"));
            }
            StringBuilder urls = new StringBuilder();
            for (URI member : members) {
                urls.append(urls.isEmpty() ? "" : ",")
                        .append("{\"clientURLs\":[\"")
                        .append(member)
                        .append("\"]}");
            }
            return Optional.of(new Reply(
                    200,
                    "{\"header\":{\"cluster_id\":\"" + cluster + "\",\"raft_term\":\"" + term + "\"},\"members\":["
                            + urls + "]}"));
        }
    }

    private static long read(EtcdApi api) throws DcsException {
        JsonNode answer = api.call("kv/range", Requests.range("/x"), Again.ALLOWED, new Budget(BRIEF));
        return answer.path("header").path("cluster_id").asLong();
    }

    private static Optional<Reply> reply(int status, String body) {
        return Optional.of(new Reply(status, body));
    }

    private static DcsException answered(int status, String body) throws Exception {
        try (Door door = new Door((path, request) ->
                        reply(path.equals("/version") ? 200 : status, path.equals("/version") ? "{}" : body));
                EtcdApi api = new EtcdApi(Door.settings("answers", door.address()))) {
            return assertThrows(
                    DcsException.class,
                    () -> api.call("kv/txn", Requests.object(), Again.FORBIDDEN, new Budget(TIMEOUT)));
        }
    }

    @Test
    void onlyAnAnswerThatDeclinesMeansThatNothingWasDone() throws Exception {
        for (int status : List.of(400, 404, 413, 429)) {
            assertInstanceOf(Refusal.class, answered(status, "<html>"), "HTTP " + status);
        }
        for (int status : List.of(200, 302, 408, 500, 502, 503, 504)) {
            assertFalse(answered(status, "<html>late") instanceof Refusal, "HTTP " + status);
        }
        assertFalse(answered(200, "[]") instanceof Refusal);
        assertFalse(answered(200, "") instanceof Refusal);
        assertFalse(answered(502, "{\"code\":502,\"message\":\"bad gateway\"}") instanceof Refusal, "HTTP's codes");
        assertFalse(answered(503, "{\"code\":14,\"message\":\"etcdserver: request timed out\"}") instanceof Refusal);
        assertInstanceOf(Refusal.class, answered(400, "{\"code\":3,\"message\":\"etcdserver: duplicate key\"}"));
    }

    @Test
    void aProxyThatCannotPassALoginOnHasNotRefusedIt() throws Exception {
        try (Door door = new Door((path, body) ->
                        path.equals("/version") ? reply(200, "{}") : reply(503, "{\"message\":\"nobody there\"}"));
                EtcdApi api = new EtcdApi(new EtcdSettings(
                        "/service/answers/",
                        List.of(door.address()),
                        Optional.empty(),
                        true,
                        Optional.of(new EtcdSettings.Login("matriarch", "s3cret")),
                        TlsFiles.NONE))) {
            DcsException why = assertThrows(DcsException.class, () -> read(api));
            assertFalse(why instanceof Refusal, why.getMessage());
            assertTrue(why.getMessage().contains("503"), why.getMessage());
        }
    }

    @Test
    void anEtcdThatWasMadeAnewIsAcceptedThoughADeadAddressSaysNothing() throws Exception {
        for (boolean sameName : List.of(false, true)) {
            Said a = new Said(1, 5);
            Said b = new Said(1, 5);
            try (Door first = new Door(a);
                    Door second = new Door(b);
                    EtcdApi api = new EtcdApi(Door.settings("answers", NOBODY, first.address(), second.address()))) {
                api.cluster().lineage().leasesLast(LEASE);
                assertEquals(1, read(api));
                for (Said said : List.of(a, b)) {
                    said.cluster = sameName ? 1 : 2;
                    said.term = 2;
                }
                long from = System.nanoTime();
                DcsException early = assertThrows(DcsException.class, () -> read(api));
                assertTrue(
                        early.getMessage().contains("another cluster")
                                || early.getMessage().contains("127.0.0.1:1"),
                        early.getMessage());
                Sample.await(Duration.ofSeconds(20), "it is accepted", () -> {
                    try {
                        return read(api) == a.cluster;
                    } catch (DcsException notYet) {
                        return false;
                    }
                });
                assertTrue(System.nanoTime() - from >= LEASE.toNanos(), "not before a lock has ended");
                assertEquals(a.cluster, read(api));
            }
        }
    }

    @Test
    void anotherClusterIsNotAcceptedWhileTheKnownOneAnswers() throws Exception {
        Said known = new Said(1, 5);
        Said other = new Said(2, 9);
        try (Door first = new Door(known);
                Door second = new Door(other);
                EtcdApi api = new EtcdApi(Door.settings("answers", first.address(), NOBODY, second.address()))) {
            api.cluster().lineage().leasesLast(LEASE);
            assertEquals(1, read(api));
            long until = System.nanoTime() + LEASE.toNanos() + TimeUnit.SECONDS.toNanos(2);
            while (System.nanoTime() - until < 0) {
                // It hangs up now and then, so that the other is asked.
                known.hangsUp = true;
                assertThrows(
                        DcsException.class,
                        () -> api.call(
                                "kv/range", Requests.range("/x"), Again.ALLOWED, new Budget(Duration.ofMillis(400))));
                known.hangsUp = false;
                assertEquals(1, read(api));
            }
        }
    }

    @Test
    void aWriteThatAnotherClusterAnswersIsUnknownAndChangesNoMind() throws Exception {
        Said known = new Said(1, 5);
        Said other = new Said(2, 9);
        try (Door first = new Door(known);
                Door second = new Door(other);
                EtcdApi api = new EtcdApi(Door.settings("answers", first.address(), second.address()))) {
            assertEquals(1, read(api));
            known.hangsUp = true;
            assertThrows(
                    DcsException.class,
                    () -> api.call("kv/txn", Requests.object(), Again.FORBIDDEN, new Budget(BRIEF)));
            DcsException why = assertThrows(
                    DcsException.class,
                    () -> api.call("kv/txn", Requests.object(), Again.FORBIDDEN, new Budget(BRIEF)));
            assertTrue(why.getMessage().contains("another cluster"), why.getMessage());
            assertFalse(why instanceof Refusal);
            known.hangsUp = false;
            assertEquals(1, read(api));
        }
    }

    @Test
    void aServerOfAnotherClusterDoesNotSayWhoTheMembersAre() throws Exception {
        Said known = new Said(1, 5);
        Said other = new Said(2, 9);
        try (Door first = new Door(other);
                Door second = new Door(known)) {
            EtcdSettings settings = new EtcdSettings(
                    "/service/answers/",
                    List.of(first.address()),
                    Optional.empty(),
                    false,
                    Optional.empty(),
                    TlsFiles.NONE);
            other.cluster = 1;
            other.term = 5;
            other.members = List.of(first.address(), second.address());
            known.members = other.members;
            Set<URI> both = new LinkedHashSet<>(other.members);
            try (EtcdApi api = new EtcdApi(settings)) {
                Sample.await(Duration.ofSeconds(10), "both are known", () -> {
                    read(api);
                    return api.cluster().addresses().containsAll(both);
                });
                other.cluster = 2;
                other.members = List.of(first.address());
                api.cluster().refresh();
                assertTrue(api.cluster().addresses().containsAll(both), "the other one names them");
                known.hangsUp = true;
                api.cluster().refresh();
                assertTrue(api.cluster().addresses().containsAll(both), "nobody is there to name them");
                known.hangsUp = false;
                known.members = List.of(second.address());
                api.cluster().refresh();
                assertEquals(
                        both,
                        new LinkedHashSet<>(api.cluster().addresses()),
                        "what is configured stays, whatever is named");
            }
        }
    }
}
