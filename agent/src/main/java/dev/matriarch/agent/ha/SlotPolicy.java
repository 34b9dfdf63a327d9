package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
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

    /**
     * Everybody else who streams: they stream from this member as soon as it leads. A member that never leads serves only
     * those that have chosen it as their source.
     */
    static Set<String> membersToServe(Observation seen, ClusterView view) {
        String me = seen.me();
        if (seen.tags().nofailover() && !seen.postgres().isPrimary()) {
            Cascade cascade = new Cascade(view);
            return view.members().stream()
                    .filter(m -> cascade.streamsFrom(m, me))
                    .map(Member::name)
                    .collect(Collectors.toCollection(TreeSet::new));
        }
        Set<String> members = view.members().stream().map(Member::name).collect(Collectors.toCollection(TreeSet::new));
        // Whoever was here a while ago may be restarting, and then wants to find its WAL.
        members.addAll(seen.situation().recentMembers());
        members.remove(me);
        members.removeIf(
                name -> view.member(name).filter(m -> Tags.of(m).nostream()).isPresent());
        return members;
    }

    /**
     * A step that brings the server's own slots in line, if they are not. A slot that nobody here streams from has to be
     * moved on by hand: those of a standby, and on the leader those of members that stream from another standby.
     */
    static Optional<Decision> step(
            ClusterView view, Situation situation, LocalPostgres.Status status, Set<String> members) {
        Set<String> wanted = members.stream().map(SlotName::of).collect(Collectors.toCollection(TreeSet::new));
        Set<String> present =
                status.slots().stream().map(LocalPostgres.Slot::name).collect(Collectors.toSet());
        boolean missing = !present.containsAll(wanted);
        boolean changed = !situation.slotsFor().equals(Optional.of(members));
        Map<String, Lsn> advance = behind(view, status, members);
        return missing || changed || !advance.isEmpty()
                ? Optional.of(new Decision.SyncSlots(members, advance, "replication slots for " + members))
                : Optional.empty();
    }

    /** Slots that hold back much more WAL than their member, which uses another, still needs. */
    private static Map<String, Lsn> behind(ClusterView view, LocalPostgres.Status status, Set<String> members) {
        Map<String, Lsn> advance = new TreeMap<>();
        Lsn here = status.inRecovery() ? status.replayed() : status.position();
        Cascade cascade = new Cascade(view);
        String leader = view.leader().map(Leader::name).orElse("");
        for (String name : members) {
            boolean ownStream = !status.inRecovery()
                    && view.member(name)
                            .filter(m -> cascade.streamsFrom(m, leader))
                            .isPresent();
            if (ownStream) {
                // It moves the slot itself, or is away and needs it where it is.
                continue;
            }
            Optional<Lsn> reached = view.member(name).flatMap(Member::xlogLocation);
            Optional<LocalPostgres.Slot> slot = status.slots().stream()
                    .filter(s -> !s.active() && s.name().equals(SlotName.of(name)))
                    .findFirst();
            if (reached.isPresent() && slot.isPresent()) {
                Lsn to = reached.get().isAfter(here) ? here : reached.get();
                if (to.minus(slot.get().restart()) > WORTH_ADVANCING) {
                    advance.put(slot.get().name(), to);
                }
            }
        }
        return advance;
    }
}
