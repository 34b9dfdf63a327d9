package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.MemberRow;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Makes a cluster follow another one, or lets it have a primary of its own again.
 *
 * @param standby the section to write; empty: there is to be none
 */
record ClusterKind(Matriarchctl ctl, String clusterName, Map<String, Object> standby, boolean force, Report report) {
    private static final String SECTION = "standby_cluster";
    private static final Duration LONGEST = Duration.ofMinutes(10);
    private static final int POLL_MILLIS = 1000;

    private String action() {
        return standby.isEmpty() ? "promotion" : "demotion";
    }

    private String verb() {
        return standby.isEmpty() ? "promote" : "demote";
    }

    private String wantedRole() {
        return standby.isEmpty() ? "leader" : "standby_leader";
    }

    int carryOut() throws InterruptedException {
        try (Agents agents = ctl.reach(clusterName)) {
            GetClusterReply cluster = agents.cluster();
            Optional<MemberRow> leader = leader(cluster);
            if (leader.isEmpty()) {
                throw CtlException.refused("Cluster has no leader, " + action() + " is not possible");
            }
            if (leader.get().getRole().equals(wantedRole())) {
                throw CtlException.refused("Cluster is already in the required state");
            }
            new ClusterTable(cluster, Format.pretty, false).lines().forEach(ctl.terminal()::print);
            if (!force
                    && !ctl.terminal()
                            .confirm("Are you sure you want to " + verb() + " " + cluster.getScope() + " cluster?")) {
                throw CtlException.refused("Aborted cluster " + action());
            }
            SharedSetting setting = new SharedSetting(agents, report, verb() + "-cluster");
            return await(agents, setting, leader.get().getName(), setting.write(this::changed));
        }
    }

    private static Optional<MemberRow> leader(GetClusterReply cluster) {
        return cluster.getMembersList().stream().filter(ClusterTable::leads).findFirst();
    }

    private Map<String, Object> changed(Optional<Map<String, Object>> now) {
        Map<String, Object> config = now.orElseGet(LinkedHashMap::new);
        if (standby.isEmpty()) {
            config.remove(SECTION);
        } else {
            config.put(SECTION, standby);
        }
        return config;
    }

    private int await(Agents agents, SharedSetting setting, String before, String id) throws InterruptedException {
        long deadline = System.nanoTime() + LONGEST.toNanos();
        while (System.nanoTime() - deadline < 0) {
            GetClusterReply cluster = setting.answered(id, agents::refresh);
            Optional<MemberRow> leader = leader(cluster);
            boolean done = leader.filter(l ->
                            l.getRole().equals(wantedRole()) && l.getState().equals("running"))
                    .isPresent();
            Optional<MemberRow> former = cluster.getMembersList().stream()
                    .filter(m -> m.getName().equals(before) && !ClusterTable.leads(m))
                    .findFirst();
            ctl.terminal()
                    .print(ListCommand.now() + " cluster is unlocked: " + leader.isEmpty() + ", leader role: "
                            + leader.map(l -> l.getRole().equals("leader") ? "primary" : l.getRole())
                                    .orElse("")
                            + ", leader state: "
                            + leader.map(MemberRow::getState).orElse("")
                            + former.map(m -> ", previous leader state: " + m.getState())
                                    .orElse(""));
            if (done) {
                String success = "cluster is successfully " + verb() + "d";
                ctl.terminal().print(ListCommand.now() + " " + success);
                setting.told(id, 200, success).put("leader", leader.get().getName());
                new ClusterTable(cluster, Format.pretty, false).lines().forEach(ctl.terminal()::print);
                return 0;
            }
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        }
        String late = "The configuration is changed, but after " + LONGEST.toMinutes()
                + " minutes the leader is not what it should be: its log says why";
        setting.told(id, 503, late);
        throw CtlException.refused(late);
    }
}
