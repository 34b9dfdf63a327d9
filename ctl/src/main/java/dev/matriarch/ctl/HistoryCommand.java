package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetHistoryReply;
import dev.matriarch.proto.control.v1.GetHistoryRequest;
import dev.matriarch.proto.control.v1.HistoryRow;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "history", description = "Print the timelines that have ended.")
final class HistoryCommand implements Callable<Integer> {
    private static final List<String> TITLES = List.of("TL", "LSN", "Reason", "Timestamp", "New Leader");

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
            description = "${COMPLETION-CANDIDATES}")
    private Format format;

    @Override
    public Integer call() {
        try (Agents agents = ctl.reach(cluster)) {
            GetHistoryReply history = agents.call(stub -> stub.getHistory(GetHistoryRequest.getDefaultInstance()));
            List<List<Object>> rows = new ArrayList<>();
            for (HistoryRow row : history.getRowsList()) {
                Object lsn =
                        format.isPretty() || format == Format.tsv ? Long.toUnsignedString(row.getLsn()) : row.getLsn();
                rows.add(List.of(row.getTimeline(), lsn, row.getReason(), row.getTimestamp(), row.getNewLeader()));
            }
            lines(rows).forEach(ctl.terminal()::print);
            return 0;
        }
    }

    private List<String> lines(List<List<Object>> rows) {
        if (!format.isPretty()) {
            return format.lines(TITLES, rows);
        }
        List<TextTable.Column> columns = TITLES.stream()
                .map(t -> new TextTable.Column(t, t.equals("TL") || t.equals("LSN")))
                .toList();
        return new TextTable(
                        "",
                        columns,
                        rows.stream()
                                .map(r -> r.stream().map(String::valueOf).toList())
                                .toList())
                .lines();
    }
}
