package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import dev.matriarch.agent.config.AgentConfig.Credentials;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.json.ClusterJson;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Members of Patroni are asked over their REST door. The answers here are those of Patroni 3.0. */
class RestPeersTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    private static final String REPLICA = "{\"state\": \"running\", \"role\": \"replica\", \"server_version\": 150004,"
            + " \"xlog\": {\"received_location\": 67419584, \"replayed_location\": 67419500,"
            + " \"replayed_timestamp\": null, \"paused\": false}, \"timeline\": 3, \"tags\": {%s},"
            + " \"patroni\": {\"version\": \"3.0.2\", \"scope\": \"%s\"}}";
    private static final String PRIMARY = "{\"state\": \"running\", \"role\": \"master\", \"xlog\":"
            + " {\"location\": 67419999}, \"timeline\": 3, \"patroni\": {\"version\": \"3.0.2\", \"scope\": \"demo\"}}";

    private HttpServer server;
    private RestPeers peers;
    private volatile String document = "";
    private volatile String failsafeReply = "Accepted";
    private volatile String heard = "";

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> {
            String path = exchange.getRequestURI().getPath();
            String sent = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            heard = exchange.getRequestMethod() + " " + path + " "
                    + exchange.getRequestHeaders().getFirst("Authorization") + " " + sent;
            byte[] body = (path.equals("/failsafe") ? failsafeReply : document).getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        peers = new RestPeers("demo", () -> Optional.of(new Credentials("admin", "secret")));
    }

    @AfterEach
    void stop() {
        peers.close();
        server.stop(0);
    }

    private Member member(String name, int port) {
        return ClusterJson.readMember(
                name,
                "{\"conn_url\":\"postgres://127.0.0.1:1/postgres\",\"api_url\":\"http://127.0.0.1:" + port
                        + "/patroni\",\"state\":\"running\",\"role\":\"replica\"}");
    }

    private Member patroni() {
        return member("p1", server.getAddress().getPort());
    }

    private PeerAnswer answer() {
        assertTrue(RestPeers.isFor(patroni()));
        return peers.positions(List.of(patroni()), TIMEOUT).get("p1");
    }

    @Test
    void aReplicaSaysWhereItStandsAndWhetherItMayBePromoted() {
        document = REPLICA.formatted("", "demo");
        assertEquals(
                new PeerAnswer.Answered(new Position(true, true, new Lsn(67419584), 3, false, 1, false)), answer());
        document = REPLICA.formatted("\"nofailover\": true", "demo");
        assertTrue(
                assertInstanceOf(PeerAnswer.Answered.class, answer()).position().nofailover());
    }

    @Test
    void aPrimaryIsOne() {
        document = PRIMARY;
        assertEquals(
                new PeerAnswer.Answered(new Position(true, false, new Lsn(67419999), 3, false, 1, false)), answer());
    }

    @Test
    void anotherClustersMemberOrNobodyIsNoAnswer() {
        document = REPLICA.formatted("", "other");
        assertInstanceOf(PeerAnswer.Unreachable.class, answer());
        document = "not json";
        assertInstanceOf(PeerAnswer.Unreachable.class, answer());
        Map<String, PeerAnswer> answers = peers.positions(List.of(member("p2", 1)), TIMEOUT);
        assertInstanceOf(PeerAnswer.Unreachable.class, answers.get("p2"));
    }

    @Test
    void failsafeModeAsksForTheirConsentAsPatroniDoes() {
        Member me = member("n1", 8008);
        assertEquals(Map.of(), peers.refusals(List.of(patroni()), me, TIMEOUT));
        assertTrue(heard.startsWith("POST /failsafe Basic YWRtaW46c2VjcmV0 {\"name\":\"n1\",\"conn_url\":"), heard);
        failsafeReply = "I am a primary";
        assertEquals(1, peers.refusals(List.of(patroni()), me, TIMEOUT).size());
    }
}
