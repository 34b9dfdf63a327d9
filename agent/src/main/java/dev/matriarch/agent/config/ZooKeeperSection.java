package dev.matriarch.agent.config;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads {@code zookeeper}, with Patroni's keys. */
final class ZooKeeperSection {
    private static final int PORT = 2181;

    private final Section s;
    private final Findings findings;

    ZooKeeperSection(Section section, Findings findings) {
        this.s = section;
        this.findings = findings;
    }

    /** @return empty if something is wrong with it */
    Optional<ZooKeeperConfig> read() {
        int before = findings.problems().size();
        List<URI> servers = new ArrayList<>();
        for (String host : s.textsOrCommas("hosts")) {
            try {
                servers.add(URI.create("zk://" + HostPort.parse(host, PORT)));
            } catch (IllegalArgumentException e) {
                findings.add(s.key("hosts"), host, "is not an address: " + e.getMessage(), Optional.empty());
            }
        }
        ZooKeeperAccess access = new ZooKeeperAccessKeys(s, findings).read();
        s.finish();
        if (servers.isEmpty() && findings.problems().size() == before) {
            findings.add(
                    s.key("hosts"),
                    "is missing: give the addresses of ZooKeeper's servers, such as ['10.0.0.1:2181', '10.0.0.2:2181']");
        }
        return findings.problems().size() > before
                ? Optional.empty()
                : Optional.of(new ZooKeeperConfig(servers, Optional.empty(), access));
    }
}
