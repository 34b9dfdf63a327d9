package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ChangePeersReply;
import dev.matriarch.proto.control.v1.ChangePeersRequest;
import dev.matriarch.proto.control.v1.ListPeersReply;
import dev.matriarch.proto.control.v1.ListPeersRequest;
import dev.matriarch.proto.control.v1.RaftPeerRow;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** The built-in store's peers. */
@Command(
        name = "raft",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = RaftSnapshotCommand.class,
        description = {
            "Look after the built-in store: who its peers are, what each of them sees, and who leads them.",
            "list-peers: each peer's own view. autopilot: how many more peers may fail.",
            "add-peer HOST:PORT: take a peer in that waits, with --listener without a vote. remove-peer PEER: take one out."
                    + " transfer-leader [PEER]: let another peer lead the store."
                    + " snapshot save|inspect|restore FILE: keep what the store holds in a file."
        })
final class RaftCommand {
    /** A new peer gets a copy of the log first. */
    private static final Duration CHANGE = Duration.ofSeconds(45);

    /** Roles from which it follows that there is no vote. */
    private static final Set<String> SAYS_ITSELF = Set.of("forming", "listener");

    private static final List<TextTable.Column> COLUMNS = List.of(
            new TextTable.Column("Peer", false),
            new TextTable.Column("Address", false),
            new TextTable.Column("Role", false),
            new TextTable.Column("Leader", false),
            new TextTable.Column("Term", true),
            new TextTable.Column("Commit", true),
            new TextTable.Column("Applied", true),
            new TextTable.Column("Contact ms", true),
            new TextTable.Column("Fsync ms", true),
            new TextTable.Column("Note", false));

    @ParentCommand
    private Matriarchctl ctl;

    Matriarchctl ctl() {
        return ctl;
    }

    @Command(
            name = "list-peers",
            description =
                    "Show the store as each of its peers sees it. Exit code 1 if a peer is missing or they disagree.")
    int listPeers(
            @Option(
                            names = {"-f", "--format", "-o", "--output"},
                            defaultValue = "pretty",
                            description = "${COMPLETION-CANDIDATES}")
                    Format format) {
        try (Agents agents = ctl.reach()) {
            ListPeersReply reply = ask(agents);
            if (format.isPretty()) {
                new TextTable(
                                " Store: " + reply.getScope() + " (" + reply.getGroupId() + ") ",
                                COLUMNS,
                                reply.getPeersList().stream()
                                        .map(RaftCommand::row)
                                        .toList())
                        .lines()
                        .forEach(ctl.terminal()::print);
                reply.getDisagreementsList().forEach(d -> ctl.terminal().print("Disagreement: " + d));
            } else {
                List<List<Object>> rows = new ArrayList<>();
                reply.getPeersList().forEach(p -> rows.add(List.copyOf(row(p))));
                format.lines(COLUMNS.stream().map(TextTable.Column::title).toList(), rows)
                        .forEach(ctl.terminal()::print);
                reply.getDisagreementsList().forEach(d -> ctl.terminal().complain("Disagreement: " + d));
            }
            return reply.getOptimal() ? 0 : CtlException.REFUSED;
        }
    }

    @Command(
            name = "autopilot",
            description =
                    "Say how many more peers of the store may fail. Exit code 1 if that is none or a peer is missing.")
    int autopilot(
            @Parameters(arity = "0..1", paramLabel = "state", defaultValue = "state") String what,
            @Option(
                            names = {"-f", "--format", "-o", "--output"},
                            defaultValue = "pretty",
                            description = "pretty, json or yaml")
                    Format format) {
        if (!what.equals("state")) {
            throw CtlException.usage("autopilot knows 'state' only, not '" + what + "'");
        }
        try (Agents agents = ctl.reach()) {
            ListPeersReply reply = ask(agents);
            List<String> missing = reply.getPeersList().stream()
                    .filter(p -> p.getVoter() && !p.getHealthy())
                    .map(p -> p.getName() + " (" + p.getAddress() + "): " + p.getNote())
                    .toList();
            if (format.isPretty()) {
                ctl.terminal().print("Healthy: " + (missing.isEmpty() && reply.getOptimal()));
                ctl.terminal().print("Failure tolerance: " + reply.getFailureTolerance());
                ctl.terminal().print("Voters: " + reply.getVoters() + ", " + reply.getHealthy() + " healthy");
                if (reply.getFeatureLevel() > 0) {
                    ctl.terminal().print("Feature level: " + reply.getFeatureLevel());
                }
                missing.forEach(m -> ctl.terminal().print("Unhealthy: " + m));
                reply.getDisagreementsList().forEach(d -> ctl.terminal().print("Disagreement: " + d));
            } else {
                Map<String, Object> whole = new LinkedHashMap<>();
                whole.put("healthy", reply.getOptimal());
                whole.put("failure_tolerance", reply.getFailureTolerance());
                whole.put("voters", reply.getVoters());
                whole.put("healthy_voters", reply.getHealthy());
                whole.put("feature_level", reply.getFeatureLevel());
                whole.put("unhealthy", missing);
                whole.put("disagreements", reply.getDisagreementsList());
                ctl.terminal().print(format.document(whole));
            }
            return reply.getOptimal() && reply.getFailureTolerance() > 0 ? 0 : CtlException.REFUSED;
        }
    }

    @Command(
            name = "add-peer",
            description = "Take a peer into the store that was started with one of the present peers in its"
                    + " raft.partner_addrs. It gets a vote when it has a copy of everything.")
    int addPeer(
            @Parameters(paramLabel = "HOST:PORT", description = "Its raft.self_addr.") String address,
            @Option(
                            names = "--listener",
                            description = "Without a vote, for a peer that runs as 'matriarch listener FILE'.")
                    boolean listener,
            @Mixin Report report)
            throws Exception {
        ChangePeersRequest.Builder request = ChangePeersRequest.newBuilder();
        return change(report, "raft add-peer", listener ? request.setAddListener(address) : request.setAdd(address));
    }

    @Command(
            name = "remove-peer",
            description = "Take a peer out of the store, dead or alive. Refused if the store would stop by that.")
    int removePeer(
            @Parameters(paramLabel = "PEER", description = "Its name, address or id.") String peer,
            @Option(
                            names = "--force",
                            description =
                                    "Also if the store then survives no further loss, or if PostgreSQL's leader loses"
                                            + " its peer of the store and has to stop. Never so that the store itself would stop.")
                    boolean force,
            @Mixin Report report)
            throws Exception {
        return change(
                report,
                "raft remove-peer",
                ChangePeersRequest.newBuilder().setRemove(peer).setForce(force));
    }

    @Command(
            name = "transfer-leader",
            description = "Let another peer lead the store. PostgreSQL's leader stays the same.")
    int transferLeader(
            @Parameters(
                            arity = "0..1",
                            defaultValue = "",
                            paramLabel = "PEER",
                            description = "Its name, address or id; without it the one that is furthest.")
                    String peer,
            @Mixin Report report)
            throws Exception {
        return change(
                report, "raft transfer-leader", ChangePeersRequest.newBuilder().setLead(peer));
    }

    private int change(Report report, String action, ChangePeersRequest.Builder request) throws Exception {
        return report.told(ctl, () -> {
            try (Agents agents = ctl.reach()) {
                ChangePeersReply reply = ordered(
                        agents,
                        report,
                        action,
                        () -> agents.callStore(CHANGE, stub -> stub.changePeers(request.build())));
                ctl.terminal().print((reply.getDone() ? "Success: " : "Failed: ") + reply.getMessage());
                return reply.getDone() ? 0 : CtlException.REFUSED;
            }
        });
    }

    /** An order to the store, which knows no ids. What becomes of it is told to programs. */
    static ChangePeersReply ordered(Agents agents, Report report, String action, Supplier<ChangePeersReply> order) {
        String scope = agents.cluster().getScope();
        ChangePeersReply reply = report.given(scope, action, List.of(), "", order);
        report.add(scope, action, List.of(), "", status(reply, 200), reply.getMessage());
        return reply;
    }

    /** @param done the code of what happened. An older agent does not tell a refusal from what it does not know */
    static int status(ChangePeersReply reply, int done) {
        return reply.getDone() ? done : reply.getUnknown() ? 503 : 412;
    }

    private static ListPeersReply ask(Agents agents) {
        return agents.callStore(Duration.ofSeconds(10), stub -> stub.listPeers(ListPeersRequest.getDefaultInstance()));
    }

    private static List<String> row(RaftPeerRow peer) {
        return List.of(
                peer.getName(),
                peer.getAddress(),
                peer.getVoter() || SAYS_ITSELF.contains(peer.getRole())
                        ? peer.getRole()
                        : peer.getRole() + " (no vote)",
                peer.getLeader(),
                peer.hasTerm() ? Long.toString(peer.getTerm()) : "",
                peer.hasCommitIndex() ? Long.toString(peer.getCommitIndex()) : "",
                peer.hasAppliedIndex() ? Long.toString(peer.getAppliedIndex()) : "",
                peer.hasLastContactMillis() ? Long.toString(peer.getLastContactMillis()) : "",
                peer.hasFsyncP50Millis()
                        ? String.format(Locale.ROOT, "%.1f / %.1f", peer.getFsyncP50Millis(), peer.getFsyncP99Millis())
                        : "",
                peer.getNote());
    }
}
