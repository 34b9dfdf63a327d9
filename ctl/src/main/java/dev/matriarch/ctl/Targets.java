package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.MemberRow;
import java.util.List;
import picocli.CommandLine.Option;

/** The options that say for which of the named members a command is, and whether to ask first. */
final class Targets {
    @Option(
            names = {"-r", "--role"},
            converter = Role.Converter.class,
            completionCandidates = Role.Words.class,
            defaultValue = "any",
            description = "Only members with this role.")
    private Role role;

    @Option(names = "--force", description = "Do not ask.")
    private boolean force;

    boolean forced() {
        return force;
    }

    /** @param names as given: {@code CLUSTER [MEMBER…]} */
    List<MemberRow> among(Agents agents, List<String> names) {
        return Selection.of(agents.cluster(), names, role);
    }

    void confirm(Terminal terminal, Agents agents, List<MemberRow> members, String action) {
        Selection.confirm(terminal, agents.cluster(), members, action, force);
    }
}
