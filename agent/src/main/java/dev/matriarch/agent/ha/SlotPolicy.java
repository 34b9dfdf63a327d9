package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SlotName;
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
    static Set<String> membersToServe(ClusterView view, Situation situation, String me) {
        Set<String> members = view.members().stream().map(Member::name).collect(Collectors.toCollection(TreeSet::new));
        // Whoever was here a while ago may be restarting, and then wants to find its WAL.
        members.addAll(situation.recentMembers());
        members.remove(me);
        return members;
    }

    /**
     * A step that brings the server's own slots in line, if they are not. A standby keeps the slots too, so that the others
     * can stream from it the moment it is promoted; as nobody uses them they have to be moved on by hand.
     */
    static Optional<Decision> step(
            ClusterView view, Situation situation, LocalPostgres.Status status, Set<String> members) {
        Set<String> wanted = members.stream().map(SlotName::of).collect(Collectors.toCollection(TreeSet::new));
        Set<String> present =
                status.slots().stream().map(LocalPostgres.Slot::name).collect(Collectors.toSet());
        boolean missing = !present.containsAll(wanted);
        boolean changed = !situation.slotsFor().equals(Optional.of(members));
        Map<String, Lsn> advance = status.inRecovery() ? behind(view, status, members) : Map.of();
        return missing || changed || !advance.isEmpty()
                ? Optional.of(new Decision.SyncSlots(members, advance, "replication slots for " + members))
                : Optional.empty();
    }

    /** Slots that hold back much more WAL than their member still needs. */
    private static Map<String, Lsn> behind(ClusterView view, LocalPostgres.Status status, Set<String> members) {
        Map<String, Lsn> advance = new TreeMap<>();
        for (String name : members) {
            Optional<Lsn> reached = view.member(name).flatMap(Member::xlogLocation);
            Optional<LocalPostgres.Slot> slot = status.slots().stream()
                    .filter(s -> !s.active() && s.name().equals(SlotName.of(name)))
                    .findFirst();
            if (reached.isPresent() && slot.isPresent()) {
                Lsn to = reached.get().isAfter(status.replayed()) ? status.replayed() : reached.get();
                if (to.minus(slot.get().restart()) > WORTH_ADVANCING) {
                    advance.put(slot.get().name(), to);
                }
            }
        }
        return advance;
    }
}
