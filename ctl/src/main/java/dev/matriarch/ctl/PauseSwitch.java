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
record PauseSwitch(Matriarchctl ctl, String clusterName, boolean pause, boolean waits) {
    private static final int ATTEMPTS = 5;
    private static final int POLL_MILLIS = 200;

    int carryOut() throws InterruptedException {
        Terminal terminal = ctl.terminal();
        try (Agents agents = ctl.reach(clusterName)) {
            if (agents.cluster().getPaused() == pause) {
                throw CtlException.refused(pause ? "Cluster is already paused" : "Cluster is not paused");
            }
            write(agents);
            if (!waits) {
                terminal.print(success());
                return 0;
            }
            terminal.print(
                    "'" + (pause ? "pause" : "resume") + "' request sent, waiting until it is recognized by all nodes");
            return await(agents, terminal);
        }
    }

    private String success() {
        return "Success: cluster management is " + (pause ? "paused" : "resumed");
    }

    private void write(Agents agents) {
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
            SetConfigReply reply = agents.call(stub -> stub.setConfig(SetConfigRequest.newBuilder()
                    .setJson(Json.text(config))
                    .setExpectedRevision(now.getRevision())
                    .build()));
            if (reply.getWritten()) {
                return;
            }
            if (!reply.getConflict()) {
                throw CtlException.refused(reply.getProblem());
            }
        }
        throw CtlException.refused("Config modification aborted due to concurrent changes");
    }

    private int await(Agents agents, Terminal terminal) throws InterruptedException {
        double limit = agents.cluster().getLoopWaitSeconds() + 1;
        long deadline = System.nanoTime() + Math.round(limit * 1e9);
        while (true) {
            List<String> behind = agents.refresh().getMembersList().stream()
                    .filter(m -> m.getPaused() != pause)
                    .map(MemberRow::getName)
                    .toList();
            if (behind.isEmpty()) {
                terminal.print(success());
                return 0;
            }
            if (System.nanoTime() > deadline) {
                terminal.print(String.join(", ", behind) + " members didn't recognized pause state after "
                        + ReloadCommand.seconds(limit) + " seconds");
                return CtlException.REFUSED;
            }
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        }
    }
}
