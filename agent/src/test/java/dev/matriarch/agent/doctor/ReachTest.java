package dev.matriarch.agent.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.RaftConfig;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.ReachFacts;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What becomes of trying a port. */
class ReachTest {
    private static Member at(String scheme, int port) {
        return Member.named("n2")
                .connUrl("postgres://127.0.0.1:" + port + "/postgres")
                .apiUrl(scheme + "://127.0.0.1:" + port + "/patroni")
                .rpcAddress("127.0.0.1:" + port)
                .state("running")
                .role("replica")
                .version("0.1.0")
                .build();
    }

    private static ServerSocket listening() throws IOException {
        return new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"));
    }

    /** Answers each connection with these words. */
    private static ServerSocket saying(String words) throws IOException {
        ServerSocket server = listening();
        Thread.ofVirtual().start(() -> {
            try (Socket guest = server.accept()) {
                guest.getInputStream().read();
                guest.getOutputStream().write(words.getBytes(StandardCharsets.US_ASCII));
                guest.getOutputStream().flush();
                guest.getInputStream().transferTo(java.io.OutputStream.nullOutputStream());
            } catch (IOException e) {
                return;
            }
        });
        return server;
    }

    @Test
    void anyAnswerInHttpCounts() throws Exception {
        try (ServerSocket server = saying("HTTP/1.1 503 Service Unavailable\r\n\r\n")) {
            ReachFacts facts = Reach.rest(at("http", server.getLocalPort())).tried();
            assertEquals("", facts.getProblem());
            assertEquals("127.0.0.1:" + server.getLocalPort(), facts.getAddress());
            assertEquals("n2", facts.getMember());
        }
        try (ServerSocket server = saying("SSH-2.0-x\r\n")) {
            assertEquals(
                    "what answers there does not speak HTTP",
                    Reach.rest(at("http", server.getLocalPort())).tried().getProblem());
        }
        try (ServerSocket server = saying("HTTP/1.1 400 Bad Request\r\n\r\n")) {
            String problem =
                    Reach.rest(at("https", server.getLocalPort())).tried().getProblem();
            assertTrue(problem.contains("SSL") || problem.contains("TLS"), problem);
        }
    }

    @Test
    void whoSaysNothingOrIsNotThereIsNamedSoon() throws Exception {
        int port;
        try (ServerSocket silent = listening()) {
            port = silent.getLocalPort();
            long began = System.nanoTime();
            assertTrue(Reach.rest(at("http", port)).tried().getProblem().contains("timed out"));
            assertTrue(Reach.rest(at("https", port)).tried().getProblem().contains("timed out"));
            assertEquals(
                    "no answer within 70 ms",
                    Reach.rest(at("http", port)).silent(Duration.ofMillis(70)).getProblem());
            assertTrue(System.nanoTime() - began < Duration.ofSeconds(10).toNanos());
        }
        assertTrue(Reach.rest(at("http", port)).tried().getProblem().contains("refused"));
    }

    @Test
    void aServerWithoutAFreeConnectionIsReached() {
        assertEquals("", login("53300").getProblem());
        assertEquals("FATAL: refused", login("28000").getProblem());
    }

    private static ReachFacts login(String state) {
        Reach.Way way = new Reach.Way("n2", "postgresql", "127.0.0.1:5432", () -> {
            throw new SQLException("FATAL: refused", state);
        });
        assertTrue(way.isLogin());
        return way.triedAfter(Duration.ofMillis(1));
    }

    @Test
    void peersOfTheStoreAreNamedAsMembersWhereThatIsClear() throws Exception {
        try (ServerSocket server = listening()) {
            RaftConfig raft = new RaftConfig(
                    Path.of("/r"),
                    new HostPort("127.0.0.9", 1),
                    new HostPort("127.0.0.9", 1),
                    List.of(new HostPort("127.0.0.1", server.getLocalPort()), new HostPort("127.0.0.8", 1)),
                    Duration.ofSeconds(1),
                    Duration.ofSeconds(2),
                    Optional.empty());
            List<ReachFacts> facts = Reach.peers(raft, List.of(at("http", 8009))).stream()
                    .map(Reach.Way::tried)
                    .toList();
            assertEquals("n2", facts.getFirst().getMember());
            assertEquals("", facts.getFirst().getProblem());
            assertEquals("", facts.getLast().getMember());
            assertTrue(facts.getLast().getProblem().contains("refused"), facts.toString());
        }
    }
}
