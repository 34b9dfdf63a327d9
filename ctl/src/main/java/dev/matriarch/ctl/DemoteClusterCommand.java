package dev.matriarch.ctl;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "demote-cluster", description = "Make this cluster follow another one, without a primary of its own.")
final class DemoteClusterCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(names = "--host", description = "The remote cluster's servers, with commas.")
    private String host;

    @Option(names = "--port", description = "Their ports.")
    private String port;

    @Option(names = "--restore-command", description = "Fetches WAL from the remote cluster's archive.")
    private String restoreCommand;

    @Option(names = "--primary-slot-name", description = "The slot that the remote cluster keeps for this one.")
    private String slot;

    @Option(names = "--force", description = "Do not ask.")
    private boolean force;

    @Mixin
    private Report report;

    @Override
    public Integer call() throws Exception {
        return report.told(ctl, this::carryOut);
    }

    private int carryOut() throws InterruptedException {
        Map<String, Object> section = new LinkedHashMap<>();
        put(section, "host", host);
        put(section, "port", port != null && port.matches("\\d{1,9}") ? Integer.valueOf(port) : port);
        put(section, "restore_command", restoreCommand);
        if (section.isEmpty()) {
            throw CtlException.refused("At least --host, --port or --restore-command should be specified");
        }
        put(section, "primary_slot_name", slot);
        return new ClusterKind(ctl, cluster, section, force, report).carryOut();
    }

    private static void put(Map<String, Object> section, String key, Object value) {
        if (value != null) {
            section.put(key, value);
        }
    }
}
