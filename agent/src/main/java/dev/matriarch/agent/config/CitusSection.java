package dev.matriarch.agent.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads the {@code citus} section. */
final class CitusSection {
    private static final int CONTROL_PORT = ConfigFile.REST_PORT + 1;
    /** What pg_dist_node can hold. */
    private static final int MOST = Integer.MAX_VALUE;

    private final Section section;
    private final Findings findings;

    CitusSection(Section section, Findings findings) {
        this.section = section;
        this.findings = findings;
    }

    /** @return empty if something is wrong with it */
    Optional<CitusConfig> read() {
        int group = section.integer("group", CitusConfig.COORDINATOR, CitusConfig.COORDINATOR, MOST);
        String database = section.text("database", "");
        List<HostPort> coordinator = coordinator();
        if (!section.has("group")) {
            findings.add(section.key("group"), "is missing: 0 for the coordinator, 1 and up for the workers");
        }
        if (!section.has("database")) {
            findings.add(section.key("database"), "is missing: the name of the database that is distributed");
        }
        if (section.has("group") && group != CitusConfig.COORDINATOR && !section.has("coordinator")) {
            findings.add(
                    section.key("coordinator"),
                    "is missing: each group keeps its state in a built-in store of its own, so a worker has to be told"
                            + " where the coordinator is; give the control addresses (control.connect_address, by"
                            + " default the REST port plus 1) of all members of group 0");
        }
        if (group == CitusConfig.COORDINATOR && section.has("coordinator")) {
            section.problem("coordinator", "is for workers: the members of group 0 learn of the others from them");
        }
        section.finish();
        return section.has("group") && !database.isEmpty()
                ? Optional.of(new CitusConfig(group, database, coordinator))
                : Optional.empty();
    }

    private List<HostPort> coordinator() {
        List<HostPort> all = new ArrayList<>();
        for (String text : section.textsOrCommas("coordinator")) {
            try {
                all.add(HostPort.parse(text, CONTROL_PORT));
            } catch (IllegalArgumentException e) {
                findings.add(
                        section.key("coordinator"), text, "is not an address: " + e.getMessage(), Optional.empty());
            }
        }
        return all;
    }

    /** A shard that loses commits is a distributed database that contradicts itself: quorum unless told otherwise. */
    static String withSynchronousMode(String dcsJson) {
        return DynamicConfigJson.merge("{\"synchronous_mode\":\"quorum\"}", dcsJson);
    }
}
