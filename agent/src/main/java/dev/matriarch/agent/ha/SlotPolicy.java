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
            Set<String> downstream = new TreeSet<>();
            for (Member member : view.members()) {
                if (cascade.streamsFrom(member, me)) {
                    downstream.add(member.name());
                }
            }
            return downstream;
        }
        // Whoever was here a while ago may be restarting, and then wants to find its WAL.
        Set<String> members = new TreeSet<>(seen.situation().recentMembers());
        for (Member member : view.members()) {
            if (member.flag("nostream")) {
                members.remove(member.name());
            } else {
                members.add(member.name());
            }
        }
        members.remove(me);
        return members;
    }

    /**
     * A step that brings the server's own slots in line, if they are not. A slot that nobody here streams from has to be
     * moved on by hand: those of a standby, and on the leader those of members that stream from another standby.
     */
    static Optional<Decision> step(
            ClusterView view, Situation situation, LocalPostgres.Status status, Set<String> members) {
        boolean missing = false;
        for (String name : members) {
            missing |= slot(status, SlotName.of(name)).isEmpty();
        }
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
            Optional<Member> member = view.member(name);
            if (member.isEmpty() || !status.inRecovery() && cascade.streamsFrom(member.get(), leader)) {
                // It moves the slot itself, or is away and needs it where it is.
                continue;
            }
            Optional<Lsn> reached = member.get().xlogLocation();
            Optional<LocalPostgres.Slot> slot = slot(status, SlotName.of(name)).filter(s -> !s.active());
            if (reached.isPresent() && slot.isPresent()) {
                Lsn to = reached.get().isAfter(here) ? here : reached.get();
                if (to.minus(slot.get().restart()) > WORTH_ADVANCING) {
                    advance.put(slot.get().name(), to);
                }
            }
        }
        return advance;
    }

    private static Optional<LocalPostgres.Slot> slot(LocalPostgres.Status status, String name) {
        for (LocalPostgres.Slot slot : status.slots()) {
            if (slot.name().equals(name)) {
                return Optional.of(slot);
            }
        }
        return Optional.empty();
    }
}
