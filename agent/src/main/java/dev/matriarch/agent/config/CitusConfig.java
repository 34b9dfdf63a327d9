package dev.matriarch.agent.config;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The {@code citus} section: the part that this member's cluster plays in a distributed database.
 *
 * @param group 0 is the coordinator's, all others are workers'
 * @param database the one that is distributed
 * @param coordinator gRPC doors of the coordinator group's members, for a worker
 */
public record CitusConfig(int group, String database, List<HostPort> coordinator) {
    public static final int COORDINATOR = 0;

    private static final String PRELOAD = "shared_preload_libraries";
    private static final String PREPARED = "max_prepared_transactions";

    public CitusConfig {
        coordinator = List.copyOf(coordinator);
    }

    public boolean isCoordinator() {
        return group == COORDINATOR;
    }

    /** The name that this group's store goes by: the members of another group are refused there. */
    public String storeName(String scope) {
        return scope + "/" + group;
    }

    /**
     * The parameters without which Citus does not work. The extension wants to be the first library; its transactions over
     * several servers are prepared ones.
     *
     * @param given what the rest of the configuration leads to
     */
    public Map<String, String> parameters(Map<String, String> given, String localHost) {
        Map<String, String> all = new TreeMap<>(given);
        List<String> libraries = new ArrayList<>(List.of("citus"));
        Arrays.stream(given.getOrDefault(PRELOAD, "").split(","))
                .map(String::strip)
                .filter(library -> !library.isEmpty() && !library.equals("citus"))
                .forEach(libraries::add);
        all.put(PRELOAD, String.join(",", libraries));
        if (given.getOrDefault(PREPARED, "0").strip().equals("0")) {
            int connections = Integer.parseInt(
                    given.getOrDefault("max_connections", "100").strip());
            all.put(PREPARED, Integer.toString(2 * connections));
        }
        all.put("wal_level", "logical");
        all.put("citus.local_hostname", localHost);
        return all;
    }
}
