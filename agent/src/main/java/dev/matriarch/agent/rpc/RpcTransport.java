package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.tls.ClientTls;
import dev.matriarch.tls.LiveTls;
import io.grpc.BindableService;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioServerSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * The one place that builds gRPC servers and channels, so that TLS has one place.
 *
 * <p>Two event loop threads serve all of them: one accepts, one moves bytes. Calls run on virtual threads. NIO instead
 * of epoll: it needs no native library unpacked to a directory that may be mounted noexec.
 */
public final class RpcTransport implements AutoCloseable {
    private static final int MAX_MESSAGE_BYTES = 4 << 20;
    private static final int MAX_CALLS_PER_CONNECTION = 64;
    private static final int CONNECT_TIMEOUT_MILLIS = 2_000;

    private final EventLoopGroup boss = eventLoop("rpc-accept");
    private final EventLoopGroup workers = eventLoop("rpc-io");
    private final ExecutorService calls = Executors.newThreadPerTaskExecutor(
            Thread.ofVirtual().name("rpc-", 0).factory());

    private final Optional<SslContext> server;
    private final Optional<SslContext> client;

    /** Without TLS. */
    public RpcTransport() {
        server = Optional.empty();
        client = Optional.empty();
    }

    /**
     * @param certificates of the server and of all channels; both sides of each connection show theirs
     * @throws IOException if they cannot be used
     */
    public RpcTransport(Optional<LiveTls> certificates) throws IOException {
        this(certificates, () -> false);
    }

    /**
     * @param ajar asked at each connection to a server: true lets somebody in who has no certificate yet, to what
     *     {@link OnlyWithCertificate} leaves open. Must return at once
     * @throws IOException if the certificates cannot be used
     */
    public RpcTransport(Optional<LiveTls> certificates, BooleanSupplier ajar) throws IOException {
        Optional<RpcTls> tls =
                certificates.isPresent() ? Optional.of(RpcTls.of(certificates.get(), ajar)) : Optional.empty();
        server = tls.map(RpcTls::server);
        client = tls.map(RpcTls::client);
    }

    /**
     * For somebody who only calls.
     *
     * @throws IOException if the certificates cannot be used
     */
    public RpcTransport(ClientTls certificates) throws IOException {
        server = Optional.empty();
        client = Optional.of(RpcTls.client(certificates));
    }

    private static EventLoopGroup eventLoop(String name) {
        return new MultiThreadIoEventLoopGroup(1, new DefaultThreadFactory(name, true), NioIoHandler.newFactory());
    }

    /**
     * Starts a server.
     *
     * @throws IOException if the address cannot be bound; the message names it and says what to do
     */
    Server serve(HostPort listen, List<BindableService> services) throws IOException {
        NettyServerBuilder builder = NettyServerBuilder.forAddress(new InetSocketAddress(listen.host(), listen.port()))
                .bossEventLoopGroup(boss)
                .workerEventLoopGroup(workers)
                .channelType(NioServerSocketChannel.class)
                .executor(calls)
                .maxConcurrentCallsPerConnection(MAX_CALLS_PER_CONNECTION)
                .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                .permitKeepAliveTime(2, TimeUnit.SECONDS)
                .permitKeepAliveWithoutCalls(true)
                .intercept(new ForwardMark())
                .intercept(new OnlyWithCertificate());
        server.ifPresent(builder::sslContext);
        services.forEach(builder::addService);
        try {
            return builder.build().start();
        } catch (IOException e) {
            throw new IOException(
                    "cannot listen on " + listen + " for the control port: " + reason(e)
                            + "; nothing was started. Stop what uses the address, or set control.listen to another one.",
                    e);
        }
    }

    private static String reason(Throwable e) {
        Throwable deepest = e;
        while (deepest.getCause() != null) {
            deepest = deepest.getCause();
        }
        return deepest.getMessage() == null ? deepest.toString() : deepest.getMessage();
    }

    /** A lazy channel: it connects at its first call and fails that call at once if nobody listens. */
    public ManagedChannel connect(HostPort address) {
        NettyChannelBuilder builder = NettyChannelBuilder.forAddress(address.host(), address.port())
                .eventLoopGroup(workers)
                .channelType(NioSocketChannel.class)
                .withOption(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_TIMEOUT_MILLIS)
                // Members talk to each other directly, whatever proxy the environment names.
                .proxyDetector(target -> null)
                .executor(calls)
                .offloadExecutor(calls)
                .disableRetry()
                .keepAliveTime(10, TimeUnit.SECONDS)
                .keepAliveTimeout(3, TimeUnit.SECONDS)
                .maxInboundMessageSize(MAX_MESSAGE_BYTES);
        client.ifPresentOrElse(builder::sslContext, builder::usePlaintext);
        return builder.build();
    }

    /** Virtual threads for work that belongs to a call. */
    ExecutorService calls() {
        return calls;
    }

    /** Ends the threads; servers and channels must have been closed. Takes at most two seconds. */
    @Override
    public void close() {
        calls.shutdownNow();
        Duration grace = Duration.ofSeconds(1);
        boss.shutdownGracefully(0, grace.toMillis(), TimeUnit.MILLISECONDS).awaitUninterruptibly(grace.toMillis());
        workers.shutdownGracefully(0, grace.toMillis(), TimeUnit.MILLISECONDS).awaitUninterruptibly(grace.toMillis());
    }
}
