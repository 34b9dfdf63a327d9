package dev.matriarch.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.matriarch.tls.Pem;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Certificates are made by the openssl program. */
@Timeout(30)
@Tag("slow")
class TlsDoorTest {
    private static final String HOST = "127.0.0.1";

    @TempDir
    static Path dir;

    private final FakeAgent agent = new FakeAgent();
    private RestDoor door;

    @BeforeAll
    static void certificates() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/openssl")), "no openssl");
        openssl(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca");
        signed("server", "ec -pkeyopt ec_paramgen_curve:P-256", "127.0.0.1");
        signed("other", "rsa:2048", "127.0.0.1");
        signed("client", "ec -pkeyopt ec_paramgen_curve:P-256", "admin");
        openssl("pkcs8 -topk8 -v2 aes256 -in server.key -out server.enc -passout pass:sesame");
        openssl("ec -in server.key -out server.sec1");
        openssl("rsa -traditional -in other.key -out other.pkcs1");
        openssl(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout foreign.key -out foreign.crt -days 2"
                        + " -subj /CN=foreign");
        Files.writeString(
                dir.resolve("both.pem"),
                Files.readString(dir.resolve("server.key")) + Files.readString(dir.resolve("server.crt")));
    }

    private static void signed(String name, String kind, String subject) throws Exception {
        openssl("req -newkey " + kind + " -nodes -keyout " + name + ".key -out " + name + ".csr -subj /CN=" + subject);
        openssl("x509 -req -in " + name + ".csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out " + name
                + ".crt");
    }

    private static void openssl(String arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("/usr/bin/openssl"));
        command.addAll(List.of(arguments.split(" ")));
        Process process = new ProcessBuilder(command)
                .directory(dir.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(20, TimeUnit.SECONDS) && process.exitValue() == 0, output);
    }

    @BeforeEach
    void primary() {
        Fixture f = Fixture.primary();
        f.now = System.nanoTime() + 60_000_000_000L;
        f.nextRun = f.now;
        agent.snapshot = f.snapshot();
    }

    @AfterEach
    void close() {
        if (door != null) {
            door.close();
        }
    }

    private static RestSettings.Tls tls(String cert, String key, String password, RestSettings.VerifyClient verify) {
        return new RestSettings.Tls(
                dir.resolve(cert),
                Optional.ofNullable(key).map(dir::resolve),
                Optional.ofNullable(password),
                Optional.of(dir.resolve("ca.crt")),
                Optional.empty(),
                verify);
    }

    private static RestSettings settings(int port, RestSettings.Tls tls) {
        return new RestSettings(
                HOST,
                port,
                50,
                Optional.ofNullable(tls),
                new RestSettings.Guests(Optional.empty(), List.of(), false),
                new RestSettings.Headers(Map.of("X-All", "a"), Map.of("X-Tls", "t"), Optional.of("Matriarch")),
                true,
                Duration.ofSeconds(1),
                200);
    }

    private void open(RestSettings.Tls tls) throws IOException {
        door = RestDoor.open(settings(0, tls), agent);
    }

    private static SSLContext client(String certificate) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setCertificateEntry("ca", Pem.certificates(dir.resolve("ca.crt")).getFirst());
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        if (certificate != null) {
            store.setKeyEntry(
                    "me",
                    Pem.privateKey(dir.resolve(certificate + ".key"), Optional.empty()),
                    new char[0],
                    Pem.certificates(dir.resolve(certificate + ".crt")).toArray(X509Certificate[]::new));
        }
        own.init(store, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    private SSLSocket connect(String certificate, String... protocols) throws Exception {
        SSLSocket socket = (SSLSocket) client(certificate).getSocketFactory().createSocket(HOST, door.port());
        socket.setSoTimeout(8000);
        if (protocols.length > 0) {
            socket.setEnabledProtocols(protocols);
        }
        return socket;
    }

    private String ask(String certificate, String request, String... protocols) throws Exception {
        try (SSLSocket socket = connect(certificate, protocols)) {
            return exchange(socket, request);
        }
    }

    private static String exchange(Socket socket, String request) throws IOException {
        socket.getOutputStream().write((request + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        socket.getOutputStream().flush();
        InputStream in = socket.getInputStream();
        return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }

    @Test
    void everyFormOfKeyIsRead() throws Exception {
        open(tls("server.crt", "server.key", null, RestSettings.VerifyClient.NONE));
        for (RestSettings.Tls form : List.of(
                tls("server.crt", "server.key", null, RestSettings.VerifyClient.NONE),
                tls("both.pem", null, null, RestSettings.VerifyClient.NONE),
                tls("server.crt", "server.enc", "sesame", RestSettings.VerifyClient.NONE),
                tls("server.crt", "server.sec1", null, RestSettings.VerifyClient.NONE),
                tls("other.crt", "other.pkcs1", null, RestSettings.VerifyClient.NONE),
                tls("other.crt", "other.key", null, RestSettings.VerifyClient.NONE))) {
            door.reconfigure(settings(0, form));
            String answer = ask(null, "GET /primary HTTP/1.0", "TLSv1.2", "TLSv1.3");
            assertTrue(answer.startsWith("HTTP/1.0 200 OK\r\n"), form + ": " + answer);
        }
        String answer = ask(null, "OPTIONS /primary HTTP/1.1\r\nHost: x\r\nConnection: close", "TLSv1.2");
        assertTrue(answer.startsWith("HTTP/1.1 200 "), answer);
        for (String header : List.of("X-All: a", "X-Tls: t", "Server: Matriarch")) {
            assertTrue(answer.contains("\r\n" + header + "\r\n"), answer);
        }
    }

    @Test
    void whatCannotBeUsedIsNamed() {
        for (var wrong : Map.of(
                        "give its password", tls("server.crt", "server.enc", null, RestSettings.VerifyClient.NONE),
                        "perhaps the password is wrong",
                                tls("server.crt", "server.enc", "wrong", RestSettings.VerifyClient.NONE),
                        "holds no certificate", tls("server.key", "server.key", null, RestSettings.VerifyClient.NONE),
                        "holds no private key", tls("server.crt", null, null, RestSettings.VerifyClient.NONE))
                .entrySet()) {
            IOException e = assertThrows(IOException.class, () -> open(wrong.getValue()));
            assertTrue(e.getMessage().contains(wrong.getKey()), e.getMessage());
            assertFalse(e.getMessage().contains("PRIVATE KEY-----\n"), e.getMessage());
        }
    }

    @Test
    void anOptionalCertificateIsAskedForWhereSomethingChanges() throws Exception {
        open(tls("server.crt", "server.key", null, RestSettings.VerifyClient.OPTIONAL));
        assertTrue(ask(null, "GET /primary HTTP/1.0").startsWith("HTTP/1.0 200 "));
        String refused = ask(null, "POST /reload HTTP/1.0");
        assertTrue(refused.startsWith("HTTP/1.0 403 ") && refused.contains("client certificate required"), refused);
        assertTrue(ask("client", "POST /reload HTTP/1.0").startsWith("HTTP/1.0 200 "));
        assertTrue(ask("client", "POST /reload HTTP/1.1\r\nConnection: close").startsWith("HTTP/1.1 200 "));
        assertEquals(List.of("reload", "reload"), agent.asked);
        assertTrue(ask("foreign", "POST /reload HTTP/1.0").startsWith("HTTP/1.0 403 "));
    }

    @Test
    void aRequiredCertificateIsAskedForOfEverybody() throws Exception {
        open(tls("server.crt", "server.key", null, RestSettings.VerifyClient.REQUIRED));
        assertThrows(IOException.class, () -> ask(null, "GET /primary HTTP/1.0"));
        assertThrows(IOException.class, () -> ask("foreign", "GET /primary HTTP/1.0"));
        assertTrue(ask("client", "GET /primary HTTP/1.0").startsWith("HTTP/1.0 200 "));
    }

    @Test
    void aNewCertificateIsTakenUpAndABadOneIsNot() throws Exception {
        Path cert = dir.resolve("live.crt");
        Path key = dir.resolve("live.key");
        Files.copy(dir.resolve("server.crt"), cert);
        Files.copy(dir.resolve("server.key"), key);
        RestSettings settings = settings(0, tls("live.crt", "live.key", null, RestSettings.VerifyClient.NONE));
        door = RestDoor.open(settings, agent);
        int port = door.port();
        try (SSLSocket old = connect(null)) {
            old.startHandshake();
            Files.copy(dir.resolve("other.crt"), cert, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
            Files.copy(dir.resolve("other.key"), key, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
            door.reconfigure(settings);
            assertEquals(port, door.port());
            // The connection that was there goes on.
            assertTrue(exchange(old, "GET /primary HTTP/1.0").startsWith("HTTP/1.0 200 "));
        }
        assertEquals(serial("other.crt"), servedSerial());
        Files.writeString(key, "nonsense");
        door.reconfigure(settings);
        assertEquals(serial("other.crt"), servedSerial());
    }

    private static Object serial(String file) throws IOException {
        return Pem.certificates(dir.resolve(file)).getFirst().getSerialNumber();
    }

    private Object servedSerial() throws Exception {
        try (SSLSocket socket = connect(null)) {
            socket.startHandshake();
            return ((X509Certificate) socket.getSession().getPeerCertificates()[0]).getSerialNumber();
        }
    }

    @Test
    void ciphersAreChosenAsInOpenssl() throws Exception {
        RestSettings.Tls base = tls("other.crt", "other.key", null, RestSettings.VerifyClient.NONE);
        open(new RestSettings.Tls(
                base.certfile(),
                base.keyfile(),
                base.keyPassword(),
                base.cafile(),
                Optional.of("ECDHE-RSA-AES256-GCM-SHA384:!aNULL"),
                base.verifyClient()));
        try (SSLSocket socket = connect(null, "TLSv1.2")) {
            socket.startHandshake();
            assertEquals(
                    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", socket.getSession().getCipherSuite());
        }
        String[] offered = SSLContext.getDefault().getDefaultSSLParameters().getCipherSuites();
        assertTrue(List.of(CipherList.suites("ECDHE+AESGCM:!AES128", offered)).stream()
                .filter(s -> s.contains("_WITH_"))
                .allMatch(s -> s.startsWith("TLS_ECDHE_") && s.contains("_AES_256_GCM")));
        assertTrue(CipherList.suites("HIGH:!aNULL:!MD5:!3DES", offered).length > 5);
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> CipherList.suites("NO-SUCH-CIPHER", offered));
        assertTrue(e.getMessage().contains("'NO-SUCH-CIPHER' is no cipher"), e.getMessage());
    }

    @Test
    void aHundredSilentOrHalfOpenConnectionsDelayNobody() throws Exception {
        open(tls("server.crt", "server.key", null, RestSettings.VerifyClient.NONE));
        byte[] hello = clientHello();
        List<Socket> silent = new ArrayList<>();
        try {
            for (int i = 0; i < 100; i++) {
                Socket s = new Socket(HOST, door.port());
                s.setSoTimeout(8000);
                if (i % 3 == 1) {
                    s.getOutputStream().write(hello, 0, hello.length / 2);
                } else if (i % 3 == 2) {
                    s.getOutputStream().write(hello);
                }
                silent.add(s);
            }
            long start = System.nanoTime();
            assertTrue(ask(null, "GET /primary HTTP/1.0").startsWith("HTTP/1.0 200 "));
            assertTrue(System.nanoTime() - start < 1_000_000_000L, "delayed");
            for (Socket s : silent) {
                // Whatever the door says, it ends.
                try {
                    s.getInputStream().readAllBytes();
                } catch (java.net.SocketException reset) {
                    continue;
                }
            }
        } finally {
            for (Socket s : silent) {
                s.close();
            }
        }
    }

    /** What a client sends first, caught by a listener of our own. */
    private static byte[] clientHello() throws Exception {
        try (ServerSocket trap = new ServerSocket(0, 1, InetAddress.getByName(HOST))) {
            Thread client = Thread.ofVirtual().start(() -> {
                try (Socket s = client(null).getSocketFactory().createSocket(HOST, trap.getLocalPort())) {
                    ((SSLSocket) s).startHandshake();
                } catch (Exception expected) {
                    return;
                }
            });
            byte[] hello;
            try (Socket caught = trap.accept()) {
                InputStream in = caught.getInputStream();
                byte[] head = in.readNBytes(5);
                byte[] rest = in.readNBytes((head[3] & 0xFF) << 8 | head[4] & 0xFF);
                hello = new byte[head.length + rest.length];
                System.arraycopy(head, 0, hello, 0, head.length);
                System.arraycopy(rest, 0, hello, head.length, rest.length);
            }
            client.join(Duration.ofSeconds(5));
            return hello;
        }
    }

    /** Drop by drop: each byte begins the socket's time-out anew, not the handshake's. */
    @Test
    void aHandshakeEndsInTime() throws Exception {
        open(tls("server.crt", "server.key", null, RestSettings.VerifyClient.NONE));
        byte[] hello = clientHello();
        long start = System.nanoTime();
        try (Socket s = new Socket(HOST, door.port())) {
            assertThrows(IOException.class, () -> {
                for (byte b : hello) {
                    s.getOutputStream().write(b);
                    TimeUnit.MILLISECONDS.sleep(100);
                }
            });
        }
        assertTrue(System.nanoTime() - start < 6_000_000_000L);
    }

    /** TLS may end while the connection below stays: a door with a thousand of those would open no more. */
    @Test
    void anAnsweredConnectionIsClosedBelowTlsToo() throws Exception {
        open(tls("server.crt", "server.key", null, RestSettings.VerifyClient.NONE));
        for (String protocol : List.of("TLSv1.2", "TLSv1.3")) {
            try (Socket below = new Socket(HOST, door.port())) {
                below.setSoTimeout(8000);
                SSLSocket socket =
                        (SSLSocket) client(null).getSocketFactory().createSocket(below, HOST, door.port(), false);
                socket.setEnabledProtocols(new String[] {protocol});
                assertTrue(exchange(socket, "OPTIONS /primary HTTP/1.0").startsWith("HTTP/1.0 200 "));
                assertEquals(-1, below.getInputStream().read(), protocol);
            }
        }
    }

    /** More failed handshakes than connections are allowed. */
    @Test
    void failedHandshakesAreNotCountedForEver() throws Exception {
        open(tls("server.crt", "server.key", null, RestSettings.VerifyClient.NONE));
        for (int i = 0; i < 250; i++) {
            try (Socket s = new Socket(HOST, door.port())) {
                s.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            }
        }
        assertTrue(ask(null, "GET /primary HTTP/1.0").startsWith("HTTP/1.0 200 "));
    }

    @Test
    void aRenewedCertificateIsTakenUpWithoutAReload() throws Exception {
        Path both = dir.resolve("node.pem");
        Files.copy(dir.resolve("both.pem"), both);
        open(tls("node.pem", null, null, RestSettings.VerifyClient.NONE));
        assertEquals(serial("server.crt"), servedSerial());
        Path draft = dir.resolve("node.pem.new");
        Files.writeString(
                draft, Files.readString(dir.resolve("other.crt")) + Files.readString(dir.resolve("other.key")));
        Files.move(draft, both, java.nio.file.StandardCopyOption.ATOMIC_MOVE);
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (!servedSerial().equals(serial("other.crt"))) {
            assertTrue(System.nanoTime() < deadline, "it still shows the old certificate");
            TimeUnit.MILLISECONDS.sleep(100);
        }
    }

    @Test
    void addressAndTlsChangeWhileItRuns() throws Exception {
        open(null);
        int first = door.port();
        int second;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName(HOST))) {
            second = free.getLocalPort();
        }
        door.reconfigure(settings(second, null));
        assertEquals(second, door.port());
        assertThrows(IOException.class, () -> new Socket(HOST, first).close());
        try (Socket plain = new Socket(HOST, second)) {
            String answer = exchange(plain, "GET /primary HTTP/1.0");
            assertTrue(answer.startsWith("HTTP/1.0 200 ") && !answer.contains("X-Tls"), answer);
        }
        RestSettings.Tls tls = tls("server.crt", "server.key", null, RestSettings.VerifyClient.NONE);
        door.reconfigure(settings(second, tls));
        assertTrue(ask(null, "GET /primary HTTP/1.0").startsWith("HTTP/1.0 200 "));
        // What cannot be bound leaves the old one open.
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName(HOST))) {
            door.reconfigure(settings(taken.getLocalPort(), tls));
        }
        assertEquals(second, door.port());
        assertTrue(ask(null, "GET /primary HTTP/1.0").startsWith("HTTP/1.0 200 "));
    }
}
