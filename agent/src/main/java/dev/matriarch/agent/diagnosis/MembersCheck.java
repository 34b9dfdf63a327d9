package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.MemberFacts;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Who is there, who leads, and who could. */
final class MembersCheck implements Check {
    /** How gRPC says that the other side does not know a question. */
    private static final String UNKNOWN_QUESTION = "Method not found";

    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("members");
        answers(of, notes);
        if (of.view().isEmpty()) {
            notes.error(
                    "leader",
                    "",
                    "the agent of " + of.asked() + " has not seen the cluster yet: its store gives no answer",
                    "look at the findings about the store");
            return notes.findings();
        }
        leads(of, notes);
        candidates(of, notes);
        replication(of, notes);
        pendingRestart(of, notes);
        return notes.findings();
    }

    private static void answers(Examination of, Notes notes) {
        of.silent().forEach((name, why) -> {
            String address = of.members().stream()
                    .filter(m -> m.name().equals(name))
                    .map(Member::rpcAddress)
                    .findFirst()
                    .orElse("");
            if (why.contains(UNKNOWN_QUESTION)) {
                notes.warning(
                        "agent-answers",
                        name,
                        "its agent runs an older version, which does not know this question",
                        "upgrade the agent of " + name + " to the version of the others");
            } else if (address.isEmpty()) {
                notes.warning(
                        "agent-answers",
                        name,
                        "its agent has no control port: " + why,
                        "if it is a member of Patroni's, migrate it; else look at control.connect_address");
            } else {
                notes.error(
                        "agent-answers",
                        name,
                        "its agent does not answer at " + address + ": " + why,
                        "look whether it runs (systemctl status matriarch on its host), and whether " + of.asked()
                                + " can reach " + address + "; if the member is gone for good, its record ends by"
                                + " itself");
            }
        });
        notes.otherwise("agent-answers", Notes.count(of.facts().size(), "agent has answered", "agents have answered"));
        of.facts()
                .forEach((name, facts) -> facts.getUnknownList()
                        .forEach(why -> notes.warning(
                                "looked-at",
                                name,
                                "could not be looked at: " + why,
                                "see the agent's log on " + name)));
    }

    private static void leads(Examination of, Notes notes) {
        if (of.leader().isEmpty()) {
            notes.error(
                    "leader",
                    "",
                    "nobody leads the cluster: there is no primary",
                    "matriarchctl explain says who could be promoted, and why the others cannot");
        }
        notes.otherwise("leader", of.leader() + " leads");
        if (of.config().paused()) {
            notes.warning(
                    "pause",
                    "",
                    "the cluster is paused: if the primary dies, nobody is promoted",
                    "matriarchctl resume " + of.scope());
        }
        notes.otherwise("pause", "the cluster is not paused");
    }

    private static void candidates(Examination of, Notes notes) {
        if (of.leader().isEmpty()) {
            return;
        }
        List<String> able = new ArrayList<>();
        List<String> unable = new ArrayList<>();
        for (Member member : of.members()) {
            if (!member.name().equals(of.leader())) {
                obstacle(member, of)
                        .ifPresentOrElse(
                                why -> unable.add(member.name() + " (" + why + ")"), () -> able.add(member.name()));
            }
        }
        if (able.isEmpty() && unable.isEmpty()) {
            notes.warning(
                    "failover",
                    "",
                    "there is no replica: if " + of.leader() + " dies, there is no service",
                    "start an agent on another host with the same scope; it makes itself a replica");
        } else if (able.isEmpty()) {
            notes.error(
                    "failover",
                    "",
                    "no replica could take over: " + String.join(", ", unable),
                    "bring one of them back; matriarchctl explain says more");
        }
        notes.otherwise(
                "failover",
                String.join(", ", able) + " could take over"
                        + (unable.isEmpty() ? "" : "; not " + String.join(", ", unable)));
    }

    private static Optional<String> obstacle(Member member, Examination of) {
        // An agent of an older version that says so lives; of such members only the records tell.
        String whyNot = of.silent().getOrDefault(member.name(), "");
        if (of.silent().containsKey(member.name())
                && !member.rpcAddress().isEmpty()
                && !whyNot.contains(UNKNOWN_QUESTION)) {
            return Optional.of("its agent does not answer");
        }
        if (!member.isRunning()) {
            return Optional.of(member.state());
        }
        if (member.nofailover()) {
            return Optional.of("tagged nofailover");
        }
        boolean mayHaveLost = of.config().synchronousMode() != SynchronousMode.OFF
                && of.view()
                        .flatMap(ClusterView::sync)
                        .filter(s -> !s.value().contains(member.name()))
                        .isPresent();
        if (mayHaveLost) {
            return Optional.of("no synchronous standby");
        }
        long lag = lag(member, of);
        if (lag > of.config().maximumLagOnFailover()) {
            return Optional.of(Notes.bytes(lag) + " behind");
        }
        return Optional.empty();
    }

    /**
     * Bytes behind the leader; 0 unknown. Not from the members' records: they were written at different times, and a leader
     * that writes steadily would always be far ahead of them.
     */
    private static long lag(Member member, Examination of) {
        MemberFacts facts = of.facts().get(member.name());
        return facts == null ? 0 : facts.getPostgres().getBehind();
    }

    private static void replication(Examination of, Notes notes) {
        for (Member member : of.members()) {
            String name = member.name();
            boolean copies = member.state().contains("creating replica");
            if (of.facts().containsKey(name)
                    && of.facts().get(name).hasPostgres()
                    && !of.facts().get(name).getPostgres().getRunning()) {
                String state = of.facts().get(name).getPostgres().getState();
                String problem = of.facts().get(name).getPostgres().getProblem();
                notes.note(
                        !copies,
                        "postgresql-runs",
                        name,
                        "PostgreSQL does not run: " + state + (problem.isEmpty() ? "" : "; " + problem),
                        copies
                                ? "wait until the copy is made; matriarchctl list shows how far it is"
                                : "read the agent's log and PostgreSQL's on " + name + "; matriarchctl timeline shows"
                                        + " what happened");
                continue;
            }
            boolean follows = of.facts().containsKey(name)
                    && of.facts().get(name).getPostgres().getInRecovery();
            // The leader of a standby cluster may live on an archive.
            boolean fed = name.equals(of.leader())
                    && of.config()
                            .standbyCluster()
                            .filter(c -> !c.restoreCommand().isEmpty())
                            .isPresent();
            if (follows && !fed && !of.facts().get(name).getPostgres().getStreaming()) {
                notes.warning(
                        "replication",
                        name,
                        "it does not stream from its upstream",
                        "read PostgreSQL's log on " + name
                                + (name.equals(of.leader())
                                        ? ", and look at standby_cluster.host and port"
                                        : "; if WAL that it needs is gone: matriarchctl reinit " + of.scope() + " "
                                                + name));
            } else if (!name.equals(of.leader())
                    && lag(member, of) > of.config().maximumLagOnFailover()) {
                notes.warning(
                        "replication",
                        name,
                        "it is " + Notes.bytes(lag(member, of)) + " behind, more than maximum_lag_on_failover ("
                                + Notes.bytes(of.config().maximumLagOnFailover()) + "): it would not be promoted",
                        "look at its load, its disk and its network; matriarchctl top shows whether it catches up");
            }
        }
        notes.otherwise("postgresql-runs", "PostgreSQL runs on every member that answered");
        notes.otherwise("replication", "every replica that answered streams and keeps up");
    }

    private static void pendingRestart(Examination of, Notes notes) {
        for (Member member : of.members()) {
            if (!member.pendingRestart().isEmpty()) {
                List<String> changes = member.pendingRestart().entrySet().stream()
                        .sorted(java.util.Map.Entry.comparingByKey())
                        .map(e -> e.getKey() + " " + e.getValue())
                        .toList();
                notes.warning(
                        "pending-restart",
                        member.name(),
                        "changed parameters wait for a restart: " + String.join(", ", changes),
                        "matriarchctl restart " + of.scope() + " " + member.name());
            }
        }
        notes.otherwise("pending-restart", "no changed parameter waits for a restart");
    }
}
