package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.store.v1.HelloRequest;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A connection that is dead without a sign, as after a cut from which a host comes back with another address. */
@Tag("slow")
class DeadConnectionTest {
    private static final Duration CALL = Duration.ofSeconds(1);

    @TempDir
    Path dir;

    /** Passes bytes on between its callers and one address. From a cut on it swallows them; mending it helps new callers only. */
    private static final class Relay implements AutoCloseable {
        private final ServerSocket door;
        private final PeerAddress target;
        private final List<AtomicBoolean> connections = new CopyOnWriteArrayList<>();
        private volatile boolean cut;

        Relay(String target) throws IOException, StoreStartException {
            this.target = PeerAddress.parse(target);
            this.door = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
            Thread.ofVirtual().start(this::serve);
        }

        String address() {
            return "127.0.0.1:" + door.getLocalPort();
        }

        void cut() {
            cut = true;
            connections.forEach(dead -> dead.set(true));
        }

        void mend() {
            cut = false;
        }

        private void serve() {
            try {
                while (true) {
                    Socket caller = door.accept();
                    Socket called;
                    try {
                        called = new Socket(target.host(), target.port());
                    } catch (IOException e) {
                        // Nobody listens yet, or any more: to the caller it is as if he had asked there.
                        caller.close();
                        continue;
                    }
                    AtomicBoolean dead = new AtomicBoolean();
                    connections.add(dead);
                    dead.compareAndSet(false, cut);
                    Thread.ofVirtual().start(() -> pass(caller, called, dead));
                    Thread.ofVirtual().start(() -> pass(called, caller, dead));
                }
            } catch (IOException e) {
                // Closed.
            }
        }

        private static void pass(Socket from, Socket to, AtomicBoolean dead) {
            byte[] bytes = new byte[8192];
            try (from;
                    to) {
                InputStream in = from.getInputStream();
                OutputStream out = to.getOutputStream();
                for (int n = in.read(bytes); n >= 0; n = in.read(bytes)) {
                    if (!dead.get()) {
                        out.write(bytes, 0, n);
                    }
                }
            } catch (IOException e) {
                // One end is gone.
            }
        }

        @Override
        public void close() throws IOException {
            door.close();
        }
    }

    @Test
    void isReplacedWithinSecondsByCallsThatAreMadeOnIt() throws Exception {
        try (Peers peers = new Peers(dir, 1).startAll();
                Relay relay = new Relay(peers.addresses.getFirst());
                RaftTransport transport = new RaftTransport(
                        Peers.settings("test", "n9", dir.resolve("n9"), "127.0.0.9:7000", List.of()))) {
            PeerRpc rpc = new PeerRpc(transport);
            rpc.hello(relay.address(), HelloRequest.getDefaultInstance(), Peers.TIMEOUT);
            relay.cut();
            relay.mend();
            long begin = System.nanoTime();
            int unanswered = 0;
            while (!answers(rpc, relay.address())) {
                unanswered++;
                // Without anybody looking after it: a quarter of an hour.
                assertTrue(System.nanoTime() - begin < Duration.ofSeconds(90).toNanos(), "still the dead connection");
            }
            assertTrue(unanswered > 0, "the connection was not dead");
        }
    }

    /** Entries go from the Raft leader to the others, votes between all of them: neither asks for a sign of life by itself. */
    @Test
    @Timeout(300)
    void ofRatisIsReplacedWithinSecondsWhetherAPeerIsLostOrTheMajority() throws Exception {
        try (Peers peers = new Peers(dir, 3)) {
            List<Relay> doors = new ArrayList<>();
            for (String address : peers.addresses) {
                doors.add(new Relay(address));
            }
            try {
                List<String> known = doors.stream().map(Relay::address).toList();
                for (int i = 0; i < 3; i++) {
                    RaftStoreSettings own = peers.settings(i);
                    peers.stores.set(i, RaftStore.open(through(own, known.get(i), known), s -> {}));
                }
                peers.awaitReady();
                int lost = (peers.raftLeader() + 1) % 3;
                doors.get(lost).cut();
                awaitContact(peers, List.of(lost), false);
                doors.get(lost).mend();
                awaitContact(peers, List.of(lost), true);
                doors.forEach(Relay::cut);
                awaitContact(peers, List.of(0, 1, 2), false);
                doors.forEach(Relay::mend);
                awaitContact(peers, List.of(0, 1, 2), true);
            } finally {
                for (Relay door : doors) {
                    door.close();
                }
            }
        }
    }

    private static RaftStoreSettings through(RaftStoreSettings own, String door, List<String> known) {
        return new RaftStoreSettings(
                own.scope(),
                own.name(),
                own.dataDir(),
                own.stateDir(),
                door,
                own.bindAddress(),
                known,
                own.electionTimeoutMin(),
                own.electionTimeoutMax(),
                own.retryTimeout(),
                own.origin(),
                own.tls());
    }

    /** Well beyond an election, and far below what TCP would take. */
    private static void awaitContact(Peers peers, List<Integer> of, boolean wanted) throws Exception {
        Peers.awaitTrue(
                Duration.ofSeconds(90),
                wanted ? "contact of " + of : "loss by " + of,
                () -> of.stream().allMatch(i -> peers.stores.get(i).status().lastContactMillis() < 2000 == wanted));
    }

    private static boolean answers(PeerRpc rpc, String address) throws Exception {
        try {
            rpc.hello(address, HelloRequest.getDefaultInstance(), CALL);
            return true;
        } catch (StatusRuntimeException e) {
            return false;
        }
    }
}
