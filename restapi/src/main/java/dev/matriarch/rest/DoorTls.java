package dev.matriarch.rest;

import dev.matriarch.tls.FileStamps;
import dev.matriarch.tls.Pem;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.KeyManagementException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLContextSpi;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLServerSocketFactory;
import javax.net.ssl.SSLSessionContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The door's certificate and what it asks of clients. New files are taken up for the connections that follow, without a
 * new listener.
 *
 * <p>Helidon makes its TLS sockets with the context's factory alone, and applies no parameters to plain sockets: so the
 * factory does, and it ends handshakes that do not come to an end. Helidon also wants the accepted socket left open when the TLS
 * socket is closed, and does not close it itself (4.4.0, ConnectionHandler): each answered health check would keep a connection.
 */
final class DoorTls {
    private static final Logger LOG = LoggerFactory.getLogger(DoorTls.class);

    private record Material(SSLContext context, RestSettings.Tls settings, String[] suites) {}

    private final Duration patience;
    private volatile Material material;
    private FileStamps stamps;

    /** @throws IOException if a file cannot be used; its message names file and key */
    DoorTls(RestSettings.Tls settings, Duration patience) throws IOException {
        this.patience = patience;
        this.stamps = stamps(settings);
        this.material = read(settings);
    }

    /** Takes up the files as they are now; on an error the old ones stay in force. */
    synchronized void reload(RestSettings.Tls settings) throws IOException {
        FileStamps seen = stamps(settings);
        material = read(settings);
        stamps = seen;
    }

    /** As {@link #reload} with the settings of before, if a file has changed since it was last read. */
    synchronized void reloadIfChanged() throws IOException {
        RestSettings.Tls settings = material.settings();
        if (!stamps(settings).equals(stamps)) {
            reload(settings);
        }
    }

    private static FileStamps stamps(RestSettings.Tls settings) {
        return FileStamps.of(Stream.of(Optional.of(settings.certfile()), settings.keyfile(), settings.cafile())
                .flatMap(Optional::stream)
                .toList());
    }

    private static Material read(RestSettings.Tls settings) throws IOException {
        List<X509Certificate> chain = Pem.certificates(settings.certfile());
        PrivateKey key = Pem.privateKey(settings.keyfile().orElse(settings.certfile()), settings.keyPassword());
        try {
            char[] password = new char[0];
            KeyStore keys = KeyStore.getInstance("PKCS12");
            keys.load(null, password);
            keys.setKeyEntry("door", key, password, chain.toArray(X509Certificate[]::new));
            KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            own.init(keys, password);
            TrustManager[] trusted = settings.cafile().isPresent()
                    ? trusting(Pem.certificates(settings.cafile().get()))
                    : null;
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(own.getKeyManagers(), trusted, null);
            String[] offered = context.getDefaultSSLParameters().getCipherSuites();
            String[] suites = settings.ciphers()
                    .map(list -> CipherList.suites(list, offered))
                    .orElse(offered);
            LOG.info(
                    "REST API: certificate {} of {}, valid until {}",
                    chain.getFirst().getSerialNumber().toString(16),
                    chain.getFirst().getSubjectX500Principal().getName(),
                    chain.getFirst().getNotAfter().toInstant());
            return new Material(context, settings, suites);
        } catch (IllegalArgumentException e) {
            throw new IOException("restapi.ciphers: " + e.getMessage(), e);
        } catch (GeneralSecurityException e) {
            throw new IOException(
                    "the certificate in " + settings.certfile() + " and its key cannot be used: " + e.getMessage(), e);
        }
    }

    private static TrustManager[] trusting(List<X509Certificate> authorities)
            throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        for (int i = 0; i < authorities.size(); i++) {
            store.setCertificateEntry("ca" + i, authorities.get(i));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory.getTrustManagers();
    }

    SSLContext context() {
        SSLContext first = material.context();
        return new SSLContext(new Spi(), first.getProvider(), first.getProtocol()) {};
    }

    private final class Spi extends SSLContextSpi {
        @Override
        protected void engineInit(KeyManager[] keys, TrustManager[] trust, SecureRandom random)
                throws KeyManagementException {
            throw new KeyManagementException("made ready already");
        }

        @Override
        protected SSLSocketFactory engineGetSocketFactory() {
            return new Sockets();
        }

        @Override
        protected SSLServerSocketFactory engineGetServerSocketFactory() {
            return material.context().getServerSocketFactory();
        }

        @Override
        protected SSLEngine engineCreateSSLEngine() {
            return material.context().createSSLEngine();
        }

        @Override
        protected SSLEngine engineCreateSSLEngine(String host, int port) {
            return material.context().createSSLEngine(host, port);
        }

        @Override
        protected SSLSessionContext engineGetServerSessionContext() {
            return material.context().getServerSessionContext();
        }

        @Override
        protected SSLSessionContext engineGetClientSessionContext() {
            return material.context().getClientSessionContext();
        }
    }

    private final class Sockets extends SSLSocketFactory {
        @Override
        public Socket createSocket(Socket accepted, InputStream consumed, boolean autoClose) throws IOException {
            Material now = material;
            SSLSocket socket = (SSLSocket) now.context().getSocketFactory().createSocket(accepted, consumed, true);
            socket.setUseClientMode(false);
            socket.setEnabledCipherSuites(now.suites());
            switch (now.settings().verifyClient()) {
                case NONE -> {}
                case OPTIONAL -> socket.setWantClientAuth(true);
                case REQUIRED -> socket.setNeedClientAuth(true);
            }
            Thread.ofVirtual().name("handshake-limit").start(() -> limit(accepted, socket));
            return socket;
        }

        /** The socket's own time-out begins anew with every byte. */
        private void limit(Socket accepted, SSLSocket socket) {
            try {
                Thread.sleep(patience);
                if (socket.getApplicationProtocol() == null) {
                    accepted.close();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (IOException e) {
                LOG.debug("closing a connection whose handshake did not end", e);
            }
        }

        @Override
        public String[] getDefaultCipherSuites() {
            return material.suites();
        }

        @Override
        public String[] getSupportedCipherSuites() {
            return material.suites();
        }

        @Override
        public Socket createSocket(Socket s, String host, int port, boolean autoClose) throws IOException {
            throw new IOException("this factory serves accepted connections only");
        }

        @Override
        public Socket createSocket(String host, int port) throws IOException {
            throw new IOException("this factory serves accepted connections only");
        }

        @Override
        public Socket createSocket(String host, int port, InetAddress from, int fromPort) throws IOException {
            throw new IOException("this factory serves accepted connections only");
        }

        @Override
        public Socket createSocket(InetAddress host, int port) throws IOException {
            throw new IOException("this factory serves accepted connections only");
        }

        @Override
        public Socket createSocket(InetAddress host, int port, InetAddress from, int fromPort) throws IOException {
            throw new IOException("this factory serves accepted connections only");
        }
    }
}
