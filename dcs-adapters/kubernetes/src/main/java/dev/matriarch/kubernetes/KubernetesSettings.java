package dev.matriarch.kubernetes;

import java.net.URI;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Where a cluster's objects are, and how its pods are marked.
 *
 * @param access how the API server is reached
 * @param namespace of the objects and of the members' pods
 * @param scope the cluster's name; the objects' names begin with it
 * @param citusGroup of a cluster that is a group of Citus
 * @param member this member's name, and its pod's
 * @param labels of the objects and of the members' pods, without that of the scope
 * @param scopeLabel whose value is the scope
 * @param roles how a pod's role is marked
 * @param bootstrapLabels that a pod has while its data is being made
 * @param endpoints where the leader is published; empty: the objects are ConfigMaps and nothing is
 * @param bypassService true: the API servers are asked themselves, not through their service
 * @param retriableCodes HTTP codes that are asked again, besides those of the server's own trouble
 */
public record KubernetesSettings(
        Access access,
        String namespace,
        String scope,
        Optional<Integer> citusGroup,
        String member,
        Map<String, String> labels,
        String scopeLabel,
        Roles roles,
        Map<String, String> bootstrapLabels,
        Optional<LeaderEndpoints> endpoints,
        boolean bypassService,
        Set<Integer> retriableCodes) {
    private static final String CITUS_LABEL = "citus-group";

    public KubernetesSettings {
        labels = Map.copyOf(labels);
        bootstrapLabels = Map.copyOf(bootstrapLabels);
        retriableCodes = Set.copyOf(retriableCodes);
    }

    /** How the API server is reached. */
    public sealed interface Access {}

    /** As a pod does. @param token read again as it changes */
    public record ServiceAccount(URI server, Path token, Optional<Path> authorities) implements Access {}

    /** By a file as kubectl has it. @param context empty: that file's current one */
    public record KubeConfig(Optional<String> context, Optional<Path> authorities) implements Access {}

    /** Without a name, as to a proxy on the same host. */
    public record Plain(URI server) implements Access {}

    /** @param temporary a further label with fixed values, for changes of the others without an interruption */
    public record Roles(
            String label, String leader, String follower, String standbyLeader, Optional<String> temporary) {}

    /** @param podIp empty: as the pod says of itself */
    public record LeaderEndpoints(Optional<String> podIp, List<Port> ports) {
        public LeaderEndpoints {
            ports = List.copyOf(ports);
        }
    }

    public record Port(int port, Optional<String> name, Optional<String> protocol) {}

    /** The plural that the API knows the objects by. */
    String kind() {
        return endpoints.isPresent() ? "endpoints" : "configmaps";
    }

    String kindName() {
        return endpoints.isPresent() ? "Endpoints" : "ConfigMap";
    }

    private String base() {
        return citusGroup.map(group -> scope + "-" + group).orElse(scope);
    }

    /** Name of the object that is the lock. */
    String leaderName() {
        return endpoints.isPresent() ? base() : base() + "-leader";
    }

    String configName() {
        return base() + "-config";
    }

    String failoverName() {
        return base() + "-failover";
    }

    String syncName() {
        return base() + "-sync";
    }

    /** Of every object of this cluster. */
    Map<String, String> allLabels() {
        Map<String, String> all = new LinkedHashMap<>(labels);
        all.put(scopeLabel, scope);
        citusGroup.ifPresent(group -> all.put(CITUS_LABEL, Integer.toString(group)));
        return all;
    }
}
