package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.EffectiveSetting;
import dev.matriarch.proto.control.v1.GetConfigReply;
import dev.matriarch.proto.control.v1.GetConfigRequest;
import dev.matriarch.proto.control.v1.GetEffectiveConfigReply;
import dev.matriarch.proto.control.v1.GetEffectiveConfigRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "show-config",
        description = "Print the cluster-wide configuration, or every value that a member goes by.")
final class ShowConfigCommand implements Callable<Integer> {
    private static final List<String> TITLES = List.of("Setting", "Value", "Source");

    @ParentCommand
    private Matriarchctl ctl;

    @Option(
            names = "--effective",
            description = "Print each value in force on MEMBER, or on the member that answers, and where it came from.")
    private boolean effective;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
            description = "${COMPLETION-CANDIDATES}")
    private Format format;

    @Parameters(arity = "0..2", paramLabel = "CLUSTER [MEMBER]")
    private List<String> names = new ArrayList<>();

    @Override
    public Integer call() {
        if (effective) {
            return effective();
        }
        if (names.size() > 1) {
            throw CtlException.usage("a MEMBER goes with --effective");
        }
        try (Agents agents = ctl.reach(names.isEmpty() ? null : names.getFirst())) {
            GetConfigReply config = agents.call(stub -> stub.getConfig(GetConfigRequest.getDefaultInstance()));
            if (format.isPretty() && config.getExists()) {
                ctl.terminal().print(Yaml.sorted(Json.object(config.getJson())));
            } else if (!format.isPretty()) {
                ctl.terminal().print(format.document(config.getExists() ? Json.object(config.getJson()) : Map.of()));
            }
            return 0;
        }
    }

    private int effective() {
        try (Agents agents = ctl.reach()) {
            List<String> members =
                    !names.isEmpty() && names.getFirst().equals(agents.cluster().getScope())
                            ? names.subList(1, names.size())
                            : names;
            if (members.size() > 1) {
                throw CtlException.refused("the agents that were asked belong to cluster '"
                        + agents.cluster().getScope() + "', not to '" + names.getFirst() + "'");
            }
            GetEffectiveConfigRequest request = GetEffectiveConfigRequest.newBuilder()
                    .setMember(members.isEmpty() ? "" : members.getFirst())
                    .build();
            GetEffectiveConfigReply reply = agents.call(stub -> stub.getEffectiveConfig(request));
            if (!reply.getProblem().isEmpty()) {
                throw CtlException.refused(reply.getProblem());
            }
            lines(reply).forEach(ctl.terminal()::print);
            return 0;
        }
    }

    private List<String> lines(GetEffectiveConfigReply reply) {
        List<EffectiveSetting> settings = reply.getSettingsList();
        if (!format.isPretty()) {
            return format.lines(
                    TITLES,
                    settings.stream()
                            .map(s -> List.<Object>of(s.getKey(), s.getValue(), s.getSource()))
                            .toList());
        }
        List<String> lines = new ArrayList<>(List.of("# in force on member " + reply.getMember()));
        settings.forEach(s -> lines.add(s.getKey() + ": " + s.getValue() + "   # " + s.getSource()));
        return lines;
    }
}
