package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.ActionStep;
import dev.matriarch.proto.control.v1.FailoverRequest;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.SwitchoverRequest;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * The dialogue before a switchover or failover, and its report.
 *
 * @param leader as given on the command line, or null; likewise the others
 */
record LeaderChange(
        Matriarchctl ctl,
        boolean isSwitchover,
        String clusterName,
        String leader,
        String candidate,
        String scheduled,
        boolean force,
        Report report) {

    int carryOut() {
        Terminal terminal = ctl.terminal();
        try (Agents agents = chooseGroup()) {
            GetClusterReply cluster = agents.cluster();
            String scope = cluster.getScope();
            Optional<MemberRow> current = cluster.getMembersList().stream()
                    .filter(ClusterTable::leads)
                    .findFirst();
            String from = isSwitchover ? chooseLeader(current, scope) : "";
            String to = chooseCandidate(cluster, current);
            if (!isSwitchover
                    && !force
                    && isAsynchronous(cluster, to)
                    && !terminal.confirm("Are you sure you want to failover to the asynchronous node " + to + "?")) {
                throw CtlException.refused("Aborting failover");
            }
            String at = isSwitchover ? chooseTime(cluster) : "";
            if (!force) {
                confirm(scope, current.map(MemberRow::getName).orElse(""), at);
            }
            return report(agents, from, to, at);
        }
    }

    /** Prints what there is to choose from. */
    private Agents chooseGroup() {
        Terminal terminal = ctl.terminal();
        Agents agents = ctl.reach(clusterName);
        terminal.print("Current cluster topology");
        CitusGroups.table(ctl, agents, Format.pretty, false).forEach(terminal::print);
        if (ctl.group() != null || agents.groups().isEmpty()) {
            return agents;
        }
        agents.close();
        if (force) {
            throw CtlException.refused("For Citus clusters the --group must me specified");
        }
        String answer = terminal.ask("Citus group", "");
        try {
            ctl.group(Integer.parseInt(answer));
        } catch (NumberFormatException e) {
            throw CtlException.refused("'" + answer + "' is not the number of a group");
        }
        return ctl.reach(clusterName);
    }

    private String verb() {
        return isSwitchover ? "switchover" : "failover";
    }

    private void table(GetClusterReply cluster) {
        new ClusterTable(cluster, Format.pretty, false).lines().forEach(ctl.terminal()::print);
    }

    private String chooseLeader(Optional<MemberRow> current, String scope) {
        if (current.isEmpty()) {
            throw CtlException.refused("This cluster has no leader");
        }
        String name = current.get().getName();
        String from = leader;
        if (from == null) {
            String word = current.get().getRole().equals("standby_leader") ? "Standby Leader" : "Primary";
            from = force ? name : ctl.terminal().ask(word, name);
        }
        if (!from.equals(name)) {
            throw CtlException.refused("Member " + from + " is not the leader of cluster " + scope);
        }
        return from;
    }

    private String chooseCandidate(GetClusterReply cluster, Optional<MemberRow> current) {
        String scope = cluster.getScope();
        List<String> names = cluster.getMembersList().stream()
                .filter(m -> !ClusterTable.leads(m) && !nofailover(m))
                .map(MemberRow::getName)
                .sorted()
                .toList();
        if (names.isEmpty()) {
            throw CtlException.refused("No candidates found to " + verb() + " to");
        }
        String to = candidate;
        if (to == null && !force) {
            String list = names.stream().map(n -> "'" + n + "'").collect(Collectors.joining(", "));
            to = ctl.terminal().ask("Candidate [" + list + "]", "");
        }
        if (to == null || to.isEmpty()) {
            if (!isSwitchover) {
                throw CtlException.refused("Failover could be performed only to a specific candidate");
            }
            return "";
        }
        if (current.map(MemberRow::getName).filter(to::equals).isPresent()) {
            throw CtlException.refused("Member " + to + " is already the leader of cluster " + scope);
        }
        if (!names.contains(to)) {
            throw CtlException.refused(
                    "Member " + to + " does not exist in cluster " + scope + " or is tagged as nofailover");
        }
        return to;
    }

    private static boolean nofailover(MemberRow member) {
        String nofailover = member.getTagsOrDefault("nofailover", "");
        return nofailover.isEmpty()
                ? member.getTagsOrDefault("failover_priority", "1").matches("0|-\\d+")
                : nofailover.equalsIgnoreCase("true");
    }

    private static boolean isAsynchronous(GetClusterReply cluster, String name) {
        boolean synchronous = !cluster.getSynchronousMode().isEmpty()
                && !cluster.getSynchronousMode().equals("off");
        return synchronous
                && cluster.getMembersList().stream()
                        .anyMatch(m -> m.getName().equals(name)
                                && !m.getRole().equals("sync_standby")
                                && !m.getRole().equals("quorum_standby"));
    }

    /** Empty: now. */
    private String chooseTime(GetClusterReply cluster) {
        String answer = scheduled;
        if (answer == null && !force) {
            answer = askTime(ctl.terminal(), "switchover");
        }
        String at = parseTime(answer);
        if (!at.isEmpty() && cluster.getPaused()) {
            throw CtlException.refused("Can't schedule switchover in the paused state");
        }
        return at;
    }

    static String askTime(Terminal terminal, String what) {
        String example = LocalDateTime.now()
                .plusHours(1)
                .truncatedTo(ChronoUnit.MINUTES)
                .format(DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm"));
        return terminal.ask("When should the " + what + " take place (e.g. " + example + " ) ", "now");
    }

    /** Times without a zone are local ones. */
    static String parseTime(String text) {
        if (text == null || text.isBlank() || text.equals("now")) {
            return "";
        }
        try {
            var time = DateTimeFormatter.ISO_DATE_TIME.parseBest(
                    text.strip().replaceFirst("^(\\S+) (\\d)", "$1T$2"), ZonedDateTime::from, LocalDateTime::from);
            return (time instanceof ZonedDateTime zoned
                            ? zoned.toOffsetDateTime()
                            : ((LocalDateTime) time)
                                    .atZone(ZoneId.systemDefault())
                                    .toOffsetDateTime())
                    .format(DateTimeFormatter.ISO_OFFSET_DATE_TIME);
        } catch (DateTimeParseException e) {
            throw CtlException.refused("Unable to parse scheduled timestamp (" + text
                    + "). It should be in an unambiguous format (e.g. ISO 8601)");
        }
    }

    private void confirm(String scope, String current, String at) {
        String demoting = current.isEmpty() ? "?" : ", demoting current leader " + current + "?";
        String question = at.isEmpty()
                ? "Are you sure you want to " + verb() + " cluster " + scope + demoting
                : "Are you sure you want to schedule switchover of cluster " + scope + " at " + OffsetDateTime.parse(at)
                        + demoting;
        if (!ctl.terminal().confirm(question)) {
            throw CtlException.refused(at.isEmpty() ? "Aborting " + verb() : "Aborting scheduled switchover");
        }
    }

    /** @param old who led when it was asked for; empty: nobody */
    private Map<String, Object> told(String scope, ActionReply reply, String old, String to, List<ActionStep> steps) {
        return report.add(scope, verb(), List.of(old, to), reply, steps);
    }

    /** @return empty: nobody */
    private static String leads(GetClusterReply cluster) {
        return cluster.getMembersList().stream()
                .filter(ClusterTable::leads)
                .findFirst()
                .map(MemberRow::getName)
                .orElse("");
    }

    private int report(Agents agents, String from, String to, String at) {
        String scope = agents.cluster().getScope();
        String old = leads(agents.cluster());
        double wait = 2 * Math.max(10, agents.cluster().getLoopWaitSeconds()) + 15;
        Duration limit = Duration.ofMillis(Math.round(wait * 1000));
        Following following = new Following(agents, ctl.terminal(), "");
        long deadline = System.nanoTime() + limit.toNanos();
        SameCluster cluster = SameCluster.of(agents);
        ActionReply reply;
        try {
            reply = following.until(() -> ask(agents, limit, following.id(), from, to, at));
        } catch (CtlException.AgentGone gone) {
            if (!at.isEmpty()) {
                report.unanswered(scope, verb(), List.of(old, to), following.id(), gone.getMessage());
                throw gone;
            }
            ctl.terminal().complain(gone.getMessage() + "; another agent is asked what became of it");
            return afterwards(cluster, following.id(), old, to, deadline);
        } catch (CtlException noAnswer) {
            report.unanswered(scope, verb(), List.of(old, to), following.id(), noAnswer.getMessage());
            throw noAnswer;
        }
        Map<String, Object> told = told(scope, reply, old, to, report.isForPrograms() ? following.steps() : List.of());
        if (reply.getStatus() == 200 || reply.getStatus() == 202) {
            ctl.terminal().print(ListCommand.now() + " " + reply.getMessage());
            if (reply.hasStandstillAtMostMillis()) {
                ctl.terminal()
                        .print("Writes stood still for " + Following.seconds(reply.getStandstillAtLeastMillis())
                                + " to "
                                + Following.seconds(reply.getStandstillAtMostMillis()) + " s (action "
                                + reply.getActionId() + ")");
            }
            if (reply.getStatus() == 200) {
                told.put("leader", null);
            }
            try {
                GetClusterReply now = agents.refresh();
                if (reply.getStatus() == 200 && !leads(now).isEmpty()) {
                    told.put("leader", leads(now));
                }
                table(now);
            } catch (CtlException unseen) {
                // It has happened; only how the cluster is now could not be seen.
                if (unseen.isAbort()) {
                    throw unseen;
                }
                ctl.terminal().complain(unseen.getMessage() + "; look with list");
            }
            return 0;
        }
        String word = isSwitchover ? "Switchover" : "Failover";
        ctl.terminal()
                .print(
                        reply.getMessage().contains("status unknown")
                                ? word + " result unknown, details: " + reply.getStatus() + ", " + reply.getMessage()
                                : word + " failed, details: " + reply.getStatus() + ", " + reply.getMessage());
        return CtlException.REFUSED;
    }

    private ActionReply ask(Agents agents, Duration limit, String id, String from, String to, String at) {
        return isSwitchover
                ? agents.call(
                        limit,
                        stub -> stub.switchover(SwitchoverRequest.newBuilder()
                                .setLeader(from)
                                .setCandidate(to)
                                .setScheduledAt(at)
                                .setActionId(id)
                                .build()))
                : agents.call(
                        limit,
                        stub -> stub.failover(FailoverRequest.newBuilder()
                                .setCandidate(to)
                                .setActionId(id)
                                .build()));
    }

    /** The cluster tells, whoever is asked. */
    private int afterwards(SameCluster cluster, String id, String old, String to, long deadline) {
        String scope = cluster.scope();
        ActionReply.Builder told = ActionReply.newBuilder().setActionId(id);
        while (System.nanoTime() < deadline) {
            try (Agents others = cluster.reach(ctl)) {
                GetClusterReply now = others.cluster();
                Optional<MemberRow> leads = now.getMembersList().stream()
                        .filter(ClusterTable::leads)
                        .findFirst();
                if (leads.filter(l -> l.getState().equals("running")
                                && (to.isEmpty()
                                        ? !l.getName().equals(old)
                                        : l.getName().equals(to)))
                        .isPresent()) {
                    ctl.terminal()
                            .print(ListCommand.now() + " \"" + leads.get().getName() + "\" leads the cluster now");
                    table(now);
                    told(
                                    scope,
                                    told.setStatus(200)
                                            .setMessage("\"" + leads.get().getName() + "\" leads the cluster now")
                                            .build(),
                                    old,
                                    to,
                                    List.of())
                            .put("leader", leads.get().getName());
                    return 0;
                }
            } catch (CtlException notNow) {
                ctl.terminal().complain(notNow.getMessage());
            }
            try {
                TimeUnit.MILLISECONDS.sleep(500);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw CtlException.refused("Aborted!");
            }
        }
        String unknown = (isSwitchover ? "Switchover" : "Failover") + " result unknown; look with list";
        ctl.terminal().print(unknown);
        told(scope, told.setStatus(503).setMessage(unknown).build(), old, to, List.of());
        return CtlException.REFUSED;
    }
}
