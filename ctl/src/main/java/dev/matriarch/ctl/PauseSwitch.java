package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetConfigReply;
import dev.matriarch.proto.control.v1.GetConfigRequest;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.SetConfigReply;
import dev.matriarch.proto.control.v1.SetConfigRequest;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Switches the maintenance mode on or off. */
record PauseSwitch(Matriarchctl ctl, String clusterName, boolean pause, boolean waits, Report report) {
    private static final int ATTEMPTS = 5;
    private static final int POLL_MILLIS = 200;

    int carryOut() throws InterruptedException {
        Terminal terminal = ctl.terminal();
        try (Agents agents = ctl.reach(clusterName)) {
            if (agents.cluster().getPaused() == pause) {
                throw CtlException.refused(pause ? "Cluster is already paused" : "Cluster is not paused");
            }
            String id = write(agents);
            if (!waits) {
                terminal.print("Success: " + success());
                told(agents, id, 200, success());
                return 0;
            }
            terminal.print("'" + verb() + "' request sent, waiting until it is recognized by all nodes");
            return await(agents, terminal, id);
        }
    }

    private String verb() {
        return pause ? "pause" : "resume";
    }

    private static List<String> everybody(Agents agents) {
        return agents.cluster().getMembersList().stream()
                .map(MemberRow::getName)
                .toList();
    }

    private void told(Agents agents, String id, int status, String message) {
        report.add(agents.cluster().getScope(), verb(), everybody(agents), id, status, message);
    }

    private String success() {
        return "cluster management is " + (pause ? "paused" : "resumed");
    }

    /** @return the action's id */
    private String write(Agents agents) {
        String id = "";
        for (int i = 0; i < ATTEMPTS; i++) {
            GetConfigReply now = agents.call(stub -> stub.getConfig(GetConfigRequest.getDefaultInstance()));
            if (!now.getExists()) {
                throw CtlException.refused("The config key does not exist in the cluster "
                        + agents.cluster().getScope());
            }
            Map<String, Object> config = Json.object(now.getJson());
            if (pause) {
                config.put("pause", true);
            } else {
                config.remove("pause");
            }
            String asked = Following.newId();
            SetConfigReply reply = report.given(
                    agents.cluster().getScope(),
                    verb(),
                    everybody(agents),
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

    private int await(Agents agents, Terminal terminal, String id) throws InterruptedException {
        double limit = agents.cluster().getLoopWaitSeconds() + 1;
        long deadline = System.nanoTime() + Math.round(limit * 1e9);
        while (true) {
            List<String> behind = report
                    .given(agents.cluster().getScope(), verb(), everybody(agents), id, agents::refresh)
                    .getMembersList()
                    .stream()
                    .filter(m -> m.getPaused() != pause)
                    .map(MemberRow::getName)
                    .toList();
            if (behind.isEmpty()) {
                terminal.print("Success: " + success());
                told(agents, id, 200, success());
                return 0;
            }
            if (System.nanoTime() > deadline) {
                String late = String.join(", ", behind) + " members didn't recognized pause state after "
                        + ReloadCommand.seconds(limit) + " seconds";
                terminal.print(late);
                told(agents, id, 503, late);
                return CtlException.REFUSED;
            }
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        }
    }
}
