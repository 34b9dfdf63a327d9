package dev.matriarch.chaos;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Many GETs of one path. A connection is kept for as long as the server keeps it, and opened anew when it does not: what
 * that costs is part of the answer's time.
 */
final class RestLoad {
    private final InetSocketAddress address;
    private final byte[] request;
    private final int connections;

    /** @param latencies of each answer, in nanoseconds, sorted */
    record Result(double perSecond, long[] latencies, long wrong) {
        double millis(double share) {
            return latencies.length == 0
                    ? Double.NaN
                    : latencies[(int) Math.min(latencies.length - 1, share * latencies.length)] / 1e6;
        }
    }

    RestLoad(String url, int connections) {
        URI uri = URI.create(url);
        this.address = new InetSocketAddress(uri.getHost(), uri.getPort());
        this.request = ("GET " + uri.getPath() + " HTTP/1.1\r\nHost: " + uri.getHost() + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII);
        this.connections = connections;
    }

    /** @param perSecond wanted in all; 0: as many as there can be. An answer's time counts from when its turn had come */
    Result run(Duration time, int perSecond) throws InterruptedException {
        long begin = System.nanoTime();
        long end = begin + time.toNanos();
        long interval = perSecond == 0 ? 0 : 1_000_000_000L * connections / perSecond;
        AtomicLong wrong = new AtomicLong();
        List<long[]> all = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < connections; i++) {
            long first = begin + interval * i / connections;
            threads.add(Thread.ofPlatform().start(() -> {
                long[] mine = ask(first, interval, end, wrong);
                synchronized (all) {
                    all.add(mine);
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        long[] sorted = all.stream().flatMapToLong(Arrays::stream).sorted().toArray();
        return new Result(sorted.length / seconds, sorted, wrong.get());
    }

    private long[] ask(long first, long interval, long end, AtomicLong wrong) {
        long[] latencies = new long[1024];
        int count = 0;
        long turn = first;
        try (Connection connection = new Connection()) {
            while (true) {
                long now = System.nanoTime();
                if (interval == 0) {
                    turn = now;
                } else if (turn > now) {
                    Thread.sleep(Duration.ofNanos(turn - now));
                }
                if (turn - end >= 0) {
                    return Arrays.copyOf(latencies, count);
                }
                try {
                    if (connection.ask() != 200) {
                        wrong.incrementAndGet();
                    }
                } catch (IOException e) {
                    connection.end();
                    wrong.incrementAndGet();
                }
                if (count == latencies.length) {
                    latencies = Arrays.copyOf(latencies, count * 2);
                }
                latencies[count++] = System.nanoTime() - turn;
                turn += interval;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Arrays.copyOf(latencies, count);
        }
    }

    private final class Connection implements AutoCloseable {
        private Socket socket;
        private InputStream in;
        private OutputStream out;

        int ask() throws IOException {
            if (socket == null) {
                socket = new Socket();
                socket.setTcpNoDelay(true);
                socket.setSoTimeout(10_000);
                socket.connect(address, 5000);
                in = new BufferedInputStream(socket.getInputStream(), 8192);
                out = socket.getOutputStream();
            }
            out.write(request);
            String status = line();
            long length = -1;
            boolean keeps = status.startsWith("HTTP/1.1");
            for (String header = line(); !header.isEmpty(); header = line()) {
                String lower = header.toLowerCase(Locale.ROOT);
                if (lower.startsWith("content-length:")) {
                    length = Long.parseLong(lower.substring(15).strip());
                } else if (lower.startsWith("connection: close")) {
                    keeps = false;
                }
            }
            if (length >= 0) {
                in.skipNBytes(length);
            } else {
                in.transferTo(OutputStream.nullOutputStream());
                keeps = false;
            }
            if (!keeps) {
                end();
            }
            return Integer.parseInt(status.substring(9, 12));
        }

        private String line() throws IOException {
            StringBuilder line = new StringBuilder(64);
            for (int c = in.read(); c != '\n'; c = in.read()) {
                if (c < 0) {
                    throw new EOFException("the connection ended");
                }
                if (c != '\r') {
                    line.append((char) c);
                }
            }
            return line.toString();
        }

        @Override
        public void close() {
            end();
        }

        private void end() {
            if (socket != null) {
                try {
                    socket.close();
                } catch (IOException e) {
                    // It is not used again either way.
                    socket = null;
                }
                socket = null;
            }
        }
    }
}
