package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.tls.Authority;
import dev.matriarch.tls.ClientTls;
import dev.matriarch.tls.TlsFiles;
import java.io.IOException;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A cluster whose control ports are given certificates while it runs, and whose certificates are renewed. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class TlsIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    static Path dir;

    private static Authority ca;
    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @BeforeAll
    static void up() throws Exception {
        ca = new Authority(dir, "ca");
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 3);
        Node leader = cluster.awaitWhole(WHOLE);
        cluster.ctl("pause", "--wait").expectSuccess();
        long postmaster = leader.requirePostmaster();
        for (Node node : cluster.nodes()) {
            certify(node, node.name());
            append(node, "tls: {ca: HOME/ca.crt, certificate: HOME/tls.crt, key: HOME/tls.key}");
            long agent = node.requireAgent();
            Commands.run(Duration.ofSeconds(5), "kill", "-TERM", Long.toString(agent))
                    .expectSuccess();
            Await.until(node + "'s agent ends", SOON, () -> node.agentPid().isEmpty());
        }
        cluster.nodes().forEach(Node::startAgent);
        Await.until(
                "agents answer with certificates",
                WHOLE,
                () -> cluster.ctl("list").exitCode() == 0);
        Await.until(
                "the pause ends", WHOLE, () -> cluster.ctl("resume", "--wait").exitCode() == 0);
        assertEquals(postmaster, leader.requirePostmaster());
        cluster.awaitWhole(WHOLE);
    }

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.close();
        }
    }

    /** Issues a certificate and puts it where the node's agent looks for it. */
    private static TlsFiles certify(Node node, String subject) throws Exception {
        TlsFiles issued = ca.issue(subject, "IP:" + host(node), "-days 20");
        put(node, issued.ca(), "ca.crt");
        put(node, issued.key(), "tls.key");
        put(node, issued.certificate(), "tls.crt");
        return issued;
    }

    private static void put(Node node, Path file, String name) throws IOException {
        Path beside = node.home().resolve(name + ".new");
        Files.copy(file, beside, StandardCopyOption.REPLACE_EXISTING);
        Files.setPosixFilePermissions(beside, PosixFilePermissions.fromString("rw-------"));
        Files.setOwner(beside, Files.getOwner(node.config()));
        Files.move(beside, node.home().resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }

    private static void append(Node node, String line) throws IOException {
        Files.writeString(
                node.config(), line.replace("HOME", node.home().toString()) + "\n", StandardOpenOption.APPEND);
    }

    private static String host(Node node) {
        return node.grpc().substring(0, node.grpc().lastIndexOf(':'));
    }

    private static Optional<BigInteger> shownSerial(String hostAndPort) {
        int colon = hostAndPort.lastIndexOf(':');
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            ClientTls anybody = ClientTls.read(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
            context.init(null, new TrustManager[] {anybody.trust()}, null);
            try (SSLSocket socket = (SSLSocket) context.getSocketFactory()
                    .createSocket(
                            hostAndPort.substring(0, colon), Integer.parseInt(hostAndPort.substring(colon + 1)))) {
                socket.setSoTimeout(3000);
                socket.startHandshake();
                X509Certificate shown = (X509Certificate) socket.getSession().getPeerCertificates()[0];
                return Optional.of(shown.getSerialNumber());
            }
        } catch (IOException e) {
            return Optional.empty();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    /** Of a replica that asks for a client's certificate where something is changed. */
    private static void endpointsAnswerThroughTls(String door) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        ClientTls anybody = ClientTls.read(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
        context.init(null, new TrustManager[] {anybody.trust()}, null);
        try (HttpClient client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(SOON)
                .sslContext(context)
                .build()) {
            for (String path : RestContractIT.CHECKS) {
                boolean yes = List.of(
                                "/replica",
                                "/read-only",
                                "/quorum",
                                "/read-only-quorum",
                                "/health",
                                "/liveness",
                                "/readiness")
                        .contains(path);
                assertEquals(yes ? 200 : 503, send(client, "GET", door + path).statusCode(), path);
            }
            HttpResponse<String> head = send(client, "HEAD", door + "/replica");
            assertEquals(200, head.statusCode());
            assertEquals("", head.body());
            for (String path : List.of("/patroni", "/cluster", "/history", "/config", "/metrics", "/openapi")) {
                assertEquals(200, send(client, "GET", door + path).statusCode(), path);
            }
            for (String order : List.of(
                    "PATCH /config",
                    "PUT /config",
                    "POST /reload",
                    "POST /restart",
                    "DELETE /restart",
                    "POST /reinitialize",
                    "POST /switchover",
                    "DELETE /switchover",
                    "POST /failover",
                    "POST /failsafe",
                    "POST /citus",
                    "POST /mpp")) {
                HttpResponse<String> refused = send(client, order.split(" ")[0], door + order.split(" ")[1]);
                assertEquals(403, refused.statusCode(), () -> order + ": " + refused.body());
                assertTrue(refused.body().contains("client certificate required"), refused::body);
            }
        }
    }

    private static HttpResponse<String> send(HttpClient client, String method, String url) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url))
                .timeout(SOON)
                .method(
                        method,
                        HttpRequest.BodyPublishers.ofString(method.equals("GET") || method.equals("HEAD") ? "" : "{}"))
                .build();
        return client.send(request, HttpResponse.BodyHandlers.ofString());
    }

    private static BigInteger serial(TlsFiles files) throws IOException {
        return dev.matriarch.tls.Pem.certificates(files.certificate())
                .getFirst()
                .getSerialNumber();
    }

    private static String log(Node node) throws IOException {
        return Files.readString(node.home().resolve("agent.log"));
    }

    @Test
    @Order(1)
    void switchoverGoesThroughTls() throws Exception {
        Node leader = cluster.awaitWhole(WHOLE);
        Node next = cluster.othersThan(leader).getFirst();
        cluster.ctl("switchover", "--force", "--candidate", next.name()).expectSuccess();
        assertEquals(next, cluster.awaitWhole(WHOLE));
        String explained = cluster.ctl("explain").expectSuccess().output();
        for (Node node : cluster.nodes()) {
            assertTrue(explained.contains(node.name()), explained);
            assertTrue(log(node).contains("Control port and store: certificate "), node::name);
        }
    }

    @Test
    @Order(2)
    void whoHasNoCertificateOrAForeignOneIsRefused() throws Exception {
        String ctl = cluster.directory().resolve("bin/matriarchctl").toString();
        Node node = cluster.nodes().getFirst();
        Commands.Result plain = Commands.run(Duration.ofSeconds(30), ctl, "--endpoint", node.grpc(), "list");
        assertEquals(3, plain.exitCode(), plain.output());
        assertTrue(plain.output().contains("if it asks for TLS, give ctl.cacert"), plain.output());

        TlsFiles foreign = new Authority(dir, "strangers").issue("foreign");
        put(node, foreign.certificate(), "foreign.crt");
        put(node, foreign.key(), "foreign.key");
        Map<String, String> shown = Map.of(
                "PATRONI_CTL_CACERT", node.home() + "/ca.crt",
                "PATRONI_CTL_CERTFILE", node.home() + "/foreign.crt",
                "PATRONI_CTL_KEYFILE", node.home() + "/foreign.key");
        Commands.Result refused =
                Commands.run(Duration.ofSeconds(30), shown, List.of(ctl, "--endpoint", node.grpc(), "list"));
        assertEquals(3, refused.exitCode(), refused.output());
        assertTrue(
                refused.output().contains("this side's certificate " + node.home() + "/foreign.crt"), refused.output());
        Await.until("the agent says whom it refused", SOON, () -> {
            try {
                return log(node).contains("CN=foreign was issued by CN=strangers, which is none of the authorities in");
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        });
    }

    @Test
    @Order(3)
    void renewedCertificatesAreShownWithoutARestart() throws Exception {
        Map<Node, Long> agents = cluster.nodes().stream().collect(Collectors.toMap(n -> n, Node::requireAgent));
        for (Node node : cluster.nodes()) {
            Optional<BigInteger> before = shownSerial(node.grpc());
            TlsFiles renewed = certify(node, node.name() + "-renewed");
            assertNotEquals(before, Optional.of(serial(renewed)));
            BigInteger wanted = serial(renewed);
            Await.until(
                    node + " shows its new certificate",
                    SOON,
                    () -> shownSerial(node.grpc()).equals(Optional.of(wanted)));
        }
        Node leader = cluster.awaitWhole(WHOLE);
        cluster.ctl("switchover", "--force").expectSuccess();
        assertNotEquals(leader, cluster.awaitWhole(WHOLE));
        for (Node node : cluster.nodes()) {
            assertEquals(agents.get(node), node.requireAgent(), node.name());
        }
    }

    /** Both doors of one agent; the other agents go on as they are. */
    @Test
    @Order(4)
    void theRestDoorTakesTheSameCertificate() throws Exception {
        Node node = cluster.othersThan(cluster.awaitWhole(WHOLE)).getFirst();
        String config = Files.readString(node.config());
        String withTls = config.replaceFirst(
                "(?m)^restapi:.*\\R( +)",
                "$0certfile: " + node.home() + "/tls.crt\n$1keyfile: " + node.home()
                        + "/tls.key\n$1verify_client: optional\n$1cafile: " + node.home() + "/ca.crt\n$1");
        assertNotEquals(config, withTls);
        Files.writeString(node.config(), withTls);
        cluster.ctl("reload", "demo", node.name(), "--force").expectSuccess();
        String door = node.rest().replace("http://", "");
        BigInteger wanted = shownSerial(node.grpc()).orElseThrow();
        Await.until("HTTPS with that certificate", SOON, () -> shownSerial(door).equals(Optional.of(wanted)));
        endpointsAnswerThroughTls("https://" + door);

        TlsFiles renewed = certify(node, node.name() + "-again");
        cluster.ctl("reload", "demo", node.name(), "--force").expectSuccess();
        BigInteger next = serial(renewed);
        Await.until(
                "both doors show the renewed one",
                SOON,
                () -> shownSerial(door).equals(Optional.of(next))
                        && shownSerial(node.grpc()).equals(Optional.of(next)));

        // Everybody reaches everybody through TLS, and the end of the certificates, in 20 days, is announced.
        String[] said = new String[1];
        try {
            Await.until("doctor finds no error", SOON, () -> {
                Commands.Result result = cluster.ctl("doctor", "-q", "-o", "tsv");
                said[0] = result.output();
                return result.exitCode() == 0;
            });
        } catch (AssertionError e) {
            throw new AssertionError(e.getMessage() + "\n" + said[0]);
        }
        for (String what : List.of("certificate of the control port", "certificate of the REST door")) {
            assertTrue(
                    said[0].lines()
                            .anyMatch(l ->
                                    l.startsWith("warning\tcertificates\tcertificate\t" + node.name() + "\t" + what)
                                            && l.contains("expires in 19 days")),
                    said[0]);
        }
    }
}
