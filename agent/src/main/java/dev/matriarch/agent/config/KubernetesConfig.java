package dev.matriarch.agent.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The {@code kubernetes} section.
 *
 * @param context of a kubeconfig file; looked at only outside of a pod
 * @param labels of the objects and pods of the cluster, besides that of the scope
 * @param useEndpoints true: the state is in Endpoints, and the leader's are those of a service; false: in ConfigMaps
 * @param podIp what the leader's Endpoints lead to; empty: as the pod says of itself
 * @param ports of the leader's Endpoints
 * @param retriableHttpCodes asked again, besides those of the server's own trouble
 */
public record KubernetesConfig(
        Optional<String> context,
        String namespace,
        Map<String, String> labels,
        String scopeLabel,
        String roleLabel,
        String leaderLabelValue,
        String followerLabelValue,
        String standbyLeaderLabelValue,
        Optional<String> tmpRoleLabel,
        Map<String, String> bootstrapLabels,
        boolean useEndpoints,
        Optional<String> podIp,
        List<Port> ports,
        boolean bypassApiService,
        Set<Integer> retriableHttpCodes,
        Optional<Path> cacert)
        implements StoreConfig {
    public KubernetesConfig {
        labels = Map.copyOf(labels);
        bootstrapLabels = Map.copyOf(bootstrapLabels);
        ports = List.copyOf(ports);
        retriableHttpCodes = Set.copyOf(retriableHttpCodes);
    }

    /** @param protocol empty: TCP */
    public record Port(int port, Optional<String> name, Optional<String> protocol) {}

    @Override
    public boolean isExternal() {
        return true;
    }
}
