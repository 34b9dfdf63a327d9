package dev.matriarch.zookeeper;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.json.ClusterKeys;
import java.util.function.Consumer;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hears of changes of a cluster's keys. Nothing depends on it but how soon a change is noticed: every read asks ZooKeeper
 * itself. Whatever happens while it is not connected is one {@link Change#RESYNC} afterwards.
 */
final class ZooKeeperWatch {
    private static final Logger LOG = LoggerFactory.getLogger(ZooKeeperWatch.class);

    private final CuratorFramework curator;
    private final String base;
    private final Consumer<Change> listener;

    /** One object: ZooKeeper's client tells each as often as there are different ones. */
    private final Watcher watcher = this::heard;

    ZooKeeperWatch(CuratorFramework curator, String base, Consumer<Change> listener) {
        this.curator = curator;
        this.base = base;
        this.listener = listener;
        curator.getConnectionStateListenable().addListener((client, state) -> connected(state));
        if (curator.getZookeeperClient().isConnected()) {
            begin();
        }
    }

    private void connected(ConnectionState state) {
        switch (state) {
            case CONNECTED -> begin();
            case RECONNECTED -> {
                begin();
                listener.accept(Change.RESYNC);
            }
            default -> LOG.debug("the connection to ZooKeeper: {}", state);
        }
    }

    /** Twice is as good as once. */
    private void begin() {
        try {
            curator.watchers()
                    .add()
                    .withMode(AddWatchMode.PERSISTENT_RECURSIVE)
                    .inBackground((client, event) -> {
                        // Where the connection broke it is asked for again as soon as there is one.
                        if (event.getResultCode() != 0
                                && event.getResultCode() != KeeperException.Code.CONNECTIONLOSS.intValue()) {
                            LOG.warn(
                                    "ZooKeeper does not tell of changes ({}): they are seen at the next turn of the loop",
                                    event.getResultCode());
                        }
                    })
                    .usingWatcher(watcher)
                    .forPath(base);
        } catch (Exception e) {
            LOG.debug("no watch on {}: {}", base, e.toString());
        }
    }

    private void heard(WatchedEvent event) {
        String path = event.getPath();
        if (path != null && path.startsWith(base + "/")) {
            ClusterKeys.changeOf(path.substring(base.length() + 1)).ifPresent(listener);
        }
    }
}
