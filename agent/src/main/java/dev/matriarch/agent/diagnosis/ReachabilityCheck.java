package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.proto.control.v1.MemberFacts;
import dev.matriarch.proto.control.v1.ReachFacts;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Whether every member reaches every other one on every port. */
final class ReachabilityCheck implements Check {
    private record Failure(String from, ReachFacts to) {}

    /** @param to a member, or an address of the store */
    private record Way(String to, String door) {}

    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("reachability");
        Map<Way, List<Failure>> failures = new LinkedHashMap<>();
        Map<Way, Integer> tried = new LinkedHashMap<>();
        long slowest = 0;
        int all = 0;
        for (var member : of.facts().entrySet()) {
            for (ReachFacts reach : member.getValue().getReachList()) {
                if (isExplained(of, reach)) {
                    continue;
                }
                all++;
                Way way =
                        new Way(reach.getMember().isEmpty() ? reach.getAddress() : reach.getMember(), reach.getDoor());
                tried.merge(way, 1, Integer::sum);
                slowest = Math.max(slowest, reach.getMillis());
                if (!reach.getProblem().isEmpty()) {
                    failures.computeIfAbsent(way, w -> new ArrayList<>()).add(new Failure(member.getKey(), reach));
                }
            }
        }
        failures.forEach((way, failed) -> {
            if (failed.size() == tried.get(way) && failed.size() > 1) {
                notes.note(
                        isSevere(way),
                        "reachable",
                        failed.getFirst().to().getMember(),
                        "no other member reaches " + words(failed.getFirst().to()) + ": "
                                + failed.getFirst().to().getProblem(),
                        fix(failed.getFirst().to()));
            } else {
                failed.forEach(one -> notes.note(
                        isSevere(way),
                        "reachable",
                        one.from(),
                        "it does not reach " + words(one.to()) + ": " + one.to().getProblem(),
                        fix(one.to())));
            }
        });
        if (all > 0) {
            notes.otherwise(
                    "reachable",
                    Notes.count(all, "connection between members", "connections between members")
                            + " tried, the slowest took " + slowest + " ms");
        }
        return notes.findings();
    }

    /** Somebody else says already why nobody answers there. */
    private static boolean isExplained(Examination of, ReachFacts reach) {
        if (reach.getProblem().isEmpty()) {
            return false;
        }
        MemberFacts other = of.facts().get(reach.getMember());
        return List.of("postgresql", "rewind").contains(reach.getDoor())
                ? other == null
                        ? of.members().stream().anyMatch(m -> m.name().equals(reach.getMember()) && !m.isRunning())
                        : other.hasPostgres() && !other.getPostgres().getRunning()
                : of.silent().containsKey(reach.getMember());
    }

    private static boolean isSevere(Way way) {
        return !List.of("rest", "rewind").contains(way.door());
    }

    private static String words(ReachFacts to) {
        String door = switch (to.getDoor()) {
            case "control" -> "control port";
            case "rest" -> "REST door";
            case "postgresql", "rewind" -> "PostgreSQL";
            default -> "port of the store";
        };
        return to.getMember().isEmpty()
                ? "the peer of the store at " + to.getAddress()
                : "the " + door + " of " + to.getMember() + " at " + to.getAddress()
                        + (to.getDoor().equals("rewind") ? " as the user of pg_rewind" : "");
    }

    private static String fix(ReachFacts to) {
        String problem = to.getProblem();
        String role = to.getDoor().equals("rewind") ? "rewind" : "replication";
        if (problem.contains("pg_hba.conf")) {
            return "let the " + role + " user in from all members: a line in postgresql.pg_hba of " + to.getMember()
                    + ", then matriarchctl reload";
        }
        if (problem.contains("password authentication failed") || problem.contains("no password")) {
            return "give postgresql.authentication." + role + " the same user and password on all members, as they are"
                    + " in the database (ALTER ROLE)";
        }
        String setting = switch (to.getDoor()) {
            case "control" -> "control.connect_address";
            case "rest" -> "restapi.connect_address";
            case "postgresql", "rewind" -> "postgresql.connect_address";
            default -> "raft.self_addr";
        };
        if (problem.startsWith("no answer")) {
            return "look whether it hangs (ps -o pid,stat,args: T is stopped, D waits for a disk), and whether a firewall"
                    + " drops what is sent to " + to.getAddress() + " (" + setting + ")";
        }
        return "look at the firewall between the two hosts, and whether " + to.getAddress() + " (" + setting
                + (to.getMember().isEmpty() ? "" : " of " + to.getMember())
                + ") is an address that the others can reach";
    }
}
