package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetConfigReply;
import dev.matriarch.proto.control.v1.GetConfigRequest;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "show-config", description = "Print the cluster-wide configuration.")
final class ShowConfigCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Override
    public Integer call() {
        try (Agents agents = ctl.reach(cluster)) {
            GetConfigReply config = agents.call(stub -> stub.getConfig(GetConfigRequest.getDefaultInstance()));
            if (config.getExists()) {
                ctl.terminal().print(Yaml.sorted(Json.object(config.getJson())));
            }
            return 0;
        }
    }
}
