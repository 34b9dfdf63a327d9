package dev.matriarch.consul;

import dev.matriarch.dcs.http.TlsFiles;
import java.net.URI;
import java.util.List;
import java.util.Optional;

/**
 * How a cluster's keys in Consul are reached.
 *
 * @param base the path above the cluster's keys, ending with a slash and beginning with none
 * @param scope the cluster's name, as services are named after it
 * @param member this member's name
 * @param address the Consul agent to ask, usually that of this host
 * @param verify false: any certificate will do
 * @param checks ids of health checks that sessions end with, besides their time
 * @param service how this member is registered as a service, if it is
 * @param changeable what may change while the agent runs
 */
public record ConsulSettings(
        String base,
        String scope,
        String member,
        URI address,
        TlsFiles tls,
        boolean verify,
        List<String> checks,
        Service service,
        Changeable changeable) {
    public ConsulSettings {
        checks = List.copyOf(checks);
    }

    /**
     * @param interval of its health check, as Consul writes times: {@code 5s}
     * @param tlsServerName the name that the health check expects in the REST door's certificate
     */
    public record Service(String interval, Optional<String> tlsServerName) {}

    /**
     * @param token empty: Consul asks for none
     * @param datacenter empty: that of the Consul agent
     * @param register whether this member is registered as a service
     * @param tags of that service, besides the role
     */
    public record Changeable(
            Optional<String> token,
            Optional<String> datacenter,
            Consistency consistency,
            boolean register,
            List<String> tags) {
        public Changeable {
            tags = List.copyOf(tags);
        }

        @Override
        public String toString() {
            return "Changeable[" + datacenter + ", " + consistency + ", " + register + ", " + tags + "]";
        }
    }

    /** How fresh a view must be that is read by a member that does not hold the lock. */
    public enum Consistency {
        /** What Consul's leader holds. */
        DEFAULT,
        /** What Consul's leader holds after it has asked the others whether it still leads. */
        CONSISTENT,
        /** What any server holds, unless this member has seen something newer. */
        STALE
    }

    /** The path above the keys of a cluster: {@code namespace/scope/}, doubled slashes taken out. */
    public static String base(String namespace, String scope) {
        return (namespace + "/" + scope + "/").replaceAll("/+", "/").replaceFirst("^/", "");
    }
}
