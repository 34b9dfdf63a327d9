package dev.matriarch.rest;

import io.helidon.common.socket.SocketOptions;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.net.SocketOption;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * Helidon's socket options, and a read timeout that also holds while a connection has not said its first word: Helidon
 * knows such a connection nowhere, so its idle timeout never closes it. Each accepted connection passes here, and is counted.
 */
record AcceptedSocketOptions(SocketOptions standard, Duration silence, OpenConnections connections)
        implements SocketOptions {
    @Override
    public void configureSocket(SocketChannel channel) {
        SocketOptions.super.configureSocket(channel);
        try {
            channel.socket().setSoTimeout(Math.toIntExact(silence.toMillis()));
        } catch (SocketException e) {
            throw new UncheckedIOException("the connection is gone already", e);
        }
        connections.admit(channel);
    }

    @Override
    public Map<SocketOption<?>, Object> socketOptions() {
        return standard.socketOptions();
    }

    @Override
    public Duration connectTimeout() {
        return standard.connectTimeout();
    }

    @Override
    public Duration readTimeout() {
        return silence;
    }

    @Override
    public Optional<Integer> socketReceiveBufferSize() {
        return standard.socketReceiveBufferSize();
    }

    @Override
    public Optional<Integer> socketSendBufferSize() {
        return standard.socketSendBufferSize();
    }

    @Override
    public boolean socketReuseAddress() {
        return standard.socketReuseAddress();
    }

    @Override
    public boolean socketKeepAlive() {
        return standard.socketKeepAlive();
    }

    @Override
    public boolean tcpNoDelay() {
        return true;
    }
}
