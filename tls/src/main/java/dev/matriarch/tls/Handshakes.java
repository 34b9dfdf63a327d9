package dev.matriarch.tls;

import java.io.IOException;
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

    /** True for a connection that was cut without a word, as after a refusal whose alert was lost on the way. */
    public static boolean cut(Throwable failure) {
        int depth = 0;
        for (Throwable t = failure; t != null && depth < DEEPEST; t = t.getCause(), depth++) {
            String message = t.getMessage() == null ? "" : t.getMessage().toLowerCase(Locale.ROOT);
            if (t instanceof IOException
                    && (message.contains("reset")
                            || message.contains("broken pipe")
                            || message.contains("closed while performing tls")
                            || message.contains("network closed"))) {
                return true;
            }
        }
        return false;
    }
}
