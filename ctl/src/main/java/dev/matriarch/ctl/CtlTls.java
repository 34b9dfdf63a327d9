package dev.matriarch.ctl;

import dev.matriarch.tls.ClientTls;
import dev.matriarch.tls.Handshakes;
import dev.matriarch.tls.TlsFiles;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import javax.net.ssl.SSLException;

/**
 * How agents are to be spoken to. {@code ctl.*} comes first, then the {@code tls} section of an agent's own configuration.
 *
 * @param context absent: in plain text
 * @param own the certificate that agents are shown, for people
 */
record CtlTls(Optional<SslContext> context, Optional<String> own) {
    static final CtlTls NONE = new CtlTls(Optional.empty(), Optional.empty());

    /**
     * @param setting of a section and key, from file or environment; empty: not given
     * @param insecure of {@code -k}
     * @throws CtlException if a file cannot be used
     */
    static CtlTls of(BiFunction<String, String, Optional<String>> setting, boolean insecure) {
        boolean anyAgent =
                insecure || setting.apply("ctl", "insecure").filter(CtlTls::yes).isPresent();
        Optional<Path> ca = path(setting, "ctl", "cacert")
                .or(() -> path(setting, "tls", "ca").or(() -> own(setting, TlsFiles.AUTHORITIES)));
        Optional<Path> certificate = path(setting, "ctl", "certfile");
        Optional<Path> key = path(setting, "ctl", "keyfile");
        Optional<String> password = password(setting, "ctl", "keyfile_password");
        if (certificate.isEmpty() && key.isPresent()) {
            throw CtlException.usage(
                    "ctl.keyfile is given without ctl.certfile: name the certificate that it belongs to");
        }
        if (certificate.isEmpty()) {
            certificate = path(setting, "tls", "certificate").or(() -> own(setting, TlsFiles.NODE));
            key = path(setting, "tls", "key").or(() -> own(setting, TlsFiles.NODE));
            password = password(setting, "tls", "key_password");
        }
        if (ca.isEmpty() && certificate.isEmpty()) {
            return NONE;
        }
        if (ca.isEmpty() && !anyAgent) {
            throw CtlException.usage("ctl.cacert is missing: the authority that the agents' certificates come from;"
                    + " with --insecure they are not checked");
        }
        try {
            ClientTls tls = ClientTls.read(anyAgent ? Optional.empty() : ca, certificate, key, password);
            SslContextBuilder builder = GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.JDK)
                    .trustManager(tls.trust());
            tls.keys().ifPresent(builder::keyManager);
            return new CtlTls(Optional.of(builder.build()), tls.words());
        } catch (SSLException e) {
            throw CtlException.refused("no TLS: " + e.getMessage());
        } catch (IOException e) {
            throw CtlException.refused("no TLS: " + e.getMessage()
                    + (e.getCause() instanceof AccessDeniedException
                            ? "; run matriarchctl as a user who may, or give ctl.certfile and ctl.keyfile of your own"
                            : ""));
        }
    }

    private static boolean yes(String text) {
        return Set.of("true", "yes", "on", "1").contains(text.toLowerCase(Locale.ROOT));
    }

    private static Optional<Path> path(
            BiFunction<String, String, Optional<String>> setting, String section, String key) {
        return setting.apply(section, key).map(Path::of);
    }

    /** Of a directory of certificates that the cluster's own authority makes. */
    private static Optional<Path> own(BiFunction<String, String, Optional<String>> setting, String file) {
        return path(setting, "tls", "directory").map(d -> d.resolve(file));
    }

    private static Optional<String> password(
            BiFunction<String, String, Optional<String>> setting, String section, String key) {
        return setting.apply(section, key)
                .or(() -> setting.apply(section, key + "_file").map(file -> {
                    try {
                        return Files.readString(Path.of(file)).replaceFirst("\\R\\z", "");
                    } catch (IOException e) {
                        throw CtlException.refused(section + "." + key + "_file: cannot read " + file);
                    }
                }));
    }

    void apply(NettyChannelBuilder channel) {
        context.ifPresentOrElse(channel::sslContext, channel::usePlaintext);
    }

    /**
     * What a failed call has to do with TLS, if anything.
     *
     * @param otherwise what is said of it if it has nothing to do with it
     */
    Optional<String> words(Throwable failure, String otherwise) {
        boolean cutAtOnce = FirstContact.missing(failure) && Handshakes.cut(failure);
        if (context.isPresent()) {
            return Handshakes.words(failure, own)
                    .or(() -> cutAtOnce
                            ? Optional.of(Handshakes.cutWords(otherwise, own)
                                    + (own.isEmpty() ? "; give ctl.certfile and ctl.keyfile" : ""))
                            : Optional.empty());
        }
        String plainText = "it does not speak plain text; if it asks for TLS, give ctl.cacert, ctl.certfile and"
                + " ctl.keyfile, or -c with the agent's own configuration";
        if (otherwise.contains("not SETTINGS")) {
            return Optional.of(plainText);
        }
        // What a door that wants TLS answers to plain text is lost if its host resets the connection.
        return cutAtOnce
                ? Optional.of("it cut the connection before it said anything (" + otherwise + "): perhaps " + plainText)
                : Optional.empty();
    }
}
