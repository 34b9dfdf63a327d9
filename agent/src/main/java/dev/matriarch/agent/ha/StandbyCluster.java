package dev.matriarch.agent.ha;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The whole cluster follows another one. Whoever holds the lock follows the server given here and is no primary; all
 * others follow it.
 *
 * @param host of the remote cluster, several with commas; empty: there is nothing but an archive
 * @param port of all hosts, or as many with commas as there are hosts
 * @param slot that the remote cluster keeps for the leader of this one; empty: none
 * @param restoreCommand empty: none
 * @param archiveCleanupCommand empty: none
 * @param applyDelay recovery_min_apply_delay of the leader; empty: none
 * @param createReplicaMethods how the leader is made; empty: as the others are
 */
public record StandbyCluster(
        String host,
        String port,
        String slot,
        String restoreCommand,
        String archiveCleanupCommand,
        String applyDelay,
        List<String> createReplicaMethods) {
    public StandbyCluster {
        createReplicaMethods = List.copyOf(createReplicaMethods);
    }

    /** What the leader of this cluster follows. */
    public Upstream.Remote upstream() {
        return new Upstream.Remote(host, port, slot, applyDelay);
    }

    /** One of the remote servers to compare histories with; another one every ten seconds. */
    static Optional<Upstream.Of> toCompareWith(Settings settings, long now) {
        return settings.standbyCluster()
                .map(c -> c.upstream().servers())
                .flatMap(servers -> servers.isEmpty()
                        ? Optional.empty()
                        : Optional.of(servers.get((int) Math.floorMod(now / 10_000_000_000L, (long) servers.size()))));
    }

    /** Hosts and ports one by one. */
    static List<Upstream.Of> servers(String host, String port) {
        List<Upstream.Of> servers = new ArrayList<>();
        if (host.isEmpty()) {
            return servers;
        }
        String[] hosts = host.split(",");
        String[] ports = port.split(",");
        for (int i = 0; i < hosts.length; i++) {
            int number = Integer.parseInt(ports[Math.min(i, ports.length - 1)].strip());
            String name = hosts[i].strip();
            servers.add(new Upstream.Of("the remote cluster (" + name + ":" + number + ")", name, number));
        }
        return servers;
    }
}
