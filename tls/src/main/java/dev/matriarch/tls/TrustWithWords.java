package dev.matriarch.tls;

import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.X509ExtendedTrustManager;

/** The JDK's checks with the authorities of the moment, and a sentence about what is wrong. */
final class TrustWithWords extends X509ExtendedTrustManager {
    /** @param where the authorities come from, for sentences: a file's name */
    record Trust(X509ExtendedTrustManager checks, List<X509Certificate> authorities, String where) {}

    private final Supplier<Trust> now;
    private final Consumer<String> refusals;

    /** @param refusals is told of each peer whose certificate is not accepted, on the handshake's thread */
    TrustWithWords(Supplier<Trust> now, Consumer<String> refusals) {
        this.now = now;
        this.refusals = refusals;
    }

    private interface Check {
        void of(X509ExtendedTrustManager checks) throws CertificateException;
    }

    private void check(X509Certificate[] chain, String host, Check check) throws CertificateException {
        Trust trust = now.get();
        try {
            check.of(trust.checks());
        } catch (CertificateException e) {
            String sentence = sentence(chain, host, trust, e);
            refusals.accept(sentence);
            // The cause decides which alert the other side gets.
            throw new CertificateException(sentence, e.getCause() == null ? e : e.getCause());
        }
    }

    private static String sentence(X509Certificate[] chain, String host, Trust trust, CertificateException e) {
        if (chain == null || chain.length == 0) {
            return "the other side showed no certificate";
        }
        X509Certificate peer = chain[0];
        String which = "the certificate of " + CertificateWords.name(peer)
                + (host == null || host.isEmpty() ? "" : " (shown by " + host + ")");
        Instant time = Instant.now();
        for (X509Certificate one : chain) {
            String name = one == peer ? which : "the authority's certificate of " + CertificateWords.name(one);
            if (CertificateWords.expired(one, time)) {
                return name + " expired at " + one.getNotAfter().toInstant();
            }
            if (CertificateWords.notYet(one, time)) {
                return name + " is not valid before " + one.getNotBefore().toInstant()
                        + "; look at the clocks of both hosts";
            }
        }
        X509Certificate last = chain[chain.length - 1];
        if (trust.authorities().stream().noneMatch(a -> a.equals(last) || signed(last, a))) {
            return which + " was issued by " + CertificateWords.issuer(last) + ", which is none of the authorities in "
                    + trust.where();
        }
        if (e.getMessage() != null
                && (e.getMessage().startsWith("No subject alternative")
                        || e.getMessage().startsWith("No name matching"))) {
            return which + " is made for " + CertificateWords.hosts(peer) + ", not for " + host;
        }
        return which + " is not accepted: " + e.getMessage();
    }

    private static boolean signed(X509Certificate certificate, X509Certificate authority) {
        try {
            certificate.verify(authority.getPublicKey());
            return true;
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) throws CertificateException {
        check(chain, null, checks -> checks.checkClientTrusted(chain, type));
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) throws CertificateException {
        check(
                chain,
                socket.getInetAddress() == null ? null : socket.getInetAddress().getHostAddress(),
                checks -> checks.checkClientTrusted(chain, type, socket));
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) throws CertificateException {
        check(chain, engine.getPeerHost(), checks -> checks.checkClientTrusted(chain, type, engine));
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException {
        check(chain, null, checks -> checks.checkServerTrusted(chain, type));
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) throws CertificateException {
        String host = socket instanceof SSLSocket s && s.getHandshakeSession() != null
                ? s.getHandshakeSession().getPeerHost()
                : null;
        check(chain, host, checks -> checks.checkServerTrusted(chain, type, socket));
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) throws CertificateException {
        check(chain, engine.getPeerHost(), checks -> checks.checkServerTrusted(chain, type, engine));
    }

    /** None are named to clients: who has a certificate shows it, and learns what is wrong with it. */
    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return new X509Certificate[0];
    }
}
