package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.watch.v1.Event;
import dev.matriarch.proto.watch.v1.MemberPulse;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** What {@code top} shows at one moment, as lines of text. Pure. */
final class TopView {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss");
    private static final int BAR = 10;
    private static final List<TextTable.Column> COLUMNS = List.of(
            new TextTable.Column("Member", false),
            new TextTable.Column("Role", false),
            new TextTable.Column("State", false),
            new TextTable.Column("TL", true),
            new TextTable.Column("Lag", true),
            new TextTable.Column("Lease", false),
            new TextTable.Column("Guard", false),
            new TextTable.Column("Doing", false));

    private TopView() {}

    /** @param size as many lines as fit, none wider; 0: as many and as wide as it takes */
    static List<String> lines(TopLook look, Screen.Size size, Instant now) {
        ZoneId here = ZoneId.systemDefault();
        List<String> lines = new ArrayList<>();
        lines.add(look.scope() + "  " + TIME.format(now.atZone(here)) + "  seen by "
                + look.parts().stream()
                        .map(p -> p.cluster().getAnsweredBy())
                        .distinct()
                        .collect(Collectors.joining(", "))
                + paused(look));
        for (TopLook.Part part : look.parts()) {
            String guarantee = part.cluster().getGuarantee();
            String sentence =
                    guarantee.isEmpty() ? "" : Character.toUpperCase(guarantee.charAt(0)) + guarantee.substring(1);
            if (!look.ofCitus() || !sentence.isEmpty()) {
                lines.add(look.ofCitus() ? "Group " + part.group() + ": " + sentence : sentence);
            }
        }
        lines.addAll(new TextTable("", columns(look), rows(look)).lines());
        for (TopLook.Part part : look.parts()) {
            if (part.cluster().hasScheduledSwitchover()) {
                lines.add((look.ofCitus() ? "Group " + part.group() + ": switchover" : "Switchover")
                        + " scheduled at: "
                        + part.cluster().getScheduledSwitchover().getAt());
            }
        }
        look.problems().forEach(p -> lines.add(p.replace('\n', ' ')));
        lines.add("");
        int room = size.height() == 0 ? 10 : Math.max(0, size.height() - lines.size() - 1);
        List<TopLook.Happened> all = look.events();
        for (TopLook.Happened one :
                all.subList(Math.max(0, all.size() - room), all.size()).reversed()) {
            Event event = one.event();
            lines.add(TIME.format(Instant.ofEpochMilli(event.getAtMillis()).atZone(here)) + "  "
                    + (one.group() == null ? "" : "group " + one.group() + "  ")
                    + (event.getShared() ? "" : event.getMember() + ": ") + event.getWhat());
        }
        return lines.stream()
                .limit(size.height() == 0 ? Long.MAX_VALUE : Math.max(1, size.height()))
                .map(l -> size.width() > 0 && l.length() > size.width() ? l.substring(0, size.width()) : l)
                .toList();
    }

    private static String paused(TopLook look) {
        List<TopLook.Part> paused =
                look.parts().stream().filter(p -> p.cluster().getPaused()).toList();
        if (paused.isEmpty()) {
            return "";
        }
        return paused.size() == look.parts().size()
                ? "  PAUSED"
                : "  PAUSED: group "
                        + paused.stream().map(p -> p.group().toString()).collect(Collectors.joining(", "));
    }

    private static List<TextTable.Column> columns(TopLook look) {
        List<TextTable.Column> columns = new ArrayList<>(COLUMNS);
        if (look.ofCitus()) {
            columns.addFirst(new TextTable.Column("Group", true));
        }
        return columns;
    }

    private static List<List<String>> rows(TopLook look) {
        List<List<String>> rows = new ArrayList<>();
        for (TopLook.Part part : look.parts()) {
            Map<String, MemberPulse> pulses = part.pulsesByName();
            for (MemberRow member : part.cluster().getMembersList()) {
                List<String> row = new ArrayList<>(row(member, pulses.get(member.getName())));
                if (look.ofCitus()) {
                    row.addFirst(part.group().toString());
                }
                rows.add(row);
            }
        }
        return rows;
    }

    private static List<String> row(MemberRow member, MemberPulse pulse) {
        boolean known = pulse != null && pulse.getProblem().isEmpty();
        boolean leads = ClusterTable.leads(member);
        return List.of(
                member.getName(),
                role(member.getRole()),
                member.getState() + (member.getPendingRestart() ? " *" : ""),
                member.hasTimeline() ? Integer.toString(member.getTimeline()) : "",
                leads ? "" : member.hasReplayLag() ? bytes(member.getReplayLag()) : "unknown",
                known && pulse.hasLeaseMillis()
                        ? bar(pulse.getLeaseMillis(), pulse.getTtlMillis())
                        : leads ? "unknown" : "",
                !known
                        ? ""
                        : (pulse.getGuarded() ? "armed" : leads ? "NOT ARMED" : "")
                                + (pulse.getWatchdog().equals("failed") ? " watchdog failed" : ""),
                known ? doing(pulse.getLastDecision()) : pulse == null ? "" : "agent: " + pulse.getProblem());
    }

    private static String doing(String sentence) {
        return sentence.replace('\n', ' ');
    }

    private static String role(String word) {
        return List.of(word.split("_")).stream()
                .map(w -> w.isEmpty() ? w : Character.toUpperCase(w.charAt(0)) + w.substring(1))
                .collect(Collectors.joining(" "));
    }

    private static String bar(long left, long ttl) {
        int full = ttl <= 0 ? 0 : Math.clamp(Math.round((double) left * BAR / ttl), 0, BAR);
        return "[" + "#".repeat(full) + ".".repeat(BAR - full) + "] "
                + String.format(Locale.ROOT, "%.1f s", left / 1000.0);
    }

    static String bytes(long count) {
        if (count < 1024) {
            return count + " B";
        }
        double value = count;
        int unit = -1;
        while (value >= 1024 && unit < 3) {
            value /= 1024;
            unit++;
        }
        return String.format(
                Locale.ROOT,
                value < 10 ? "%.1f %s" : "%.0f %s",
                value,
                List.of("kB", "MB", "GB", "TB").get(unit));
    }
}
