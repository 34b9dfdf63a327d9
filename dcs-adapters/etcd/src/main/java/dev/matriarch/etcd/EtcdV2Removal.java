package dev.matriarch.etcd;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.etcd.EtcdCluster.Again;
import dev.matriarch.etcd.EtcdV2Api.If;
import dev.matriarch.etcd.KeyTree.Entry;
import java.time.Duration;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes a cluster from a store that removes a tree without looking: key by key, each as it was seen, under a leader key that
 * lets nobody else lead meanwhile. Whatever is held up on its way removes nothing that was written later.
 */
final class EtcdV2Removal {
    private static final Logger LOG = LoggerFactory.getLogger(EtcdV2Removal.class);
    private static final int MOST_ROUNDS = 8;

    /** In the leader key; no member can be called so. */
    private static final String NOBODY = "(being removed)";

    private final EtcdV2Api api;
    private final String base;

    EtcdV2Removal(EtcdV2Api api, String base) {
        this.api = api;
        this.base = base;
    }

    void run(Duration timeout) throws DcsException {
        Budget budget = new Budget(timeout);
        TreeSet<String> directories = new TreeSet<>(Comparator.reverseOrder());
        directories.add(ClusterKeys.MEMBERS_PREFIX);
        lock(EtcdV2Lock.seconds(timeout), budget);
        for (int round = 0; round < MOST_ROUNDS; round++) {
            KeyTree tree = api.tree(base, budget);
            boolean rest = false;
            for (Map.Entry<String, Entry> key : tree.entries().entrySet()) {
                for (int slash = key.getKey().lastIndexOf('/');
                        slash > 0;
                        slash = key.getKey().lastIndexOf('/', slash - 1)) {
                    directories.add(key.getKey().substring(0, slash + 1));
                }
                if (!key.getKey().equals(ClusterKeys.LEADER)) {
                    rest = true;
                    delete(key.getKey(), key.getValue(), budget);
                }
            }
            if (!rest) {
                Optional<Entry> ours =
                        tree.entry(ClusterKeys.LEADER).filter(l -> l.value().equals(NOBODY));
                if (ours.isPresent()) {
                    delete(ClusterKeys.LEADER, ours.get(), budget);
                }
                directories.forEach(directory -> deleteDirectory(base + directory, budget));
                deleteDirectory(base, budget);
                return;
            }
        }
        throw new DcsException("Members go on writing below " + base + ": stop them, and try again.");
    }

    private void lock(long seconds, Budget budget) throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            Optional<Entry> leader = api.tree(base, budget).entry(ClusterKeys.LEADER);
            if (leader.filter(l -> !l.value().equals(NOBODY)).isPresent()) {
                throw new DcsException(
                        "Somebody holds the leader lock; nothing was removed. Its server may take writes until"
                                + " its lease ends: stop it, and try again.");
            }
            if (api.put(base + ClusterKeys.LEADER, NOBODY, seconds, If.unchanged(leader), Again.ALLOWED, budget)
                    .done()) {
                return;
            }
        }
        throw new DcsException("the leader key in etcd changes faster than it can be asked for");
    }

    private void delete(String key, Entry entry, Budget budget) throws DcsException {
        api.delete(base + key, new If.Unchanged(entry.modified()), Again.ALLOWED, budget);
    }

    /** An empty one that stays is in nobody's way. */
    private void deleteDirectory(String path, Budget budget) {
        try {
            api.deleteDirectory(path, budget);
        } catch (DcsException e) {
            LOG.debug("the directory {} stays: {}", path, e.getMessage());
        }
    }
}
