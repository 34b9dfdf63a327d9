package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ChangePeersReply;
import dev.matriarch.proto.control.v1.DeadPeer;
import dev.matriarch.proto.control.v1.ListPeersReply;
import dev.matriarch.proto.control.v1.ListPeersRequest;
import dev.matriarch.proto.control.v1.PreviewRecoveryRequest;
import dev.matriarch.proto.control.v1.RecoverRequest;
import dev.matriarch.proto.control.v1.RecoveryPreview;
import dev.matriarch.proto.control.v1.Survivor;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/** A store that lost its majority for good is replaced, after one question that nobody answers by accident. */
@Command(
        name = "recover",
        description = {
            "Form a new built-in store from the peers that are left, when a majority of them is gone for good.",
            "Shows what may be lost and asks for the names of those that are dead. Refused while a majority answers."
        })
final class RecoverCommand implements Callable<Integer> {
    private static final Duration PREVIEW = Duration.ofSeconds(20);
    private static final Duration RECOVER = Duration.ofSeconds(60);
    private static final Duration QUICK = Duration.ofSeconds(10);
    private static final Duration SETTLING = Duration.ofSeconds(60);
    private static final long LOOK_AGAIN_MILLIS = 500;

    private static final List<TextTable.Column> COLUMNS = List.of(
            new TextTable.Column("Survivor", false),
            new TextTable.Column("Address", false),
            new TextTable.Column("PostgreSQL", false),
            new TextTable.Column("TL", true),
            new TextTable.Column("LSN", true),
            new TextTable.Column("Store term", true),
            new TextTable.Column("Store index", true));

    @ParentCommand
    private Matriarchctl ctl;

    @Option(names = "--from-survivors", required = true, description = "From the peers of the store that still answer.")
    private boolean fromSurvivors;

    @Option(names = "--dry-run", description = "Show what is left and what may be lost, and change nothing.")
    private boolean dryRun;

    @Option(
            names = {"--force", "--yes"},
            description = "Do not ask for the names of the dead. They must be dead: see the runbook.")
    private boolean force;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
            description = "pretty, json or yaml; the latter two need --dry-run or --force")
    private Format format;

    /** Of the order to form it, as the REST API's codes; null: none was given. */
    private Integer status;

    private String message;

    @Override
    public Integer call() {
        if (format == Format.tsv) {
            throw CtlException.usage("recover writes pretty, json or yaml, not " + format);
        }
        if (!format.isPretty() && !dryRun && !force) {
            throw CtlException.usage("--output " + format + " asks no questions: add --dry-run or --force");
        }
        try (Agents agents = Agents.reachStore(ctl.settings())) {
            RecoveryPreview preview = agents.callStore(
                    PREVIEW, stub -> stub.previewRecovery(PreviewRecoveryRequest.getDefaultInstance()));
            if (format.isPretty()) {
                show(preview);
                return carryOut(agents, preview);
            }
            try {
                return carryOut(agents, preview);
            } finally {
                Map<String, Object> whole = json(preview);
                whole.put("status", status);
                whole.put("message", message);
                ctl.terminal().print(format.document(whole));
            }
        }
    }

    private int carryOut(Agents agents, RecoveryPreview preview) {
        if (preview.getRefusalsCount() > 0) {
            preview.getRefusalsList().forEach(r -> ctl.terminal().complain("Refused: " + r));
            return CtlException.REFUSED;
        }
        if (dryRun) {
            return 0;
        }
        if (!force) {
            confirm(preview);
        }
        // Until it is answered.
        told(503, "no answer came: the new store may have been formed or not; look with raft list-peers");
        ChangePeersReply reply = agents.callStore(RECOVER, stub -> stub.recover(request(preview)));
        ctl.terminal().complain((reply.getDone() ? "Begun: " : "Failed: ") + reply.getMessage());
        told(RaftCommand.status(reply, 202), reply.getMessage());
        return reply.getDone() ? await(agents, preview) : CtlException.REFUSED;
    }

    private void told(int code, String sentence) {
        status = code;
        message = sentence;
    }

    private void show(RecoveryPreview preview) {
        Terminal terminal = ctl.terminal();
        new TextTable(
                        " Store: " + preview.getScope() + " (" + preview.getGroupId() + ") ",
                        COLUMNS,
                        preview.getSurvivorsList().stream()
                                .map(RecoverCommand::row)
                                .toList())
                .lines()
                .forEach(terminal::print);
        for (DeadPeer dead : preview.getDeadList()) {
            terminal.print("Dead: " + dead.getName() + " (" + dead.getAddress() + ")");
        }
        preview.getFindingsList().forEach(terminal::print);
        if (preview.getRefusalsCount() == 0) {
            terminal.print("The new store begins with what " + preview.getFounder()
                    + " knows. Nobody leads for the first " + seconds(preview) + " s: until then a lease of the old"
                    + " leader has ended.");
            if (preview.getSafeCount() > 0) {
                terminal.print("Only " + String.join(", ", preview.getSafeList()) + " may be elected first.");
            }
        }
    }

    private static List<String> row(Survivor one) {
        return List.of(
                one.getName(),
                one.getAddress(),
                !one.getData() ? "none" : !one.getRunning() ? "stopped" : one.getPrimary() ? "primary" : "replica",
                one.getTimeline() > 0 ? Integer.toString(one.getTimeline()) : "",
                one.getLsn() != 0 ? lsn(one.getLsn()) : "",
                Long.toString(one.getTerm()),
                Long.toString(one.getLastIndex()));
    }

    private static String lsn(long value) {
        return String.format("%X/%X", value >>> 32, value & 0xFFFFFFFFL);
    }

    private static long seconds(RecoveryPreview preview) {
        return (preview.getWaitMillis() + 999) / 1000;
    }

    private static Map<String, Object> json(RecoveryPreview preview) {
        Map<String, Object> whole = new LinkedHashMap<>();
        whole.put("scope", preview.getScope());
        whole.put("group", preview.getGroupId());
        whole.put("possible", preview.getRefusalsCount() == 0);
        whole.put("refusals", List.copyOf(preview.getRefusalsList()));
        whole.put("lossless", preview.getLossless());
        whole.put("findings", List.copyOf(preview.getFindingsList()));
        whole.put("may_lead_first", List.copyOf(preview.getSafeList()));
        whole.put("founder", preview.getFounder());
        whole.put("wait_seconds", seconds(preview));
        whole.put(
                "survivors",
                preview.getSurvivorsList().stream().map(RecoverCommand::json).toList());
        whole.put(
                "dead",
                preview.getDeadList().stream()
                        .map(d -> Map.of("name", d.getName(), "address", d.getAddress()))
                        .toList());
        return whole;
    }

    private static Map<String, Object> json(Survivor one) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("name", one.getName());
        map.put("address", one.getAddress());
        map.put("data", one.getData());
        map.put("running", one.getRunning());
        map.put("primary", one.getPrimary());
        map.put("timeline", one.getTimeline());
        map.put("lsn", lsn(one.getLsn()));
        map.put("system_identifier", one.getSystemIdentifier());
        map.put("term", one.getTerm());
        map.put("index", one.getLastIndex());
        return map;
    }

    private void confirm(RecoveryPreview preview) {
        String dead = String.join(
                " ",
                preview.getDeadList().stream().map(DeadPeer::getName).sorted().toList());
        ctl.terminal()
                .print(
                        "No program can tell a dead host from one that is only cut off. If those below still run, with each"
                                + " other, there will be two primaries.");
        String answer =
                ctl.terminal().ask("Type the names of the hosts that are switched off for good: \"" + dead + "\"");
        if (!answer.equals(dead)) {
            throw CtlException.refused("You did not type \"" + dead + "\"; nothing was changed");
        }
    }

    private static RecoverRequest request(RecoveryPreview preview) {
        return RecoverRequest.newBuilder()
                .setGroupId(preview.getGroupId())
                .addAllSurvivors(preview.getSurvivorsList().stream()
                        .map(Survivor::getPeerId)
                        .toList())
                .addAllDead(
                        preview.getDeadList().stream().map(DeadPeer::getPeerId).toList())
                .setLossless(preview.getLossless())
                .setWaitMillis(preview.getWaitMillis())
                .build();
    }

    /** Until all survivors vote in the new store. */
    private int await(Agents agents, RecoveryPreview preview) {
        long deadline = System.nanoTime() + SETTLING.toNanos() + preview.getWaitMillis() * 1_000_000;
        while (System.nanoTime() - deadline < 0) {
            ListPeersReply now = agents.callStore(QUICK, stub -> stub.listPeers(ListPeersRequest.getDefaultInstance()));
            if (!now.getGroupId().equals(preview.getGroupId())
                    && now.getVoters() == preview.getSurvivorsCount()
                    && now.getOptimal()) {
                String success = "the new store has " + now.getVoters() + (now.getVoters() == 1 ? " peer" : " peers");
                told(200, success);
                ctl.terminal()
                        .complain("Success: " + success
                                + ". Go on to three: matriarchctl cluster token for a new host, matriarchctl raft"
                                + " add-peer HOST:PORT for one that comes back");
                return 0;
            }
            try {
                Thread.sleep(LOOK_AGAIN_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        ctl.terminal()
                .complain(
                        "The old store is given up, but the new one is not complete yet: matriarchctl raft list-peers");
        return CtlException.REFUSED;
    }
}
