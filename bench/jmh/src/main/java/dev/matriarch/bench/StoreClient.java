package dev.matriarch.bench;

import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.http.TlsFiles;
import dev.matriarch.etcd.EtcdDcs;
import dev.matriarch.etcd.EtcdSettings;
import dev.matriarch.raft.RaftStore;
import dev.matriarch.raft.RaftStoreSettings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * A member of a store in a process of its own, as an agent is one: a peer of the built-in store, or a client of etcd. It obeys lines of
 * its standard input: {@code role} and {@code write CLIENTS SECONDS}, and answers each with one line.
 */
final class StoreClient {
    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    private static final String VALUE =
            "{\"ttl\": 30, \"loop_wait\": 10, \"retry_timeout\": 10, \"synchronous_mode\": \"quorum\","
                    + " \"postgresql\": {\"use_pg_rewind\": true, \"parameters\": {\"max_connections\": 100, \"wal_keep_size\": \"128MB\"}},"
                    + " \"number\": %d}";

    private final Dcs dcs;
    private final Supplier<String> role;
    private final AtomicInteger numbers = new AtomicInteger();

    private StoreClient(Dcs dcs, Supplier<String> role) {
        this.dcs = dcs;
        this.role = role;
    }

    /** Arguments: {@code raft NAME DIRECTORY ADDRESS ALL,ADDRESSES} or {@code etcd URL,URL}. */
    public static void main(String[] args) throws Exception {
        if (args[0].equals("raft")) {
            Path dir = Path.of(args[2]);
            try (RaftStore store = RaftStore.open(
                    new RaftStoreSettings(
                            "bench",
                            args[1],
                            dir.resolve("raft"),
                            dir.resolve("state"),
                            args[3],
                            args[3],
                            List.of(args[4].split(",")),
                            Duration.ofMillis(300),
                            Duration.ofMillis(600),
                            () -> Duration.ofSeconds(10),
                            "bench",
                            Optional.empty()),
                    s -> {})) {
                new StoreClient(store.dcs(), () -> store.status().role().name()).obey();
            }
        } else {
            List<URI> servers =
                    Arrays.stream(args[1].split(",")).map(URI::create).toList();
            try (EtcdDcs dcs = new EtcdDcs(new EtcdSettings(
                    "/service/bench/", servers, Optional.empty(), false, Optional.empty(), TlsFiles.NONE))) {
                new StoreClient(dcs, () -> "CLIENT").obey();
            }
        }
    }

    private void obey() throws IOException, InterruptedException {
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String order = orders.readLine(); order != null; order = orders.readLine()) {
            String[] words = order.split(" ");
            switch (words[0]) {
                case "role" -> System.out.println("role " + role.get());
                case "write" ->
                    System.out.println(
                            "wrote " + write(Integer.parseInt(words[1]), Duration.ofSeconds(Long.parseLong(words[2]))));
                case "next" -> System.out.println("written " + next(Long.parseLong(words[1])));
                default -> throw new IOException("unknown order: " + order);
            }
        }
    }

    /** Microseconds of each write that was confirmed, and {@code failed=N} at the end. */
    private String write(int clients, Duration time) throws InterruptedException {
        long end = System.nanoTime() + time.toNanos();
        long[][] micros = new long[clients][];
        AtomicInteger failed = new AtomicInteger();
        Thread[] threads = new Thread[clients];
        for (int i = 0; i < clients; i++) {
            int client = i;
            threads[i] = Thread.ofVirtual().start(() -> micros[client] = writeUntil(end, failed));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        StringBuilder line = new StringBuilder();
        for (long[] some : micros) {
            for (long one : some) {
                line.append(one).append(' ');
            }
        }
        return line.append("failed=").append(failed).toString();
    }

    private long[] writeUntil(long end, AtomicInteger failed) {
        long[] micros = new long[1024];
        int n = 0;
        while (System.nanoTime() < end) {
            long begin = System.nanoTime();
            if (!writeOnce()) {
                failed.incrementAndGet();
                continue;
            }
            if (n == micros.length) {
                micros = Arrays.copyOf(micros, 2 * n);
            }
            micros[n++] = (System.nanoTime() - begin) / 1000;
        }
        return Arrays.copyOf(micros, n);
    }

    private boolean writeOnce() {
        try {
            dcs.writeConfig(VALUE.formatted(numbers.incrementAndGet()), Expected.anything(), TIMEOUT);
            return true;
        } catch (DcsException e) {
            return false;
        }
    }

    /** @return {@code System.nanoTime()} of the first write that was asked for after {@code since} and confirmed; tried for 30 s */
    private long next(long since) throws InterruptedException {
        long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (System.nanoTime() < end) {
            if (System.nanoTime() > since && writeOnce()) {
                return System.nanoTime();
            }
            Thread.sleep(5);
        }
        return -1;
    }
}
