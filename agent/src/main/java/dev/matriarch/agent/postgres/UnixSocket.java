package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * A socket file as a {@link Socket} whose connecting, reading and writing end in time: the JDK's own channels for socket
 * files block without end, or not at all.
 *
 * <p>One thread reads and one writes; {@link #close} may come from any thread and ends both. What concerns TCP only does
 * nothing.
 */
final class UnixSocket extends Socket {
    private static final int BETWEEN_ATTEMPTS_MILLIS = 10;

    private final Path file;
    private volatile SocketChannel channel;
    private volatile Selector readable;
    private volatile Selector writable;
    private volatile int timeoutMillis;
    private volatile boolean closed;

    UnixSocket(Path file) {
        this.file = file;
    }

    /** @param ignored the file is known */
    @Override
    public void connect(SocketAddress ignored) throws IOException {
        connect(ignored, 0);
    }

    /**
     * A server with a full queue of connections makes others wait; the kernel tells who does not want to wait to come
     * back.
     */
    @Override
    public void connect(SocketAddress ignored, int connectMillis) throws IOException {
        long begun = System.nanoTime();
        while (true) {
            if (closed) {
                throw new SocketException("the socket is closed");
            }
            SocketChannel attempt = SocketChannel.open(StandardProtocolFamily.UNIX);
            boolean connected = false;
            try {
                attempt.configureBlocking(false);
                connected = attempt.connect(UnixDomainSocketAddress.of(file));
                if (connected) {
                    readable = Selector.open();
                    attempt.register(readable, SelectionKey.OP_READ);
                    channel = attempt;
                    return;
                }
            } catch (IOException e) {
                if (!String.valueOf(e.getMessage()).contains("temporarily unavailable")) {
                    throw new SocketException(file + ": " + e.getMessage(), e);
                }
            } finally {
                if (!connected) {
                    attempt.close();
                }
            }
            if (connectMillis > 0 && System.nanoTime() - begun > TimeUnit.MILLISECONDS.toNanos(connectMillis)) {
                throw new SocketTimeoutException(file + " did not accept the connection in time");
            }
            try {
                Thread.sleep(BETWEEN_ATTEMPTS_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("connecting to " + file + " was interrupted");
            }
        }
    }

    private int read(byte[] bytes, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, length);
        long begun = System.nanoTime();
        while (true) {
            int count = requireChannel().read(buffer);
            if (count != 0) {
                return count;
            }
            await(readable, begun, "read");
        }
    }

    private void write(byte[] bytes, int offset, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, length);
        long begun = System.nanoTime();
        while (buffer.hasRemaining()) {
            if (requireChannel().write(buffer) == 0) {
                if (writable == null) {
                    writable = Selector.open();
                    requireChannel().register(writable, SelectionKey.OP_WRITE);
                }
                await(writable, begun, "written");
            }
        }
    }

    private SocketChannel requireChannel() throws SocketException {
        SocketChannel open = channel;
        if (closed || open == null) {
            throw new SocketException(closed ? "the socket is closed" : "the socket is not connected");
        }
        return open;
    }

    /** Until the channel is ready, or closed. */
    private void await(Selector selector, long begun, String what) throws IOException {
        long left = 0;
        if (timeoutMillis > 0) {
            left = timeoutMillis - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
            if (left <= 0) {
                throw new SocketTimeoutException("nothing could be " + what + " within " + timeoutMillis + " ms");
            }
        }
        try {
            selector.select(left);
            selector.selectedKeys().clear();
        } catch (ClosedSelectorException e) {
            throw new SocketException("the socket is closed", e);
        }
        if (Thread.currentThread().isInterrupted()) {
            close();
            throw new InterruptedIOException("interrupted");
        }
    }

    @Override
    public InputStream getInputStream() throws IOException {
        requireChannel();
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return UnixSocket.this.read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] bytes, int offset, int length) throws IOException {
                return UnixSocket.this.read(bytes, offset, length);
            }

            @Override
            public void close() throws IOException {
                UnixSocket.this.close();
            }
        };
    }

    @Override
    public OutputStream getOutputStream() throws IOException {
        requireChannel();
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                UnixSocket.this.write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                UnixSocket.this.write(bytes, offset, length);
            }

            @Override
            public void close() throws IOException {
                UnixSocket.this.close();
            }
        };
    }

    /** Selectors first: they wake whoever waits, and let go of the channel. */
    @Override
    public void close() throws IOException {
        closed = true;
        for (Selector selector : new Selector[] {readable, writable}) {
            if (selector != null) {
                selector.close();
            }
        }
        SocketChannel open = channel;
        if (open != null) {
            open.close();
        }
    }

    @Override
    public void setSoTimeout(int millis) {
        timeoutMillis = millis;
    }

    @Override
    public int getSoTimeout() {
        return timeoutMillis;
    }

    @Override
    public boolean isConnected() {
        return channel != null;
    }

    @Override
    public boolean isBound() {
        return channel != null;
    }

    @Override
    public boolean isClosed() {
        return closed;
    }

    @Override
    public void shutdownInput() {}

    @Override
    public void shutdownOutput() throws IOException {
        requireChannel().shutdownOutput();
    }

    @Override
    public InetAddress getInetAddress() {
        return InetAddress.getLoopbackAddress();
    }

    @Override
    public SocketAddress getRemoteSocketAddress() {
        return UnixDomainSocketAddress.of(file);
    }

    @Override
    public void bind(SocketAddress address) {}

    @Override
    public void setTcpNoDelay(boolean on) {}

    @Override
    public boolean getTcpNoDelay() {
        return true;
    }

    @Override
    public void setKeepAlive(boolean on) {}

    @Override
    public boolean getKeepAlive() {
        return true;
    }

    @Override
    public void setSendBufferSize(int size) {}

    @Override
    public int getSendBufferSize() {
        return 1 << 16;
    }

    @Override
    public void setReceiveBufferSize(int size) {}

    @Override
    public int getReceiveBufferSize() {
        return 1 << 16;
    }

    @Override
    public void setSoLinger(boolean on, int seconds) {}

    @Override
    public String toString() {
        return "UnixSocket[" + file + "]";
    }
}
