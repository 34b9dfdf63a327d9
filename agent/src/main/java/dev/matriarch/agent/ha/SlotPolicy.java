package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** For which members this server keeps a physical replication slot. */
final class SlotPolicy {
    /** One WAL segment. */
    private static final long WORTH_ADVANCING = 16L << 20;

    private SlotPolicy() {}

    /** Everybody else: they stream from this member as soon as it leads. */
    static Set<String> membersToServe(ClusterView view, String me) {
        return view.members().stream()
                .map(Member::name)
                .filter(n -> !n.equals(me))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /**
     * A step that brings the server's own slots in line, if they are not. A standby keeps the slots too, so that the others
     * can stream from it the moment it is promoted; as nobody uses them they have to be moved on by hand.
     */
    static Optional<Decision> step(ClusterView view, String me, LocalPostgres.Status status, Set<String> members) {
        Set<String> wanted = members.stream().map(SlotPolicy::slotName).collect(Collectors.toCollection(TreeSet::new));
        Set<String> present =
                status.slots().stream().map(LocalPostgres.Slot::name).collect(Collectors.toSet());
        boolean missing = !present.containsAll(wanted);
        Set<String> known = view.members().stream()
                .map(Member::name)
                .map(SlotPolicy::slotName)
                .collect(Collectors.toSet());
        boolean leftover = status.slots().stream()
                .anyMatch(s -> !s.active() && known.contains(s.name()) && !wanted.contains(s.name()));
        Map<String, Lsn> advance = status.inRecovery() ? behind(view, status, members) : Map.of();
        return missing || leftover || !advance.isEmpty()
                ? Optional.of(new Decision.SyncSlots(members, advance, "replication slots for " + members))
                : Optional.empty();
    }

    /** Slots that hold back much more WAL than their member still needs. */
    private static Map<String, Lsn> behind(ClusterView view, LocalPostgres.Status status, Set<String> members) {
        Map<String, Lsn> advance = new TreeMap<>();
        for (String name : members) {
            Optional<Lsn> reached = view.member(name).flatMap(Member::xlogLocation);
            Optional<LocalPostgres.Slot> slot = status.slots().stream()
                    .filter(s -> !s.active() && s.name().equals(slotName(name)))
                    .findFirst();
            if (reached.isPresent() && slot.isPresent()) {
                Lsn to = Lsn.max(
                        Lsn.INVALID, reached.get().isAfter(status.replayed()) ? status.replayed() : reached.get());
                if (to.minus(slot.get().restart()) > WORTH_ADVANCING) {
                    advance.put(slot.get().name(), to);
                }
            }
        }
        return advance;
    }

    /**
     * Patroni's mapping: lower case, dash and dot become an underscore, other characters outside {@code [a-z0-9_]} become
     * {@code u} and their decimal code point; at most 63 characters.
     */
    static String slotName(String member) {
        StringBuilder name = new StringBuilder();
        member.toLowerCase(java.util.Locale.ROOT).codePoints().forEach(c -> {
            if (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_') {
                name.appendCodePoint(c);
            } else if (c == '-' || c == '.') {
                name.append('_');
            } else {
                name.append('u').append(String.format("%04d", c));
            }
        });
        return name.length() > 63 ? name.substring(0, 63) : name.toString();
    }
}
