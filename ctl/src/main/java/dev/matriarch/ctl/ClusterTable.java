package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.MemberRow;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The members of a cluster as Patroni's users know them. Pure. */
final class ClusterTable {
    /** What an agent says that has not read the store yet is older than any answer could be. */
    private static final double NEVER_SECONDS = 300 * 86_400.0;

    private static final int POSTGRES_PORT = 5432;
    private static final int LONGEST_REASON = 50;

    /** @param pretty title in a framed table; {@code title} is the one for programs */
    private record Column(String title, String pretty, boolean right, Function<MemberRow, Object> value) {}

    /** @param group of a Citus database; null: the cluster stands alone */
    record Part(Integer group, GetClusterReply cluster) {}

    private final List<Part> parts;
    private final GetClusterReply cluster;
    private final Format format;
    private final boolean extended;
    private final boolean withPorts;

    ClusterTable(GetClusterReply cluster, Format format, boolean extended) {
        this(List.of(new Part(null, cluster)), format, extended);
    }

    /** @param parts of one Citus database: all of them, or one */
    ClusterTable(List<Part> parts, Format format, boolean extended) {
        this.parts = List.copyOf(parts);
        this.cluster = together(parts);
        this.format = format;
        this.extended = extended;
        List<MemberRow> members = cluster.getMembersList();
        withPorts = members.stream().anyMatch(m -> m.getPort() != POSTGRES_PORT)
                || members.stream().map(MemberRow::getHost).distinct().count() < members.size();
    }

    /** All members under one roof; what concerns one part only is looked up there. */
    private static GetClusterReply together(List<Part> parts) {
        GetClusterReply.Builder all = parts.getFirst().cluster().toBuilder();
        parts.subList(1, parts.size())
                .forEach(part -> all.addAllMembers(part.cluster().getMembersList()));
        return all.build();
    }

    private boolean ofCitus() {
        return parts.getFirst().group() != null;
    }

    /** By identity: two groups may well have members that are equal in all they show. */
    private Map<MemberRow, Integer> groups() {
        Map<MemberRow, Integer> groups = new IdentityHashMap<>();
        int next = 0;
        for (Part part : parts) {
            for (int i = 0; i < part.cluster().getMembersCount(); i++) {
                groups.put(cluster.getMembers(next++), part.group());
            }
        }
        return groups;
    }

    private List<MemberRow> members(Part part) {
        int first = 0;
        for (Part before : parts) {
            if (before == part) {
                break;
            }
            first += before.cluster().getMembersCount();
        }
        return cluster.getMembersList().subList(first, first + part.cluster().getMembersCount());
    }

    private String title() {
        String scope = cluster.getScope();
        if (!ofCitus()) {
            return " Cluster: " + scope + " (" + identifier() + ") ";
        }
        return parts.size() == 1
                ? " Citus cluster: " + scope + " (group: " + parts.getFirst().group() + ", " + identifier() + ") "
                : " Citus cluster: " + scope + " ";
    }

    List<String> lines() {
        List<Column> columns = columns();
        List<String> lines = new ArrayList<>();
        if (!format.isPretty()) {
            List<List<Object>> rows = cluster.getMembersList().stream()
                    .map(m -> columns.stream().map(c -> c.value().apply(m)).toList())
                    .toList();
            return format.lines(columns.stream().map(Column::title).toList(), rows);
        }
        columns.removeFirst();
        if (ofCitus() && parts.size() == 1) {
            columns.removeFirst();
        }
        List<List<String>> rows = new ArrayList<>();
        for (Part part : parts) {
            Map<MemberRow, String> names = format == Format.topology ? topology(members(part)) : flat(members(part));
            names.forEach((member, name) -> {
                List<String> row = new ArrayList<>();
                for (Column column : columns) {
                    row.add(
                            column.title().equals("Member")
                                    ? name
                                    : String.valueOf(column.value().apply(member)));
                }
                rows.add(row);
            });
        }
        lines.addAll(new TextTable(
                        title(),
                        columns.stream()
                                .map(c -> new TextTable.Column(c.pretty(), c.right()))
                                .toList(),
                        rows)
                .lines());
        for (Part part : parts) {
            List<String> footer = footer(part.cluster());
            if (parts.size() > 1 && !footer.isEmpty()) {
                lines.add(" Citus group: " + part.group());
            }
            lines.addAll(footer);
        }
        return lines;
    }

    private String identifier() {
        if (!cluster.hasSystemIdentifier()) {
            return "uninitialized";
        }
        return cluster.getSystemIdentifier().isEmpty() ? "initializing" : cluster.getSystemIdentifier();
    }

    private static List<String> footer(GetClusterReply cluster) {
        List<String> lines = new ArrayList<>();
        if (cluster.getPaused()) {
            lines.add(" Maintenance mode: on");
        }
        if (cluster.hasScheduledSwitchover()) {
            var scheduled = cluster.getScheduledSwitchover();
            lines.add(" Switchover scheduled at: " + scheduled.getAt());
            if (!scheduled.getFrom().isEmpty()) {
                lines.add(String.format("%24s: %s", "from", scheduled.getFrom()));
            }
            if (!scheduled.getTo().isEmpty()) {
                lines.add(String.format("%24s: %s", "to", scheduled.getTo()));
            }
        }
        if (!cluster.getGuarantee().isEmpty()) {
            lines.add(" Guarantee: " + cluster.getGuarantee());
        }
        double age = cluster.getViewAgeMillis() / 1000.0;
        if (age >= NEVER_SECONDS) {
            lines.add(" Attention: " + cluster.getAnsweredBy()
                    + " has not seen the cluster since it was started; ask another member too");
        } else if (age > Math.max(10, 3 * cluster.getLoopWaitSeconds())) {
            lines.add(String.format(
                    Locale.ROOT,
                    " Attention: %s last looked at the cluster %.0f seconds ago; ask another member too",
                    cluster.getAnsweredBy(),
                    age));
        }
        return lines;
    }

    private List<Column> columns() {
        List<Column> columns = new ArrayList<>();
        columns.add(new Column("Cluster", "Cluster", false, m -> cluster.getScope()));
        if (ofCitus()) {
            Map<MemberRow, Integer> groups = groups();
            columns.add(new Column("Group", "Group", true, groups::get));
        }
        columns.add(new Column("Member", "Member", false, MemberRow::getName));
        columns.add(new Column("Host", "Host", false, this::host));
        columns.add(new Column("Role", "Role", false, m -> titleCase(m.getRole())));
        columns.add(new Column("State", "State", false, MemberRow::getState));
        columns.add(new Column("TL", "TL", true, m -> m.hasTimeline() ? (Object) m.getTimeline() : ""));
        columns.add(new Column("Receive LSN", "Receive LSN", true, m -> lsn(m, m.hasReceiveLsn(), m.getReceiveLsn())));
        columns.add(new Column("Receive Lag", "Lag", true, m -> m.hasReceiveLag() ? megabytes(m.getReceiveLag()) : ""));
        columns.add(new Column("Replay LSN", "Replay LSN", true, m -> lsn(m, m.hasReplayLsn(), m.getReplayLsn())));
        columns.add(new Column("Replay Lag", "Lag", true, m -> m.hasReplayLag() ? megabytes(m.getReplayLag()) : ""));
        addIfUsed(
                columns,
                new Column("Pending restart", "Pending restart", false, m -> m.getPendingRestart() ? "*" : ""));
        addIfUsed(columns, new Column("Pending restart reason", "Pending restart reason", false, this::reasons));
        addIfUsed(columns, new Column("Scheduled restart", "Scheduled restart", false, MemberRow::getScheduledRestart));
        addIfUsed(columns, new Column("Copied", "Copied", false, MemberRow::getCloneProgress));
        addIfUsed(columns, new Column("Tags", "Tags", false, this::tags));
        return columns;
    }

    private void addIfUsed(List<Column> columns, Column column) {
        if (extended
                || cluster.getMembersList().stream()
                        .anyMatch(m -> !column.value().apply(m).equals(""))) {
            columns.add(column);
        }
    }

    private String host(MemberRow member) {
        return withPorts && member.getPort() > 0 ? member.getHost() + ":" + member.getPort() : member.getHost();
    }

    private static String titleCase(String role) {
        return java.util.Arrays.stream(role.split("_"))
                .filter(w -> !w.isEmpty())
                .map(w -> Character.toUpperCase(w.charAt(0)) + w.substring(1))
                .collect(Collectors.joining(" "));
    }

    static String lsn(long value) {
        return String.format("%X/%X", value >>> 32, value & 0xFFFFFFFFL);
    }

    private static Object lsn(MemberRow member, boolean known, long value) {
        if (known) {
            return lsn(value);
        }
        return leads(member) ? "" : "unknown";
    }

    private static Object megabytes(long bytes) {
        return Math.round(bytes / (1024.0 * 1024.0));
    }

    private Object reasons(MemberRow member) {
        List<String> lines = new ArrayList<>();
        new TreeMap<>(member.getPendingRestartReasonMap()).forEach((parameter, change) -> {
            boolean hidden = format.isPretty() && (parameter + ": " + change).length() > LONGEST_REASON;
            lines.add(parameter + ": " + (hidden ? "[hidden - too long]" : change));
        });
        return String.join(format.isPretty() ? "\n" : ", ", lines);
    }

    private Object tags(MemberRow member) {
        if (member.getTagsMap().isEmpty()) {
            return "";
        }
        Map<String, String> tags = new TreeMap<>(member.getTagsMap());
        if (format == Format.pretty) {
            return tags.entrySet().stream()
                    .map(e -> e.getKey() + ": " + e.getValue())
                    .collect(Collectors.joining("\n"));
        }
        return tags.entrySet().stream()
                .map(e -> e.getKey() + ": " + e.getValue())
                .collect(Collectors.joining(", ", "{", "}"));
    }

    static boolean leads(MemberRow member) {
        return member.getRole().equals("leader") || member.getRole().equals("standby_leader");
    }

    private static Map<MemberRow, String> flat(List<MemberRow> members) {
        Map<MemberRow, String> names = new LinkedHashMap<>();
        members.forEach(m -> names.put(m, m.getName()));
        return names;
    }

    private static Map<MemberRow, String> topology(List<MemberRow> members) {
        Map<String, List<MemberRow>> children = new HashMap<>();
        Map<String, MemberRow> replicas = new HashMap<>();
        List<MemberRow> roots = new ArrayList<>();
        for (MemberRow member : members) {
            if (leads(member)) {
                roots.add(member);
            } else {
                replicas.put(member.getName(), member);
            }
        }
        for (MemberRow member : replicas.values()) {
            String from = member.getTagsOrDefault("replicatefrom", "");
            boolean cascades = replicas.containsKey(from) && !from.equals(member.getName());
            children.computeIfAbsent(cascades ? from : "", k -> new ArrayList<>())
                    .add(member);
        }
        Map<MemberRow, String> names = new LinkedHashMap<>();
        roots.forEach(root -> names.put(root, root.getName()));
        descend("", 0, children, names);
        // Members that replicate from each other in a circle hang on nobody.
        replicas.values().forEach(m -> names.putIfAbsent(m, "+ " + m.getName()));
        return names;
    }

    private static void descend(
            String parent, int level, Map<String, List<MemberRow>> children, Map<MemberRow, String> names) {
        children.getOrDefault(parent, List.of()).stream()
                .sorted(java.util.Comparator.comparing(MemberRow::getName))
                .forEach(member -> {
                    names.put(member, "  ".repeat(level) + "+ " + member.getName());
                    descend(member.getName(), level + 1, children, names);
                });
    }
}
