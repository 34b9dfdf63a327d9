package dev.matriarch.agent.rpc;

import dev.matriarch.tls.ClientTls;
import dev.matriarch.tls.EmptyBouncyCastle;
import dev.matriarch.tls.LiveTls;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.netty.handler.ssl.ClientAuth;
import io.grpc.netty.shaded.io.netty.handler.ssl.DelegatingSslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import io.grpc.netty.shaded.io.netty.handler.ssl.util.BouncyCastleUtil;
import java.io.IOException;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;

/**
 * TLS as gRPC wants it, on certificates that may be renewed. The JDK's own: a native library would have to be unpacked to a
 * directory that may be mounted noexec.
 */
record RpcTls(SslContext server, SslContext client) {
    static {
        // Before a server's context is made, which begins with this search.
        EmptyBouncyCastle.during(BouncyCastleUtil::getBcProviderJce);
    }

    /** A resumed session is not checked again: none may outlive a certificate for long. */
    private static final Duration LONGEST_SESSION = Duration.ofMinutes(1);

    /**
     * @param ajar asked at each connection: true lets those in who show no certificate; they reach what
     *     {@link OnlyWithCertificate} leaves open to them. Must return at once
     * @throws IOException if the JDK lacks what is needed
     */
    static RpcTls of(LiveTls certificates, BooleanSupplier ajar) throws IOException {
        try {
            SslContext server = GrpcSslContexts.configure(
                            SslContextBuilder.forServer(certificates.keyManager()), SslProvider.JDK)
                    .trustManager(certificates.trustManager())
                    .clientAuth(ClientAuth.REQUIRE)
                    .sessionTimeout(LONGEST_SESSION.toSeconds())
                    .build();
            SslContext client = GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.JDK)
                    .keyManager(certificates.keyManager())
                    .trustManager(certificates.trustManager())
                    .sessionTimeout(LONGEST_SESSION.toSeconds())
                    .build();
            return new RpcTls(new Door(server, ajar), client);
        } catch (SSLException e) {
            throw new IOException("no TLS for the control port: " + e.getMessage(), e);
        }
    }

    /**
     * Of somebody who calls once.
     *
     * @throws IOException if the JDK lacks what is needed
     */
    static SslContext client(ClientTls certificates) throws IOException {
        SslContextBuilder builder = GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.JDK)
                .trustManager(certificates.trust());
        certificates.keys().ifPresent(builder::keyManager);
        try {
            return builder.build();
        } catch (SSLException e) {
            throw new IOException("no TLS for a call: " + e.getMessage(), e);
        }
    }

    /** A certificate that is shown is checked either way. */
    private static final class Door extends DelegatingSslContext {
        private final BooleanSupplier ajar;

        Door(SslContext closed, BooleanSupplier ajar) {
            super(closed);
            this.ajar = ajar;
        }

        @Override
        protected void initEngine(SSLEngine engine) {
            if (ajar.getAsBoolean()) {
                engine.setWantClientAuth(true);
            }
        }
    }
}
