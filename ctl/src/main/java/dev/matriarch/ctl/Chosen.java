package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.MemberRow;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import picocli.CommandLine.Option;

/** The options that say which one member's PostgreSQL is meant. */
final class Chosen {
    @Option(
            names = {"-r", "--role"},
            converter = Role.Converter.class,
            completionCandidates = Role.Words.class,
            description = "Any member with this role; without it and --member: the leader.")
    private Role role;

    @Option(
            names = {"-m", "--member"},
            paramLabel = "NAME",
            description = "This member.")
    private String member;

    /** @throws CtlException if both are given */
    void check() {
        if (role != null && member != null) {
            throw CtlException.usage("--role and --member are mutually exclusive options");
        }
    }

    Role role() {
        return role == null ? Role.LEADER : role;
    }

    /** Null: not given. */
    String member() {
        return member;
    }

    /** Those that fit; one is as good as the other. */
    List<MemberRow> among(GetClusterReply cluster) {
        return cluster.getMembersList().stream()
                .filter(m -> member == null ? role().matches(m) : m.getName().equals(member))
                .filter(m -> !m.getHost().isEmpty())
                .toList();
    }

    static MemberRow any(List<MemberRow> members) {
        return members.get(ThreadLocalRandom.current().nextInt(members.size()));
    }
}
