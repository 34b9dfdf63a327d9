package dev.matriarch.tls;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** With the JDK's own sockets; certificates are made by the openssl program. */
@Timeout(60)
class LiveTlsTest {
    @TempDir
    static Path dir;

    private static Authority ca;
    private static TlsFiles n1;
    private static TlsFiles n2;
    private static TlsFiles expired;
    private static TlsFiles elsewhere;
    private static TlsFiles foreign;

    private final List<String> refusals = Collections.synchronizedList(new ArrayList<>());
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

    @BeforeAll
    static void certificates() throws Exception {
        ca = new Authority(dir, "ca");
        n1 = ca.issue("n1");
        n2 = ca.issue("n2");
        expired = ca.issue("late", "IP:127.0.0.1", "-days -1");
        elsewhere = ca.issue("elsewhere", "IP:10.0.0.9,DNS:elsewhere.example.org", "-days 5");
        TlsFiles strange = new Authority(dir, "strangers").issue("foreign");
        foreign = new TlsFiles(ca.file(), strange.certificate(), strange.key(), Optional.empty());
    }

    @AfterEach
    void close() {
        threads.shutdownNow();
    }

    /** What became of a handshake: the certificate that the client saw, and what each side has to say. */
    private record Met(Optional<X509Certificate> seen, Optional<Exception> client, Optional<Exception> server) {
        String clientWords() {
            return Handshakes.words(client.orElseThrow(), Optional.of("MINE")).orElse("nothing: " + client);
        }

        /** With TLS 1.3 the client has sent more by then, and the alert may be lost when the connection is cut behind it. */
        boolean clientWasRefused() {
            return clientWords().startsWith("it refused this side's certificate MINE")
                    || Handshakes.cut(client.orElseThrow());
        }
    }

    private Met meet(LiveTls server, LiveTls client) throws Exception {
        SSLContext serving = context(server.keyManager(), server);
        SSLContext calling = context(client.keyManager(), client);
        try (SSLServerSocket door = (SSLServerSocket) serving.getServerSocketFactory()
                .createServerSocket(0, 1, java.net.InetAddress.getByName("127.0.0.1"))) {
            door.setNeedClientAuth(true);
            Future<Optional<Exception>> served = threads.submit(() -> {
                try (SSLSocket socket = (SSLSocket) door.accept()) {
                    socket.setSoTimeout(10_000);
                    socket.startHandshake();
                    socket.getOutputStream().write(1);
                    socket.getInputStream().read();
                    return Optional.<Exception>empty();
                } catch (IOException e) {
                    return Optional.of(e);
                }
            });
            Optional<X509Certificate> seen = Optional.empty();
            Optional<Exception> failed = Optional.empty();
            try (SSLSocket socket =
                    (SSLSocket) calling.getSocketFactory().createSocket("127.0.0.1", door.getLocalPort())) {
                socket.setSoTimeout(10_000);
                SSLParameters named = socket.getSSLParameters();
                named.setEndpointIdentificationAlgorithm("HTTPS");
                socket.setSSLParameters(named);
                socket.startHandshake();
                assertEquals(1, socket.getInputStream().read());
                seen = Optional.of((X509Certificate) socket.getSession().getPeerCertificates()[0]);
            } catch (IOException e) {
                failed = Optional.of(e);
            }
            return new Met(seen, failed, served.get(10, TimeUnit.SECONDS));
        }
    }

    private static SSLContext context(KeyManager keys, LiveTls tls) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(new KeyManager[] {keys}, new TrustManager[] {tls.trustManager()}, null);
        return context;
    }

    private LiveTls live(TlsFiles files) throws IOException {
        return new LiveTls(files, refusals::add);
    }

    @Test
    void membersOfOneAuthorityMeet() throws Exception {
        Met met = meet(live(n1), live(n2));
        assertEquals("CN=n1", met.seen().orElseThrow().getSubjectX500Principal().getName());
        assertEquals(List.of(), refusals);
    }

    @Test
    void whoComesFromElsewhereIsNamedOnBothSides() throws Exception {
        Met met = meet(live(n1), live(foreign));
        assertTrue(
                refusals.getFirst()
                        .contains(
                                "CN=foreign (shown by 127.0.0.1) was issued by CN=strangers, which is none of the authorities in "
                                        + ca.file()),
                refusals::toString);
        assertTrue(met.clientWasRefused(), met::clientWords);

        refusals.clear();
        met = meet(live(foreign), live(n1));
        assertTrue(
                met.clientWords().contains("CN=foreign (shown by 127.0.0.1) was issued by CN=strangers"),
                met::clientWords);
    }

    @Test
    void anExpiredCertificateIsNamedOnBothSides() throws Exception {
        Met met = meet(live(n1), live(expired));
        assertTrue(refusals.getFirst().contains("CN=late (shown by 127.0.0.1) expired at 20"), refusals::toString);
        assertTrue(met.clientWasRefused(), met::clientWords);
        met = meet(live(expired), live(n1));
        assertTrue(met.clientWords().contains("CN=late (shown by 127.0.0.1) expired at 20"), met::clientWords);
    }

    @Test
    void aCertificateForAnotherHostIsToldWithItsHosts() throws Exception {
        Met met = meet(live(elsewhere), live(n1));
        assertTrue(
                met.clientWords().endsWith("is made for 10.0.0.9, elsewhere.example.org, not for 127.0.0.1"),
                met::clientWords);
        // Clients may come from anywhere.
        assertTrue(meet(live(n1), live(elsewhere)).seen().isPresent());
    }

    @Test
    void renewedFilesServeTheNextHandshake() throws Exception {
        TlsFiles files = copyOf(n1, "renewed");
        LiveTls server = live(files);
        assertFalse(server.reloadIfChanged());
        assertEquals(
                "CN=n1",
                meet(server, live(n2))
                        .seen()
                        .orElseThrow()
                        .getSubjectX500Principal()
                        .getName());

        copy(n2.certificate(), files.certificate());
        IOException e = assertThrows(IOException.class, server::reloadIfChanged, "the key is still the old one");
        assertTrue(e.getMessage().contains("renewed.key is not that of the certificate in "), e.getMessage());
        assertEquals(
                "CN=n1",
                meet(server, live(n2))
                        .seen()
                        .orElseThrow()
                        .getSubjectX500Principal()
                        .getName());

        copy(n2.key(), files.key());
        assertTrue(server.reloadIfChanged());
        assertEquals(
                "CN=n2",
                meet(server, live(n1))
                        .seen()
                        .orElseThrow()
                        .getSubjectX500Principal()
                        .getName());
        assertTrue(server.words().contains("renewed.crt (CN=n2, serial "), server.words());
        assertFalse(server.reload(files));
    }

    @Test
    void aRenewedAuthorityCountsAtOnce() throws Exception {
        Path trusted = dir.resolve("trusted.crt");
        copy(ca.file(), trusted);
        LiveTls server = live(new TlsFiles(trusted, n1.certificate(), n1.key(), Optional.empty()));
        assertTrue(meet(server, live(n2)).seen().isPresent());
        Files.writeString(trusted, Files.readString(dir.resolve("strangers.crt")));
        assertTrue(server.reloadIfChanged());
        assertTrue(meet(server, live(n2)).seen().isEmpty());
        assertTrue(meet(server, live(foreign)).seen().isPresent());
    }

    @Test
    void whatCannotBeUsedIsNamed() throws Exception {
        ca.openssl("pkcs8 -topk8 -v2 aes256 -in n1.key -out n1.enc -passout pass:sesame");
        Path encrypted = dir.resolve("n1.enc");
        assertTrue(live(new TlsFiles(ca.file(), n1.certificate(), encrypted, Optional.of("sesame")))
                .words()
                .contains("CN=n1"));
        wrong(new TlsFiles(ca.file(), n1.certificate(), encrypted, Optional.empty()), "n1.enc is encrypted");
        wrong(new TlsFiles(ca.file(), n1.certificate(), encrypted, Optional.of("x")), "n1.enc cannot be read, perhaps");
        wrong(new TlsFiles(ca.file(), n1.certificate(), n2.key(), Optional.empty()), "n2.key is not that of the cert");
        wrong(new TlsFiles(n1.key(), n1.certificate(), n1.key(), Optional.empty()), "n1.key holds no certificate");
        wrong(new TlsFiles(ca.file(), n1.key(), n1.key(), Optional.empty()), "n1.key holds no certificate");
        wrong(new TlsFiles(ca.file(), n1.certificate(), ca.file(), Optional.empty()), "ca.crt holds no private key");
        wrong(new TlsFiles(dir.resolve("none"), n1.certificate(), n1.key(), Optional.empty()), "none cannot be read: ");
    }

    private void wrong(TlsFiles files, String sentence) {
        IOException e = assertThrows(IOException.class, () -> live(files));
        assertTrue(e.getMessage().contains(sentence), e.getMessage());
        assertFalse(e.getMessage().contains("sesame"), e.getMessage());
    }

    private static TlsFiles copyOf(TlsFiles files, String name) throws IOException {
        Path certificate = dir.resolve(name + ".crt");
        Path key = dir.resolve(name + ".key");
        copy(files.certificate(), certificate);
        copy(files.key(), key);
        return new TlsFiles(files.ca(), certificate, key, Optional.empty());
    }

    private static void copy(Path from, Path to) throws IOException {
        Path beside = to.resolveSibling(to.getFileName() + ".new");
        Files.copy(from, beside, StandardCopyOption.REPLACE_EXISTING);
        Files.move(beside, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
