package dev.matriarch.tls;

import java.io.EOFException;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.util.Locale;
import java.util.Optional;
import javax.net.ssl.SSLException;

/** Why a connection with TLS did not come about, as far as this side can know. Pure. */
public final class Handshakes {
    private static final int DEEPEST = 20;

    private Handshakes() {}

    /**
     * @param own the certificate that this side shows, for people; absent: none
     * @return empty if the failure has nothing to do with TLS
     */
    public static Optional<String> words(Throwable failure, Optional<String> own) {
        Optional<String> found = Optional.empty();
        int depth = 0;
        for (Throwable t = failure; t != null && depth < DEEPEST; t = t.getCause(), depth++) {
            if (t instanceof java.security.cert.CertificateException && t.getMessage() != null) {
                // This side's own verdict, as TrustWithWords put it.
                return Optional.of(t.getMessage());
            }
            String message = t.getMessage() == null ? "" : t.getMessage();
            if (found.isEmpty() && t instanceof SSLException) {
                found = Optional.of(ofSsl(message, own));
            }
        }
        return found;
    }

    private static String ofSsl(String message, Optional<String> own) {
        String lower = message.toLowerCase(Locale.ROOT);
        if (lower.contains("not an ssl/tls record")
                || lower.contains("unsupported or unrecognized ssl message")
                || lower.contains("plaintext connection")) {
            return "it speaks no TLS";
        }
        if (lower.contains("remote host terminated the handshake")) {
            return cutWords("it was closed", own);
        }
        int alert = lower.indexOf("received fatal alert: ");
        if (alert < 0) {
            return "no TLS connection: " + message;
        }
        String name = lower.substring(alert + "received fatal alert: ".length()).replaceAll("[^a-z_].*", "");
        String shown = own.map(o -> "it refused this side's certificate " + o).orElse("");
        return switch (name) {
            case "certificate_required", "handshake_failure", "bad_certificate" ->
                own.isEmpty()
                        ? "it asks for a client certificate, and this side has none"
                        : shown + ": " + name + "; its log says why";
            case "certificate_expired" ->
                own.isEmpty() ? message : shown + ": by its clock that or its authority has expired";
            case "certificate_unknown",
                    "unknown_ca",
                    "certificate_revoked",
                    "unsupported_certificate",
                    "access_denied" -> own.isEmpty() ? message : shown + ": " + name + "; its log says why";
            default -> "it ended the TLS handshake: " + name;
        };
    }

    /**
     * What is likely of a connection that was cut before the other side agreed to it. With TLS 1.3 a client has done its part of
     * the handshake before the server looks at its certificate: the refusal comes later, and is lost if what the client has sent
     * by then makes the server's host reset the connection.
     *
     * @param how what this side saw of it
     * @param own the certificate that this side shows, for people; absent: none
     */
    public static String cutWords(String how, Optional<String> own) {
        return "it cut the connection during the TLS handshake or right after it (" + how + "): perhaps "
                + own.map(o -> "it refuses this side's certificate " + o)
                        .orElse("it asks for a client certificate, of which there is none")
                + "; its log says why";
    }

    /** True for a connection that was cut without a word, as after a refusal whose alert was lost on the way. */
    public static boolean cut(Throwable failure) {
        int depth = 0;
        for (Throwable t = failure; t != null && depth < DEEPEST; t = t.getCause(), depth++) {
            String message = t.getMessage() == null ? "" : t.getMessage().toLowerCase(Locale.ROOT);
            boolean bySocket = t instanceof ClosedChannelException
                    || t instanceof EOFException
                    || t instanceof IOException && (message.contains("reset") || message.contains("broken pipe"));
            // gRPC's words for a connection that was closed in good order.
            if (bySocket
                    || message.contains("closed while performing tls")
                    || message.contains("network closed for unknown reason")) {
                return true;
            }
        }
        return false;
    }
}
