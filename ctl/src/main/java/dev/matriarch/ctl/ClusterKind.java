package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.GetConfigReply;
import dev.matriarch.proto.control.v1.GetConfigRequest;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.SetConfigReply;
import dev.matriarch.proto.control.v1.SetConfigRequest;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Makes a cluster follow another one, or lets it have a primary of its own again.
 *
 * @param standby the section to write; empty: there is to be none
 */
record ClusterKind(Matriarchctl ctl, String clusterName, Map<String, Object> standby, boolean force, Report report) {
    private static final String SECTION = "standby_cluster";
    private static final int ATTEMPTS = 5;
    private static final Duration LONGEST = Duration.ofMinutes(10);
    private static final int POLL_MILLIS = 1000;

    private String action() {
        return standby.isEmpty() ? "promotion" : "demotion";
    }

    private String verb() {
        return standby.isEmpty() ? "promote" : "demote";
    }

    private Map<String, Object> told(Agents agents, String id, int status, String message) {
        List<String> everybody = agents.cluster().getMembersList().stream()
                .map(MemberRow::getName)
                .toList();
        return report.add(agents.cluster().getScope(), verb() + "-cluster", everybody, id, status, message);
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
            return await(agents, leader.get().getName(), write(agents));
        }
    }

    private static Optional<MemberRow> leader(GetClusterReply cluster) {
        return cluster.getMembersList().stream().filter(ClusterTable::leads).findFirst();
    }

    /** @return the action's id */
    private String write(Agents agents) {
        String id = "";
        for (int i = 0; i < ATTEMPTS; i++) {
            GetConfigReply now = agents.call(stub -> stub.getConfig(GetConfigRequest.getDefaultInstance()));
            Map<String, Object> config =
                    now.getExists() ? new LinkedHashMap<>(Json.object(now.getJson())) : new LinkedHashMap<>();
            if (standby.isEmpty()) {
                config.remove(SECTION);
            } else {
                config.put(SECTION, standby);
            }
            String asked = Following.newId();
            SetConfigReply reply = answered(
                    agents,
                    asked,
                    () -> agents.call(stub -> stub.setConfig(SetConfigRequest.newBuilder()
                            .setJson(Json.text(config))
                            .setExpectedRevision(now.getRevision())
                            .setActionId(asked)
                            .build())));
            id = reply.getActionId();
            if (reply.getWritten()) {
                return id;
            }
            if (!reply.getConflict()) {
                // Only what was begun has an id: then it is the store that did not confirm it.
                told(agents, id, id.isEmpty() ? 400 : 503, reply.getProblem());
                throw CtlException.refused(reply.getProblem());
            }
        }
        String conflict = "Config modification aborted due to concurrent changes";
        told(agents, id, 409, conflict);
        throw CtlException.refused(conflict);
    }

    private <T> T answered(Agents agents, String id, Supplier<T> order) {
        try {
            return order.get();
        } catch (CtlException noAnswer) {
            told(agents, id, 503, noAnswer.getMessage());
            throw noAnswer;
        }
    }

    private int await(Agents agents, String before, String id) throws InterruptedException {
        long deadline = System.nanoTime() + LONGEST.toNanos();
        while (System.nanoTime() - deadline < 0) {
            GetClusterReply cluster = answered(agents, id, agents::refresh);
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
                told(agents, id, 200, success).put("leader", leader.get().getName());
                new ClusterTable(cluster, Format.pretty, false).lines().forEach(ctl.terminal()::print);
                return 0;
            }
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        }
        String late = "The configuration is changed, but after " + LONGEST.toMinutes()
                + " minutes the leader is not what it should be: its log says why";
        told(agents, id, 503, late);
        throw CtlException.refused(late);
    }
}
