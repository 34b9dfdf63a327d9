package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.MemberRow;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Switches the maintenance mode on or off. */
record PauseSwitch(Matriarchctl ctl, String clusterName, boolean pause, boolean waits, Report report) {
    private static final int POLL_MILLIS = 200;

    int carryOut() throws InterruptedException {
        Terminal terminal = ctl.terminal();
        try (Agents agents = ctl.reach(clusterName)) {
            if (agents.cluster().getPaused() == pause) {
                throw CtlException.refused(pause ? "Cluster is already paused" : "Cluster is not paused");
            }
            SharedSetting setting = new SharedSetting(agents, report, verb());
            String scope = agents.cluster().getScope();
            String id = setting.write(now -> changed(scope, now));
            if (!waits) {
                terminal.print("Success: " + success());
                setting.told(id, 200, success());
                return 0;
            }
            terminal.print("'" + verb() + "' request sent, waiting until it is recognized by all nodes");
            return await(agents, setting, terminal, id);
        }
    }

    private String verb() {
        return pause ? "pause" : "resume";
    }

    private String success() {
        return "cluster management is " + (pause ? "paused" : "resumed");
    }

    private Map<String, Object> changed(String scope, Optional<Map<String, Object>> now) {
        Map<String, Object> config =
                now.orElseThrow(() -> CtlException.refused("The config key does not exist in the cluster " + scope));
        if (pause) {
            config.put("pause", true);
        } else {
            config.remove("pause");
        }
        return config;
    }

    private int await(Agents agents, SharedSetting setting, Terminal terminal, String id) throws InterruptedException {
        double limit = agents.cluster().getLoopWaitSeconds() + 1;
        long deadline = System.nanoTime() + Math.round(limit * 1e9);
        while (true) {
            List<String> behind = setting.answered(id, agents::refresh).getMembersList().stream()
                    .filter(m -> m.getPaused() != pause)
                    .map(MemberRow::getName)
                    .toList();
            if (behind.isEmpty()) {
                terminal.print("Success: " + success());
                setting.told(id, 200, success());
                return 0;
            }
            if (System.nanoTime() > deadline) {
                String late = String.join(", ", behind) + " members didn't recognized pause state after "
                        + ReloadCommand.seconds(limit) + " seconds";
                terminal.print(late);
                setting.told(id, 503, late);
                return CtlException.REFUSED;
            }
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        }
    }
}
