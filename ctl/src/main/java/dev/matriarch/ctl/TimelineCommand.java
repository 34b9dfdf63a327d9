package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetHistoryRequest;
import dev.matriarch.proto.control.v1.HistoryRow;
import dev.matriarch.proto.watch.v1.Event;
import dev.matriarch.proto.watch.v1.EventsReply;
import dev.matriarch.proto.watch.v1.EventsRequest;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "timeline", description = "Print what happened in the cluster, as its members remember it.")
final class TimelineCommand implements Callable<Integer> {
    private static final Pattern AGO = Pattern.compile("(\\d{1,6})\\s*(s|m|min|h|d)");
    private static final List<String> TITLES = List.of("Time", "Member", "Kind", "Event");
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss.SSS");

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(
            names = "--since",
            paramLabel = "TIME",
            defaultValue = "1h",
            description = "How far back: 90s, 30m, 6h, 2d, or a time such as 2026-02-04T02:00Z. Default: 1h.")
    private String since;

    @Option(names = "--all", description = "With each agent's own decisions; without it only what became of them.")
    private boolean all;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
            description = "${COMPLETION-CANDIDATES}")
    private Format format;

    /**
     * @param group of a Citus database; null: the cluster stands alone
     * @param at milliseconds since the epoch
     */
    record Line(Integer group, long at, String member, String kind, String what) {}

    private record Part(Integer group, List<Line> lines, Map<String, String> silent) {}

    @Override
    public Integer call() {
        Instant from = since(since, Instant.now());
        try (CitusWatch watch = new CitusWatch(ctl, cluster)) {
            CitusWatch.Answers<Part> answers = watch.ask((group, agents) -> part(group, agents, from));
            List<Line> lines = answers.parts().stream()
                    .flatMap(p -> p.lines().stream())
                    .sorted(Comparator.comparingLong(Line::at))
                    .toList();
            Map<String, String> silent = new TreeMap<>();
            answers.parts().forEach(p -> silent.putAll(p.silent()));
            boolean ofCitus = answers.parts().getFirst().group() != null;
            print(watch.scope(), ofCitus, from, lines, silent, answers.problems());
            silent.forEach((name, why) ->
                    ctl.terminal().complain("Without the events of " + name + ", whose agent did not answer: " + why));
            answers.problems().forEach(why -> ctl.terminal().complain("Without the events of " + why));
            return 0;
        }
    }

    private Part part(Integer group, Agents agents, Instant from) {
        EventsReply reply = agents.watch(stub -> stub.events(
                EventsRequest.newBuilder().setSinceMillis(from.toEpochMilli()).build()));
        List<HistoryRow> history = agents.call(stub -> stub.getHistory(GetHistoryRequest.getDefaultInstance()))
                .getRowsList();
        Map<String, String> silent = new TreeMap<>();
        reply.getUnreachableMap()
                .forEach((name, why) -> silent.put(group == null ? name : name + " (group " + group + ")", why));
        return new Part(group, lines(group, reply.getEventsList(), history, from, all), silent);
    }

    private void print(
            String scope,
            boolean ofCitus,
            Instant from,
            List<Line> lines,
            Map<String, String> silent,
            List<String> problems) {
        if (format.isPretty()) {
            ZoneId here = ZoneId.systemDefault();
            int widest = lines.stream().mapToInt(l -> who(l).length()).max().orElse(0);
            for (Line line : lines) {
                String who = who(line);
                ctl.terminal()
                        .print(TIME.format(Instant.ofEpochMilli(line.at()).atZone(here)) + "  " + who
                                + " ".repeat(widest - who.length()) + "  " + line.what());
            }
            if (lines.isEmpty()) {
                ctl.terminal().print("Nothing happened since " + from);
            }
        } else if (format == Format.tsv) {
            List<String> titles = new ArrayList<>(TITLES);
            if (ofCitus) {
                titles.addFirst("Group");
            }
            format.lines(
                            titles,
                            lines.stream()
                                    .map(l -> {
                                        List<Object> row =
                                                new ArrayList<>(List.of(time(l), l.member(), l.kind(), l.what()));
                                        if (ofCitus) {
                                            row.addFirst(l.group());
                                        }
                                        return row;
                                    })
                                    .toList())
                    .forEach(ctl.terminal()::print);
        } else {
            ctl.terminal().print(format.document(whole(scope, from, lines, silent, problems)));
        }
    }

    private static String who(Line line) {
        return line.group() == null ? line.member() : line.group() + " " + line.member();
    }

    /** In order of time. Ends of timelines come from the history key, which outlives all members' memories. */
    static List<Line> lines(Integer group, List<Event> events, List<HistoryRow> history, Instant from, boolean all) {
        List<Line> lines = new ArrayList<>();
        for (Event event : events) {
            if (all || !event.getKind().equals("decision")) {
                lines.add(new Line(group, event.getAtMillis(), event.getMember(), event.getKind(), event.getWhat()));
            }
        }
        for (HistoryRow row : history) {
            instant(row.getTimestamp()).filter(at -> !at.isBefore(from)).ifPresent(at -> {
                String next = row.getNewLeader().isEmpty() ? "" : ", " + row.getNewLeader() + " opened the next";
                lines.add(new Line(
                        group,
                        at.toEpochMilli(),
                        row.getNewLeader(),
                        "timeline",
                        "timeline " + row.getTimeline() + " ended at " + position(row.getLsn()) + next));
            });
        }
        lines.sort(Comparator.comparingLong(Line::at));
        return lines;
    }

    private static java.util.Optional<Instant> instant(String text) {
        try {
            return java.util.Optional.of(OffsetDateTime.parse(text).toInstant());
        } catch (DateTimeException unknown) {
            return java.util.Optional.empty();
        }
    }

    private static String position(long lsn) {
        return String.format("%X/%X", lsn >>> 32, lsn & 0xFFFFFFFFL);
    }

    private static String time(Line line) {
        return Instant.ofEpochMilli(line.at()).toString();
    }

    private static Map<String, Object> whole(
            String scope, Instant from, List<Line> lines, Map<String, String> silent, List<String> problems) {
        Map<String, Object> whole = new LinkedHashMap<>();
        whole.put("cluster", scope);
        whole.put("since", from.toString());
        List<Object> events = new ArrayList<>();
        for (Line line : lines) {
            Map<String, Object> one = new LinkedHashMap<>();
            if (line.group() != null) {
                one.put("group", line.group());
            }
            one.put("time", time(line));
            one.put("member", line.member());
            one.put("kind", line.kind());
            one.put("event", line.what());
            events.add(one);
        }
        whole.put("events", events);
        whole.put("unreachable", silent);
        if (!problems.isEmpty()) {
            whole.put("problems", problems);
        }
        return whole;
    }

    /** @throws CtlException if it is neither a length of time nor a time */
    static Instant since(String text, Instant now) {
        Matcher ago = AGO.matcher(text.strip());
        if (ago.matches()) {
            long number = Long.parseLong(ago.group(1));
            long seconds = switch (ago.group(2)) {
                case "s" -> number;
                case "m", "min" -> number * 60;
                case "h" -> number * 3600;
                default -> number * 86_400;
            };
            return now.minusSeconds(seconds);
        }
        return instant(text.strip())
                .orElseThrow(() -> CtlException.refused("--since " + text
                        + " is neither a length of time, such as 30m or 2d, nor a time with zone, such as"
                        + " 2026-02-04T02:00Z"));
    }
}
