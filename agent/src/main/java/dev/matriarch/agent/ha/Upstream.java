package dev.matriarch.agent.ha;

import java.util.List;

/** Whom a standby follows. */
public sealed interface Upstream {
    /** Stream from a member. */
    record Of(String member, String host, int port) implements Upstream {}

    /**
     * Stream from another cluster, or take its WAL from the archive.
     *
     * @param host several with commas; empty: archive only
     * @param slot empty: none
     * @param applyDelay as PostgreSQL takes it; empty: none
     */
    record Remote(String host, String port, String slot, String applyDelay) implements Upstream {
        public List<Of> servers() {
            return StandbyCluster.servers(host, port);
        }

        public String words() {
            return host.isEmpty()
                    ? "the archive of the remote cluster"
                    : "the remote cluster at " + host + " port " + port;
        }
    }

    /** Nobody is there to follow: run as a read-only server without a WAL receiver. */
    record Nobody() implements Upstream {}
}
