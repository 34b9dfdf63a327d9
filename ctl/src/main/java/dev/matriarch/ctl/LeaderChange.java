package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
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
import java.util.Optional;
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
        boolean force) {

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

    private int report(Agents agents, String from, String to, String at) {
        double wait = 2 * Math.max(10, agents.cluster().getLoopWaitSeconds()) + 15;
        Duration limit = Duration.ofMillis(Math.round(wait * 1000));
        ActionReply reply = isSwitchover
                ? agents.call(
                        limit,
                        stub -> stub.switchover(SwitchoverRequest.newBuilder()
                                .setLeader(from)
                                .setCandidate(to)
                                .setScheduledAt(at)
                                .build()))
                : agents.call(
                        limit,
                        stub -> stub.failover(
                                FailoverRequest.newBuilder().setCandidate(to).build()));
        if (reply.getStatus() == 200 || reply.getStatus() == 202) {
            ctl.terminal().print(ListCommand.now() + " " + reply.getMessage());
            table(agents.refresh());
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
}
