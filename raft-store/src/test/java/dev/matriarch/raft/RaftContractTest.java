package dev.matriarch.raft;

import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.contract.DcsContract;
import dev.matriarch.dcs.contract.Sample;
import dev.matriarch.dcs.contract.StoreUnderTest;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;

/** The built-in store keeps the contract of all stores. A store that does not answer is here a peer without the others. */
@Tag("slow")
class RaftContractTest extends DcsContract {
    @TempDir
    static Path dir;

    private static Peers shared;
    private static int made;

    @AfterAll
    static void stop() {
        if (shared != null) {
            shared.close();
        }
    }

    private static Peers started() throws Exception {
        Peers peers = new Peers(dir.resolve("group" + made++), 3);
        try {
            for (int i = 0; i < 3; i++) {
                peers.start(i);
            }
            Sample.await(Duration.ofSeconds(90), "the peers have formed a store", () -> {
                for (RaftStore store : peers.stores) {
                    if (!store.awaitReady(Duration.ofSeconds(5))) {
                        return false;
                    }
                }
                return true;
            });
            return peers;
        } catch (Exception | AssertionError e) {
            peers.close();
            throw e;
        }
    }

    /** Most tests take over the peers of the last one, with nothing in them. */
    @Override
    protected StoreUnderTest open() throws Exception {
        if (shared == null) {
            shared = started();
        }
        Dcs dcs = shared.dcs(0);
        Sample.await(Sample.TIMEOUT, "an empty store", () -> {
            var leader = dcs.read(Sample.TIMEOUT).leader();
            if (leader.isPresent()) {
                dcs.releaseLeader(leader.get().name(), leader.get().epoch(), Optional.empty(), Sample.TIMEOUT);
            }
            dcs.deleteCluster(Sample.TIMEOUT);
            long emptied = dcs.read(Sample.TIMEOUT).revision();
            return shared.dcs(1).read(Sample.TIMEOUT).revision() >= emptied;
        });
        return new ThreePeers(shared);
    }

    private static final class ThreePeers implements StoreUnderTest {
        private final Peers peers;
        private final Set<Integer> connected = new HashSet<>();
        private boolean frozen;

        ThreePeers(Peers peers) {
            this.peers = peers;
        }

        @Override
        public Dcs connect(String member) throws Exception {
            int i = Integer.parseInt(member.substring(1)) - 1;
            if (!connected.add(i)) {
                peers.stores.get(i).close();
                peers.start(i);
                peers.awaitReady();
            }
            // Its peer may be another one after a while.
            return (Dcs) Proxy.newProxyInstance(
                    Dcs.class.getClassLoader(), new Class<?>[] {Dcs.class}, (self, method, with) -> {
                        if (method.getName().equals("close")) {
                            return null;
                        }
                        try {
                            return method.invoke(peers.dcs(i), with);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    });
        }

        @Override
        public Duration ttl() {
            return Duration.ofSeconds(3);
        }

        @Override
        public Duration expiresWithin() {
            return Duration.ofSeconds(2);
        }

        @Override
        public void freeze() {
            frozen = true;
            peers.crash(1);
            peers.crash(2);
        }

        @Override
        public void thaw() throws Exception {
            peers.start(1);
            peers.start(2);
            peers.awaitReady();
        }

        @Override
        public void close() {
            if (frozen) {
                // Leases that were asked for to outlive it are left.
                shared = null;
                peers.close();
            }
        }
    }
}
