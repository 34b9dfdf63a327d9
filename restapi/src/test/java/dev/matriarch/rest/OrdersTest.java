package dev.matriarch.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class OrdersTest {
    private final FakeAgent agent = new FakeAgent();

    {
        agent.snapshot = Fixture.replica().snapshot();
    }

    private final Routes routes = new Routes(
            agent, new Access(new RestSettings("", 0, Optional.empty())), RestSettings.Headers.NONE, System::nanoTime);

    private record Bytes(byte[] text) implements Request.Body {
        @Override
        public boolean announced() {
            return text != null;
        }

        @Override
        public Optional<byte[]> read() {
            return text.length > Request.MAX_BODY_BYTES ? Optional.empty() : Optional.of(text);
        }
    }

    private static Caller caller(String accept) {
        return new Caller(
                InetAddress.getLoopbackAddress(), Optional.empty(), Optional.ofNullable(accept), false, false);
    }

    private Reply send(String methodAndPath, String body) {
        String[] words = methodAndPath.split(" ");
        byte[] bytes = body == null ? null : body.getBytes(StandardCharsets.UTF_8);
        return routes.answer(new Request(words[0], words[1], Query.NONE, caller(null), new Bytes(bytes)));
    }

    private static String text(Reply reply) {
        return new String(reply.body(), StandardCharsets.UTF_8);
    }

    static Stream<Arguments> understood() {
        return Stream.of(
                Arguments.of("POST /reload", null, "reload"),
                Arguments.of(
                        "POST /restart",
                        null,
                        "RestartWish[role=, postgresVersion=, onlyIfPending=false," + " timeout=PT0S, scheduledAt=]"),
                Arguments.of(
                        "POST /restart",
                        "",
                        "RestartWish[role=, postgresVersion=, onlyIfPending=false," + " timeout=PT0S, scheduledAt=]"),
                Arguments.of(
                        "POST /restart",
                        "{\"role\":\"master\",\"postgres_version\":15.4,\"restart_pending\":true,\"timeout\":\"2min\","
                                + "\"schedule\":\"2030-01-01T00:00Z\"}",
                        "RestartWish[role=primary, postgresVersion=15.4, onlyIfPending=true, timeout=PT2M,"
                                + " scheduledAt=2030-01-01T00:00Z]"),
                Arguments.of(
                        "POST /restart",
                        "{\"timeout\":1.5,\"role\":null}",
                        "RestartWish[role=, postgresVersion=, onlyIfPending=false, timeout=PT1.5S, scheduledAt=]"),
                Arguments.of("DELETE /restart", null, "cancel restart"),
                Arguments.of("POST /reinitialize", null, "reinitialize force=false fromLeader=false"),
                Arguments.of(
                        "POST /reinitialize",
                        "{\"force\":true,\"from_leader\":true}",
                        "reinitialize force=true fromLeader=true"),
                Arguments.of(
                        "POST /reinitialize/x", "{\"from-leader\":true}", "reinitialize force=false fromLeader=true"),
                Arguments.of(
                        "POST /switchover",
                        "{\"leader\":\"n1\",\"member\":\"n2\",\"scheduled_at\":\"2030-01-01T00:00Z\"}",
                        "ChangeOfLeader[failover=false, leader=Optional[n1], candidate=Optional[n2],"
                                + " scheduledAt=Optional[2030-01-01T00:00Z]]"),
                Arguments.of(
                        "POST /failover",
                        "{\"candidate\":\"n2\",\"leader\":null}",
                        "ChangeOfLeader[failover=true, leader=Optional.empty, candidate=Optional[n2],"
                                + " scheduledAt=Optional.empty]"),
                Arguments.of(
                        "POST /citus",
                        "{\"type\":\"before_demote\",\"group\":1,\"leader\":\"w1\",\"timeout\":30,\"cooldown\":2.5}",
                        "GroupEvent[type=before_demote, group=1, leader=w1, timeout=PT30S, cooldown=PT2.5S]"),
                Arguments.of(
                        "POST /mpp",
                        "{\"type\":\"after_promote\",\"group\":2}",
                        "GroupEvent[type=after_promote, group=2, leader=, timeout=PT30S, cooldown=PT10S]"),
                Arguments.of("DELETE /switchover", null, "cancel switchover"));
    }

    @Test
    void sigtermAnswersAsPatroniDoesAndDoesNothing() {
        Reply reply = send("POST /sigterm", null);
        assertEquals(202, reply.status());
        assertEquals("shutdown scheduled", text(reply));
        assertEquals(List.of(), agent.asked);
    }

    @Test
    void theActionsIdIsBesideTheBodyThatProgramsCompare() {
        agent.answer = new Answer(202, "reload scheduled", Optional.of("3f9c01ab"));
        Reply named = send("POST /reload", null);
        assertEquals("3f9c01ab", named.headers().get("Matriarch-Action"));
        assertEquals("reload scheduled", text(named));
        agent.answer = new Answer(202, "reload scheduled");
        assertEquals(Map.of(), send("POST /reload", null).headers());
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("understood")
    void whatIsAskedForReachesTheAgent(String request, String body, String asked) {
        agent.answer = new Answer(202, "as you wish");
        Reply reply = send(request, body);
        assertEquals(List.of(asked), agent.asked);
        assertEquals(202, reply.status());
        assertEquals("as you wish", text(reply));
        assertEquals(Reply.TEXT, reply.contentType());
    }

    @Test
    void everyOrderAsksForThePassword() {
        Routes guarded = new Routes(
                agent,
                new Access(new RestSettings("", 0, Optional.of(new RestSettings.Credentials("admin", "secret")))),
                RestSettings.Headers.NONE,
                System::nanoTime);
        byte[] body = "{\"type\":\"after_promote\",\"group\":1}".getBytes(StandardCharsets.UTF_8);
        for (String order : guarded.orderNames()) {
            String[] words = order.split(" ");
            Reply reply = guarded.answer(new Request(words[0], words[1], Query.NONE, caller(null), new Bytes(body)));
            assertEquals(401, reply.status(), order);
        }
        assertTrue(guarded.orderNames().contains("POST /mpp"));
        assertEquals(List.of(), agent.asked);
    }

    static Stream<Arguments> wrong() {
        return Stream.of(
                Arguments.of("POST /switchover", null, 411, "no Content-Length"),
                Arguments.of("POST /switchover", "", 400, "not a JSON object"),
                Arguments.of("POST /switchover", "[]", 400, "not a JSON object"),
                Arguments.of("POST /switchover", "{\"leader\":", 400, ""),
                Arguments.of("POST /switchover", "{\"leader\":1}", 400, "leader is not a text"),
                Arguments.of("POST /failover", "{\"candidate\":{\"a\":[1]}}", 400, "candidate is not a text"),
                Arguments.of("POST /failover", "{\"candidate\":true}", 400, "candidate is not a text"),
                Arguments.of("POST /restart", "{\"rule\":1}", 400, "Unknown filter for the scheduled restart: rule"),
                Arguments.of("POST /restart", "{\"timeout\":0}", 400, "Timeout should be a positive number of seconds"),
                Arguments.of("POST /restart", "{\"timeout\":\"-1s\"}", 400, "Timeout should be a positive number"),
                Arguments.of("POST /restart", "{\"timeout\":\"soon\"}", 400, "Timeout should be a positive number"),
                Arguments.of("POST /restart", "{\"timeout\":99999999}", 400, "Timeout should be a positive number"),
                Arguments.of("POST /restart", "{\"timeout\":1e999999999}", 400, "not a number of a usable size"),
                Arguments.of("POST /restart", "nonsense", 400, ""),
                Arguments.of("POST /reinitialize", "{\"force\":\"yes\"}", 400, "force is neither true nor false"),
                Arguments.of("POST /failsafe", "{}", 400, "name is missing"),
                Arguments.of("POST /citus", null, 411, "no Content-Length"),
                Arguments.of("POST /citus", "{}", 400, "type is none of before_demote"),
                Arguments.of("POST /mpp", "{\"type\":\"after_promote\"}", 400, "group is not the number"),
                Arguments.of(
                        "POST /mpp",
                        "{\"type\":\"after_promote\",\"group\":1,\"timeout\":301}",
                        400,
                        "timeout should be a positive number"),
                Arguments.of("POST /failsafe", "{\"name\":[]}", 400, "name is not a text"),
                Arguments.of("POST /switchover", " ".repeat(1 << 20) + "{}", 413, "longer than 1 MB"),
                Arguments.of("POST /nothing", "{}", 501, "does not answer POST on /nothing"),
                Arguments.of("DELETE /patroni", null, 501, "does not answer DELETE on /patroni"),
                Arguments.of("BREW /coffee", null, 501, "does not answer BREW on /coffee"));
    }

    @ParameterizedTest(name = "{0} {2}")
    @MethodSource("wrong")
    void whatCannotBeUnderstoodIsRefusedAsJson(String request, String body, int status, String sentence) {
        Reply reply = send(request, body);
        assertEquals(List.of(), agent.asked);
        assertEquals(status, reply.status());
        assertEquals(Reply.JSON, reply.contentType());
        assertTrue(text(reply).startsWith("{\"error\":\""), text(reply));
        assertTrue(text(reply).contains(sentence), text(reply));
    }

    @Test
    void whoAcceptsJsonGetsIt() {
        agent.answer = new Answer(200, "scheduled restart deleted");
        Request asked =
                new Request("DELETE", "/restart", Query.NONE, caller("application/json, */*;q=0.5"), new Bytes(null));
        assertEquals("{\"message\":\"scheduled restart deleted\"}", text(routes.answer(asked)));
        agent.answer = new Answer(404, "no restarts are scheduled");
        Reply reply = routes.answer(asked);
        assertEquals(404, reply.status());
        assertEquals(
                "{\"error\":\"no restarts are scheduled\",\"problems\":[\"no restarts are scheduled\"]}", text(reply));
    }

    @Test
    void theRequestsOwnFaultIsJsonAndItsSentenceStays() {
        agent.answer = new Answer(400, "Failover can't be scheduled");
        Reply reply = send("POST /failover", "{\"candidate\":\"a\"}");
        assertEquals(400, reply.status());
        assertTrue(text(reply).startsWith("{\"error\":\"Failover can't be scheduled; nothing was done"), text(reply));
        agent.answer = new Answer(412, "candidate does not exists");
        assertEquals("candidate does not exists", text(send("POST /failover", "{\"candidate\":\"a\"}")));
    }

    @Test
    void aPromiseTellsThePosition() {
        Fixture f = Fixture.replica();
        agent.snapshot = f.snapshot();
        agent.answer = new Answer(200, "Accepted");
        Reply reply = send(
                "POST /failsafe",
                "{\"name\":\"n1\",\"conn_url\":\"postgres://a\",\"api_url\":\"http://a\",\"slots\":{\"x\":1}}");
        assertEquals(List.of("keep away n1 postgres://a http://a"), agent.asked);
        assertEquals("Accepted", text(reply));
        assertEquals(Long.toString(Fixture.OPTIME), reply.headers().get("lsn"));
        agent.answer = new Answer(500, "Running as a leader");
        Reply refused = send("POST /failsafe", "{\"name\":\"n1\"}");
        assertEquals(500, refused.status());
        assertEquals("Running as a leader", text(refused));
        assertEquals(null, refused.headers().get("lsn"));
    }

    @Test
    void aBodyThatDoesNotArriveIsNamed() {
        Request late = new Request("PATCH", "/config", Query.NONE, caller(null), new Request.Body() {
            @Override
            public boolean announced() {
                return true;
            }

            @Override
            public Optional<byte[]> read() throws SocketTimeoutException {
                throw new SocketTimeoutException("slow");
            }
        });
        assertEquals(408, routes.answer(late).status());
    }

    @Test
    void theFailsafeListIsThereWhenItIs() {
        Fixture f = Fixture.replica();
        agent.snapshot = f.snapshot();
        assertEquals(502, send("GET /failsafe", null).status());
        f.failsafe = new Snapshot.Failsafe(
                true,
                java.util.Map.of("n2", "http://b:8008/patroni", "n1", "http://a:8008/patroni"),
                java.util.OptionalLong.of(f.now + 1));
        agent.snapshot = f.snapshot();
        Reply reply = send("GET /failsafe", null);
        assertEquals(200, reply.status());
        assertEquals("{\"n1\":\"http://a:8008/patroni\",\"n2\":\"http://b:8008/patroni\"}", text(reply));
    }
}
