package dev.matriarch.zookeeper;

import java.nio.charset.StandardCharsets;
import org.apache.zookeeper.data.Stat;

/**
 * A key as ZooKeeper has it.
 *
 * @param created transaction that made it
 * @param modified transaction that gave it its value
 * @param version how often its value was set since it was made; what writes can be conditioned on
 * @param owner session that it ends with; 0: none
 */
record Node(String value, long created, long modified, int version, long owner) {
    static Node of(byte[] data, Stat stat) {
        return new Node(
                data == null ? "" : new String(data, StandardCharsets.UTF_8),
                stat.getCzxid(),
                stat.getMzxid(),
                stat.getVersion(),
                stat.getEphemeralOwner());
    }
}
