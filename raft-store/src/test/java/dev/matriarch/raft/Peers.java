package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.matriarch.dcs.Dcs;
import dev.matriarch.tls.LiveTls;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;

/** Several stores in this JVM, each on its own loopback address. */
final class Peers implements AutoCloseable {
    static final Duration TIMEOUT = Duration.ofSeconds(5);
    static final Duration RETRY_TIMEOUT = Duration.ofSeconds(2);

    final List<String> addresses = new ArrayList<>();
    final List<RaftStore> stores = new ArrayList<>();
    final List<String> progress = new CopyOnWriteArrayList<>();
    private final Path dir;

    Peers(Path dir, int count) throws IOException {
        this.dir = dir;
        for (int i = 1; i <= count; i++) {
            addresses.add("127.0.0." + i + ":" + freePort("127.0.0." + i));
            stores.add(null);
        }
    }

    static int freePort(String host) throws IOException {
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(host, 0));
            return socket.getLocalPort();
        }
    }

    RaftStoreSettings settings(int i) {
        return settings("test", "n" + (i + 1), dataDir(i), addresses.get(i), addresses);
    }

    static RaftStoreSettings settings(String scope, String name, Path dataDir, String self, List<String> partners) {
        return settings(scope, name, dataDir, self, partners, Optional.empty());
    }

    static RaftStoreSettings settings(
            String scope, String name, Path dataDir, String self, List<String> partners, Optional<LiveTls> tls) {
        return new RaftStoreSettings(
                scope,
                name,
                dataDir,
                stateDir(dataDir),
                self,
                self,
                partners,
                Duration.ofMillis(300),
                Duration.ofMillis(600),
                () -> RETRY_TIMEOUT,
                name + ".yml",
                tls);
    }

    /** Survives the loss of the data directory. */
    static Path stateDir(Path dataDir) {
        return dataDir.resolveSibling(dataDir.getFileName() + "-state");
    }

    Path dataDir(int i) {
        return dir.resolve("n" + (i + 1));
    }

    RaftStore start(int i) throws StoreStartException {
        RaftStore store = RaftStore.open(settings(i), progress::add);
        stores.set(i, store);
        return store;
    }

    Peers startAll() throws Exception {
        for (int i = 0; i < stores.size(); i++) {
            start(i);
        }
        awaitReady();
        return this;
    }

    void awaitReady() throws InterruptedException {
        for (int i = 0; i < stores.size(); i++) {
            if (stores.get(i) != null) {
                awaitReady(i);
            }
        }
    }

    void awaitReady(int i) throws InterruptedException {
        RaftStore store = stores.get(i);
        assertTrue(store.awaitReady(Duration.ofSeconds(20)), () -> store.dcs().health());
    }

    Dcs dcs(int i) {
        return stores.get(i).dcs();
    }

    /** Stops a peer without handing over, as a crash would. */
    void crash(int i) {
        stores.get(i).crash();
        stores.set(i, null);
    }

    int raftLeader() throws Exception {
        return await(Duration.ofSeconds(15), "a Raft leader", () -> {
            for (int i = 0; i < stores.size(); i++) {
                if (stores.get(i) != null && stores.get(i).status().role() == RaftStatus.Role.LEADER) {
                    return Optional.of(i);
                }
            }
            return Optional.empty();
        });
    }

    static <T> T await(Duration timeout, String what, Callable<Optional<T>> condition) throws Exception {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (true) {
            Optional<T> value = condition.call();
            if (value.isPresent()) {
                return value.get();
            }
            if (System.nanoTime() - deadline > 0) {
                return fail("no " + what + " within " + timeout);
            }
            Thread.sleep(10);
        }
    }

    static void awaitTrue(Duration timeout, String what, Callable<Boolean> condition) throws Exception {
        await(timeout, what, () -> condition.call() ? Optional.of(true) : Optional.empty());
    }

    @Override
    public void close() {
        for (RaftStore store : stores) {
            if (store != null) {
                store.close();
            }
        }
    }
}
