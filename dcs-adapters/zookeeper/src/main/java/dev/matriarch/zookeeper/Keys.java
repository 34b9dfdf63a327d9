package dev.matriarch.zookeeper;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import java.util.List;
import java.util.Optional;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.data.ACL;

/**
 * Where a cluster's keys are, and how they are made.
 *
 * @param acl of each key that is made
 */
record Keys(String base, List<ACL> acl) {
    String of(String key) {
        return base + "/" + key;
    }

    /** A write that is conditioned on what was seen. */
    Op put(String key, Optional<Node> seen, String value) {
        return seen.map(node -> Op.setData(of(key), Connections.bytes(value), node.version()))
                .orElseGet(() -> create(key, value));
    }

    /** One that ends with the session. */
    Op createEphemeral(String key, String value) {
        return Op.create(of(key), Connections.bytes(value), acl, CreateMode.EPHEMERAL);
    }

    Op create(String key, String value) {
        return Op.create(of(key), Connections.bytes(value), acl, CreateMode.PERSISTENT);
    }

    /** As {@link #put}, and what it results in tells the transaction. */
    List<Op> putTold(String key, Optional<Node> seen, String value) {
        return seen.isPresent()
                ? List.of(put(key, seen, value))
                : List.of(create(key, value), Op.setData(of(key), Connections.bytes(value), 0));
    }

    /** The path above the keys, and the one above the members. */
    void makeParents(Connections connections, Budget budget) throws DcsException {
        String whole = of("members");
        for (int end = whole.indexOf('/', 1); ; end = whole.indexOf('/', end + 1)) {
            String path = end < 0 ? whole : whole.substring(0, end);
            try {
                connections.repeat(budget, (requests, b) -> {
                    // Whoever may not create it needs not, where it is already.
                    if (!Requests.await(requests.exists(path), b)) {
                        Op make = Op.create(path, new byte[0], acl, CreateMode.PERSISTENT);
                        Requests.await(requests.multi(List.of(make)), b);
                    }
                    return path;
                });
            } catch (KeeperException e) {
                if (e.code() != KeeperException.Code.NODEEXISTS) {
                    throw Requests.refused(e);
                }
            }
            if (end < 0) {
                return;
            }
        }
    }
}
