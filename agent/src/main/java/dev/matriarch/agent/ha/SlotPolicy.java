package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SlotName;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.TreeSet;

/** Which replication slots this server keeps, and what brings those that it has in line. */
public final class SlotPolicy {
    /** One WAL segment. */
    private static final long WORTH_ADVANCING = 16L << 20;

    private final Observation seen;
    private final ClusterView view;
    private final LocalPostgres.Status status;
    private final Cascade cascade;
    private final SlotBudget budget;
    private final SlotMemory memory;
    /** Slot names to members; two members may have one. Found out when it is first asked for. */
    private List<Owner> owners = List.of();

    private record Owner(String slot, Member member) {}

    SlotPolicy(Observation seen, ClusterView view, LocalPostgres.Status status) {
        this.seen = seen;
        this.view = view;
        this.status = status;
        this.cascade = new Cascade(view);
        this.budget = new SlotBudget(seen, view);
        this.memory = seen.situation().slots();
    }

    /**
     * For which members this server keeps a slot: everybody else who streams, because they stream from this member as soon
     * as it leads. A member that never leads serves only those that have chosen it as their source, and so does everybody where
     * slots cannot be moved.
     */
    Set<String> membersToServe() {
        if (!seen.settings().useSlots()) {
            return Set.of();
        }
        String me = seen.me();
        if (servesOnlyReaders()) {
            Set<String> downstream = new TreeSet<>();
            for (Member member : view.members()) {
                if (cascade.streamsFrom(member, me)) {
                    downstream.add(member.name());
                }
            }
            return downstream;
        }
        // Whoever was here a while ago may be restarting, and then wants to find its WAL.
        Set<String> recent = seen.situation().recentMembers();
        Set<String> members = new TreeSet<>(recent);
        for (Member member : view.members()) {
            if (member.flag("nostream")) {
                members.remove(member.name());
            } else if (!recent.contains(member.name())) {
                members.add(member.name());
            }
        }
        members.remove(me);
        if (!status.canMoveSlots()) {
            members.removeIf(name ->
                    view.member(name).filter(m -> !cascade.streamsFrom(m, me)).isPresent());
        }
        return members;
    }

    /** Slots for the case that this member leads next would have to be moved on meanwhile. */
    private boolean servesOnlyReaders() {
        return neverLeads() || !status.canMoveSlots() && !leads();
    }

    private boolean neverLeads() {
        return seen.tags().nofailover() && !seen.postgres().isPrimary();
    }

    /** The physical slots that this server keeps for members, those that have left not too long ago included. */
    Set<String> memberSlots() {
        Set<String> names = new TreeSet<>();
        if (!seen.settings().useSlots()) {
            return names;
        }
        String own = SlotName.of(seen.me());
        for (String member : membersToServe()) {
            names.add(SlotName.of(member));
        }
        names.remove(own);
        if (!servesOnlyReaders()) {
            for (String slot : memory.retained()) {
                if (!slot.equals(own) && !names.contains(slot) && !isOfMember(slot)) {
                    names.add(slot);
                }
            }
        }
        return names;
    }

    private boolean isOfMember(String slot) {
        for (Owner owner : owners()) {
            if (owner.slot().equals(slot)) {
                return true;
            }
        }
        return false;
    }

    private List<Owner> owners() {
        if (owners.isEmpty()) {
            owners = new ArrayList<>(view.members().size());
            for (Member member : view.members()) {
                owners.add(new Owner(SlotName.of(member.name()), member));
            }
        }
        return owners;
    }

    /** What the leader lets everybody else keep in case that they lead next. */
    static List<String> retained(Observation seen) {
        if (!seen.settings().useSlots()) {
            return List.of();
        }
        TreeSet<String> names = new TreeSet<>(seen.situation().slots().retained());
        seen.situation().recentMembers().forEach(name -> names.add(SlotName.of(name)));
        seen.view()
                .ifPresent(view -> view.members().stream()
                        .filter(m -> m.flag("nostream"))
                        .forEach(m -> names.remove(SlotName.of(m.name()))));
        return List.copyOf(names);
    }

    /** A step that brings the server's own slots in line, if they are not. */
    Optional<Decision> step() {
        if (memory.retryAt().isPresent() && memory.retryAt().getAsLong() - seen.now() > 0) {
            return Optional.empty();
        }
        List<SlotChange> changes = changes();
        if (changes.isEmpty()) {
            return Optional.empty();
        }
        StringJoiner words = new StringJoiner(", ", "replication slots: ", "");
        changes.forEach(c -> words.add(c.words()));
        return Optional.of(new Decision.SyncSlots(changes, words.toString()));
    }

    private List<SlotChange> changes() {
        Map<String, LocalPostgres.Slot> present = new TreeMap<>();
        status.slots().forEach(slot -> present.put(slot.name(), slot));
        Map<String, SlotRules.Permanent> permanent = permanent();
        Set<String> members = memberSlots();
        members.removeAll(permanent.keySet());
        List<SlotChange> drops = new ArrayList<>();
        List<SlotChange> others = new ArrayList<>();
        for (LocalPostgres.Slot slot : present.values()) {
            why(slot, members, permanent).ifPresent(drops::add);
        }
        for (String name : members) {
            LocalPostgres.Slot slot = present.get(name);
            if (slot == null && !budget.isSpent(name)) {
                others.add(new SlotChange.CreatePhysical(name));
            } else if (slot != null && slot.logical().isEmpty() && !slot.active()) {
                advanceOfMember(slot).ifPresent(others::add);
            }
        }
        permanent.forEach((name, wanted) -> {
            LocalPostgres.Slot slot = present.get(name);
            if (!wanted.logical()) {
                if (slot == null) {
                    others.add(new SlotChange.CreatePhysical(name));
                } else if (slot.logical().isEmpty()) {
                    advancePermanent(slot).ifPresent(others::add);
                }
            }
        });
        List<SlotChange> all = new ArrayList<>(seen.settings().paused() ? List.of() : drops);
        all.addAll(others);
        return all;
    }

    /** The permanent slots of this kind of cluster that this server can have. */
    private Map<String, SlotRules.Permanent> permanent() {
        if (!seen.settings().useSlots() || seen.settings().slots().permanent().isEmpty()) {
            return Map.of();
        }
        Map<String, SlotRules.Permanent> wanted = new HashMap<>();
        String own = SlotName.of(seen.me());
        SlotRules.ClusterType kind = seen.settings().standbyCluster().isPresent()
                ? SlotRules.ClusterType.STANDBY
                : SlotRules.ClusterType.PRIMARY;
        seen.settings().slots().permanent().forEach((name, slot) -> {
            boolean here = slot.clusterType().map(kind::equals).orElse(true);
            boolean stuck = !leads() && !status.canMoveSlots();
            if (here && !stuck && !slot.logical() && !name.equals(own)) {
                wanted.put(name, slot);
            }
        });
        wanted.putAll(LogicalSlots.wanted(seen));
        return wanted;
    }

    /** Nothing is dropped, and nothing warned about, that somebody else looks after. */
    private boolean isOthers(LocalPostgres.Slot slot) {
        for (SlotRules.Matcher ignored : seen.settings().slots().ignored()) {
            if (ignored.fits(slot)) {
                return true;
            }
        }
        // PostgreSQL 17 carries these to its standbys itself.
        return slot.logical()
                .filter(l -> l.failover() && (!status.inRecovery() || l.synced()))
                .isPresent();
    }

    private Optional<SlotChange> why(
            LocalPostgres.Slot slot, Set<String> members, Map<String, SlotRules.Permanent> permanent) {
        if (slot.active() || isOthers(slot)) {
            return Optional.empty();
        }
        String name = slot.name();
        SlotRules.Permanent wanted = permanent.get(name);
        boolean known = wanted != null || members.contains(name);
        if (!known) {
            // An agent that has just begun does not know everybody yet.
            boolean knowsThem = memory.watchingSince().isPresent()
                    && seen.now() - memory.watchingSince().getAsLong()
                            >= seen.settings().ttl().multipliedBy(2).toNanos();
            return knowsThem
                    ? Optional.of(new SlotChange.Drop(
                            name, "it is neither of a member nor in slots or ignore_slots, and nobody uses it"))
                    : Optional.empty();
        }
        if (!fits(slot, wanted)) {
            return Optional.of(new SlotChange.Drop(name, "it is of another kind than the one that is wanted"));
        }
        if (slot.isLost()) {
            return Optional.of(new SlotChange.Drop(name, "the WAL that its reader needs is gone"));
        }
        if (slot.logical().isPresent()) {
            return Optional.empty();
        }
        if (slot.restart().equals(Lsn.INVALID)) {
            return Optional.of(new SlotChange.Drop(name, "it reserves no WAL"));
        }
        if (slot.holdsRows() && !readHere(name, wanted)) {
            return Optional.of(
                    new SlotChange.Drop(name, "it keeps old rows from being removed, and its reader is elsewhere"));
        }
        Lsn here = status.inRecovery() ? status.replayed() : status.position();
        return wanted == null
                ? budget.exceededBy(slot, here).map(because -> new SlotChange.Expire(name, because))
                : Optional.empty();
    }

    private static boolean fits(LocalPostgres.Slot slot, SlotRules.Permanent wanted) {
        if (wanted == null || !wanted.logical()) {
            return slot.logical().isEmpty();
        }
        return slot.logical()
                .filter(l ->
                        l.database().equals(wanted.database()) && l.plugin().equals(wanted.plugin()))
                .isPresent();
    }

    /** Where the reader of a physical slot connects: its xmin is feedback of that very reader. */
    private boolean readHere(String name, SlotRules.Permanent wanted) {
        if (wanted != null) {
            return leads();
        }
        for (Owner owner : owners()) {
            if (owner.slot().equals(name)) {
                return cascade.streamsFrom(owner.member(), seen.me());
            }
        }
        return leads();
    }

    /** Whoever reads from the leader reads here; that of a standby cluster is in recovery. */
    private boolean leads() {
        return !status.inRecovery()
                || view.leader().map(Leader::name).filter(seen.me()::equals).isPresent();
    }

    /**
     * A slot that nobody here streams from has to be moved on by hand: those of a standby, and on the leader those of
     * members that stream from another standby.
     */
    private Optional<SlotChange> advanceOfMember(LocalPostgres.Slot slot) {
        String leader = view.leader().map(Leader::name).orElse("");
        Lsn reached = status.inRecovery() ? view.status().slots().getOrDefault(slot.name(), Lsn.INVALID) : Lsn.INVALID;
        for (Owner owner : owners()) {
            if (owner.slot().equals(slot.name())) {
                if (!status.inRecovery() && cascade.streamsFrom(owner.member(), leader)) {
                    // It moves the slot itself, or is away and needs it where it is.
                    return Optional.empty();
                }
                reached = Lsn.max(reached, owner.member().xlogLocation().orElse(Lsn.INVALID));
            }
        }
        return advance(slot, reached);
    }

    private Optional<SlotChange> advancePermanent(LocalPostgres.Slot slot) {
        return !leads()
                ? advance(slot, view.status().slots().getOrDefault(slot.name(), Lsn.INVALID))
                : Optional.empty();
    }

    /** Only slots that hold back much more WAL than their reader still needs. */
    private Optional<SlotChange> advance(LocalPostgres.Slot slot, Lsn reached) {
        if (slot.active()
                || !status.canMoveSlots()
                || reached.equals(Lsn.INVALID)
                || slot.restart().equals(Lsn.INVALID)) {
            return Optional.empty();
        }
        Lsn here = status.inRecovery() ? status.replayed() : status.position();
        Lsn to = reached.isAfter(here) ? here : reached;
        return to.minus(slot.restart()) > WORTH_ADVANCING
                ? Optional.of(new SlotChange.Advance(slot.name(), "", to))
                : Optional.empty();
    }

    /** Active slots that nobody has declared: they hold WAL back without anybody who would be told. */
    public static Set<String> unknownInUse(Observation seen) {
        Optional<LocalPostgres.Status> status = seen.postgres().status();
        if (seen.view().isEmpty() || status.isEmpty()) {
            return Set.of();
        }
        SlotPolicy policy = new SlotPolicy(seen, seen.view().get(), status.get());
        Set<String> known = policy.memberSlots();
        known.addAll(policy.permanent().keySet());
        Set<String> unknown = new TreeSet<>();
        for (LocalPostgres.Slot slot : status.get().slots()) {
            if (slot.active() && !known.contains(slot.name()) && !policy.isOthers(slot)) {
                unknown.add(slot.name());
            }
        }
        return unknown;
    }
}
