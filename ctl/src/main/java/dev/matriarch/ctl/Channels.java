package dev.matriarch.ctl;

import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import io.grpc.netty.shaded.io.netty.util.concurrent.DefaultThreadFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The channels to agents, all of them made here, and what went wrong on one. */
final class Channels implements AutoCloseable {
    private final EventLoopGroup io =
            new MultiThreadIoEventLoopGroup(1, new DefaultThreadFactory("ctl-io", true), NioIoHandler.newFactory());
    private final List<ManagedChannel> open = new ArrayList<>();
    private final Map<String, ManagedChannel> byAddress = new LinkedHashMap<>();
    private final CtlTls tls;

    /** @param tls how agents are spoken to */
    Channels(CtlTls tls) {
        this.tls = tls;
    }

    /** A new one. */
    ManagedChannel open(Settings.Endpoint endpoint) {
        NettyChannelBuilder builder = NettyChannelBuilder.forAddress(endpoint.host(), endpoint.port())
                .eventLoopGroup(io)
                .channelType(NioSocketChannel.class)
                .proxyDetector(target -> null)
                .disableRetry()
                // A host that vanishes ends nothing by itself: an order may take half an hour.
                .keepAliveTime(10, TimeUnit.SECONDS)
                .keepAliveTimeout(5, TimeUnit.SECONDS)
                .directExecutor();
        tls.apply(builder);
        FirstContact.watch(builder);
        ManagedChannel one = builder.build();
        open.add(one);
        return one;
    }

    /** The one to this agent, whether it answers or not. One that has just come back is reached at once, not after a while. */
    ManagedChannel to(Settings.Endpoint endpoint) {
        ManagedChannel known = byAddress.get(endpoint.toString());
        if (known != null && known.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
            known.shutdownNow();
            open.remove(known);
            known = null;
        }
        if (known == null) {
            known = open(endpoint);
            byAddress.put(endpoint.toString(), known);
        }
        return known;
    }

    /** What went wrong, without gRPC's wrapping. */
    String reason(Throwable failure) {
        String plain = plainReason(failure);
        return tls.words(failure, plain).orElse(plain);
    }

    private static String plainReason(Throwable failure) {
        if (failure instanceof StatusRuntimeException e) {
            Throwable cause = e.getStatus().getCause();
            while (cause != null && cause.getCause() != null) {
                cause = cause.getCause();
            }
            if (cause != null && cause.getMessage() != null) {
                return cause.getMessage();
            }
            return switch (e.getStatus().getCode()) {
                case DEADLINE_EXCEEDED -> "no answer in time";
                default ->
                    e.getStatus().getDescription() == null
                            ? e.getStatus().getCode().name()
                            : e.getStatus().getDescription();
            };
        }
        return failure.toString();
    }

    @Override
    public void close() {
        open.forEach(ManagedChannel::shutdownNow);
        // Its thread is a daemon: nobody needs to wait for it.
        io.shutdownGracefully(0, 0, TimeUnit.MILLISECONDS);
    }
}
