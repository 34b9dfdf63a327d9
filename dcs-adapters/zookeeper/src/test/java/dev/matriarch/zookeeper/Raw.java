package dev.matriarch.zookeeper;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** ZooKeeper as others see it, with nothing but its own client. */
final class Raw {
    private Raw() {}

    interface Work<T> {
        T with(ZooKeeper zk) throws Exception;
    }

    static <T> T ask(URI server, Work<T> work) throws Exception {
        return ask(server, 0, work);
    }

    private static <T> T ask(URI server, long session, Work<T> work) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        byte[] password = new byte[16];
        // The server's own rule: whoever may see a session's number can end it.
        new Random(session ^ 0xB3415C00L).nextBytes(password);
        ZooKeeper zk = new ZooKeeper(
                server.getAuthority(),
                5000,
                event -> {
                    if (event.getState() == KeeperState.SyncConnected) {
                        connected.countDown();
                    }
                },
                session,
                password);
        try {
            if (!connected.await(10, TimeUnit.SECONDS)) {
                throw new IOException("no connection");
            }
            return work.with(zk);
        } finally {
            zk.close();
        }
    }

    /** 0: there is no such key, or it belongs to none. */
    static long owner(URI server, String path) throws Exception {
        return ask(server, zk -> {
            Stat stat = zk.exists(path, false);
            return stat == null ? 0L : stat.getEphemeralOwner();
        });
    }

    /** Those that these keys belong to. */
    static void endSessions(URI server, List<String> paths) throws Exception {
        Set<Long> sessions = new HashSet<>();
        for (String path : paths) {
            sessions.add(owner(server, path));
        }
        sessions.remove(0L);
        for (long session : sessions) {
            endSession(server, session);
        }
    }

    static void endSession(URI server, long session) throws Exception {
        ask(server, session, zk -> session);
    }

    static void put(URI server, String path, String value) throws Exception {
        byte[] data = value.getBytes(StandardCharsets.UTF_8);
        ask(server, zk -> {
            for (int end = path.indexOf('/', 1); end > 0; end = path.indexOf('/', end + 1)) {
                if (zk.exists(path.substring(0, end), false) == null) {
                    zk.create(path.substring(0, end), new byte[0], ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
                }
            }
            try {
                return zk.setData(path, data, -1);
            } catch (KeeperException.NoNodeException none) {
                return zk.create(path, data, ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            }
        });
    }

    /** Null: there is no such key. */
    static String get(URI server, String path) throws Exception {
        return ask(server, zk -> {
            try {
                return new String(zk.getData(path, false, null), StandardCharsets.UTF_8);
            } catch (KeeperException.NoNodeException none) {
                return null;
            }
        });
    }
}
