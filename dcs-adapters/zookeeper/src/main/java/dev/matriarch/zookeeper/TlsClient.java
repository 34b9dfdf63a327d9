package dev.matriarch.zookeeper;

import dev.matriarch.tls.ClientTls;
import dev.matriarch.tls.FileStamps;
import dev.matriarch.tls.Handshakes;
import dev.matriarch.tls.Pem;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.UnknownHostException;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** TLS connections to ZooKeeper's servers, with the files as they are at that moment, and why one did not come about. Any thread. */
final class TlsClient {
    private static final Logger LOG = LoggerFactory.getLogger(TlsClient.class);
    /** For the connection, and again for each step of the handshake. */
    private static final Duration ANSWER = Duration.ofSeconds(5);

    private final ZooKeeperSettings.Tls files;
    private final Map<URI, String> troubles = new ConcurrentHashMap<>();
    private Loaded loaded;

    private record Loaded(SSLContext context, Optional<String> own, FileStamps stamps) {}

    /** @throws IOException with a sentence that names the file which cannot be used */
    TlsClient(ZooKeeperSettings.Tls files) throws IOException {
        this.files = files;
        this.loaded = load(stamps());
    }

    private FileStamps stamps() {
        return FileStamps.of(Stream.of(files.authorities(), files.certificate(), files.key())
                .flatMap(Optional::stream)
                .toList());
    }

    private Loaded load(FileStamps stamps) throws IOException {
        ClientTls read = ClientTls.read(
                files.verify() ? files.authorities() : Optional.empty(),
                files.certificate(),
                files.key(),
                files.keyPassword());
        KeyManager[] keys = read.keys().map(k -> new KeyManager[] {k}).orElse(null);
        boolean runtime = files.verify() && files.authorities().isEmpty();
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keys, runtime ? null : new TrustManager[] {read.trust()}, null);
            return new Loaded(context, read.words(), stamps);
        } catch (GeneralSecurityException e) {
            throw new IOException("the certificates for ZooKeeper cannot be used: " + e.getMessage(), e);
        }
    }

    /** Files that do not fit each other, as in the middle of a renewal, are not taken up. */
    private synchronized Loaded current() {
        FileStamps now = stamps();
        if (!now.equals(loaded.stamps())) {
            try {
                loaded = load(now);
                LOG.info(
                        "The certificates for ZooKeeper were read again{}",
                        loaded.own().map(o -> ": " + o).orElse(""));
            } catch (IOException e) {
                LOG.warn("The certificates for ZooKeeper stay those of before: {}", e.getMessage());
                loaded = new Loaded(loaded.context(), loaded.own(), now);
            }
        }
        return loaded;
    }

    /** The name in the certificate that is shown, as ZooKeeper's ACLs have it; empty: none is. */
    Optional<String> subject() throws IOException {
        return files.certificate().isEmpty()
                ? Optional.empty()
                : Optional.of(Pem.certificates(files.certificate().get())
                        .getFirst()
                        .getSubjectX500Principal()
                        .getName());
    }

    /** The certificate that is shown, for people; empty: none is. */
    Optional<String> own() {
        return current().own();
    }

    /**
     * Connects and shakes hands.
     *
     * @param raw not connected yet; closing it ends the connection at once, whatever its other end does
     */
    SSLSocket connect(URI server, Socket raw) throws IOException {
        InetSocketAddress named = InOrder.address(server);
        raw.connect(new InetSocketAddress(InetAddress.getByName(named.getHostString()), named.getPort()), (int)
                ANSWER.toMillis());
        raw.setTcpNoDelay(true);
        SSLSocket secured = (SSLSocket)
                current().context().getSocketFactory().createSocket(raw, named.getHostString(), named.getPort(), true);
        if (files.verify()) {
            SSLParameters parameters = secured.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            secured.setSSLParameters(parameters);
        }
        secured.setSoTimeout((int) ANSWER.toMillis());
        secured.startHandshake();
        // From here on ZooKeeper's client watches over it.
        secured.setSoTimeout(0);
        return secured;
    }

    /** @param why also if the server ends the connection after the handshake: only then it says that it wants a certificate */
    void failed(URI server, IOException why) {
        Optional<String> words = Handshakes.words(why, current().own());
        if (words.isEmpty() && Handshakes.cut(why)) {
            // What it said of it last says more.
            troubles.putIfAbsent(server, "it cut the connection without a word; its log may say why");
            return;
        }
        troubles.put(
                server,
                words.map(w -> w + (w.contains("asks for a client certificate") ? ": give cert and key" : ""))
                        .orElseGet(() -> plain(why)));
    }

    private static String plain(IOException why) {
        return switch (why) {
            case UnknownHostException e -> "its name is not known";
            case SocketTimeoutException e -> "it did not answer in time";
            default -> why.getMessage() == null ? why.toString() : why.getMessage();
        };
    }

    void succeeded(URI server) {
        troubles.remove(server);
    }

    /** Why there is no connection to it, if there was none last time. */
    Optional<String> trouble(URI server) {
        return Optional.ofNullable(troubles.get(server));
    }
}
