package dev.matriarch.agent.config;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads {@code exhibitor}, with Patroni's keys. */
final class ExhibitorSection {
    private static final int PORT = 8181;

    private final Section s;
    private final Findings findings;

    ExhibitorSection(Section section, Findings findings) {
        this.s = section;
        this.findings = findings;
    }

    /** @return empty if something is wrong with it */
    Optional<ZooKeeperConfig> read() {
        int before = findings.problems().size();
        int port = s.integer("port", PORT, 1, 65535);
        Duration interval = s.duration("poll_interval", Duration.ofSeconds(300), Duration.ofSeconds(1));
        List<URI> hosts = new ArrayList<>();
        for (String host : s.textsOrCommas("hosts")) {
            try {
                // Without a port of their own, as in Patroni.
                hosts.add(new HostPort(HostPort.parse(host, port).host(), port).url("http"));
            } catch (IllegalArgumentException e) {
                findings.add(s.key("hosts"), host, "is not an address: " + e.getMessage(), Optional.empty());
            }
        }
        ZooKeeperAccess access = new ZooKeeperAccessKeys(s, findings).read();
        s.finish();
        if (hosts.isEmpty() && findings.problems().size() == before) {
            findings.add(
                    s.key("hosts"), "is missing: give the hosts that run Exhibitor, such as ['10.0.0.1', '10.0.0.2']");
        }
        return findings.problems().size() > before
                ? Optional.empty()
                : Optional.of(new ZooKeeperConfig(
                        List.of(), Optional.of(new ZooKeeperConfig.Exhibitor(hosts, interval)), access));
    }
}
