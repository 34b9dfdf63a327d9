package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Permanent logical slots. The primary creates them. A standby cannot before PostgreSQL 16: it takes over the state file
 * of the leader's, which needs a restart, and then moves its own slot on to where the leader's is.
 */
public final class LogicalSlots {
    private LogicalSlots() {}

    /** The permanent logical slots that this server is to have. */
    static TreeMap<String, SlotRules.Permanent> wanted(Observation seen) {
        TreeMap<String, SlotRules.Permanent> wanted = new TreeMap<>();
        boolean primary = seen.postgres().isPrimary();
        boolean possible = seen.settings().useSlots()
                && seen.settings().standbyCluster().isEmpty()
                && (primary || !seen.tags().nofailover() && !seen.tags().nostream() && canMove(seen));
        if (possible) {
            seen.settings().slots().permanent().forEach((name, slot) -> {
                if (slot.logical()) {
                    wanted.put(name, slot);
                }
            });
        }
        return wanted;
    }

    private static boolean canMove(Observation seen) {
        return seen.postgres().status().map(LocalPostgres.Status::canMoveSlots).orElse(true);
    }

    /** What takes longer than a heartbeat may: creating slots on the leader, moving them on elsewhere. */
    public static List<SlotChange> work(Observation seen) {
        List<SlotChange> work = new ArrayList<>();
        Optional<LocalPostgres.Status> status = seen.postgres().status();
        Optional<ClusterView> view = seen.view();
        if (status.isEmpty() || view.isEmpty() || seen.task().isPresent()) {
            return work;
        }
        boolean leads = !status.get().inRecovery() && seen.holdsLease();
        wanted(seen).forEach((name, slot) -> {
            Optional<LocalPostgres.Slot> present = present(status.get(), name);
            if (present.isEmpty() && leads) {
                work.add(new SlotChange.CreateLogical(name, slot.database(), slot.plugin()));
            }
            Lsn reached = view.get().status().slots().getOrDefault(name, Lsn.INVALID);
            Lsn here = status.get().replayed();
            Lsn to = reached.isAfter(here) ? here : reached;
            boolean behind = status.get().inRecovery()
                    && present.flatMap(LocalPostgres.Slot::logical)
                            .filter(l -> to.isAfter(l.confirmed()))
                            .isPresent();
            if (behind && !present.get().active() && !present.get().isLost()) {
                work.add(new SlotChange.Advance(name, slot.database(), to));
            }
        });
        return work;
    }

    /** A running standby that lacks slots which the leader has copies them, while all others stream. */
    static Optional<Decision> copy(Observation seen, ClusterView view, LocalPostgres.Status status, Leader leader) {
        SlotMemory memory = seen.situation().slots();
        boolean later = memory.copyAt().isPresent() && memory.copyAt().getAsLong() - seen.now() > 0;
        if (later || !status.streaming() || seen.settings().paused()) {
            return Optional.empty();
        }
        Set<String> missing = new TreeSet<>();
        for (String name : wanted(seen).keySet()) {
            if (present(status, name).isEmpty() && view.status().slots().containsKey(name)) {
                missing.add(name);
            }
        }
        if (missing.isEmpty()) {
            return Optional.empty();
        }
        boolean calm = view.members().stream()
                .filter(m -> !m.name().equals(seen.me()) && !m.name().equals(leader.name()))
                .allMatch(m -> m.isRunning()
                        && m.replicationState().filter("streaming"::equals).isPresent());
        Optional<Upstream.Of> source = view.leaderMember().flatMap(StandbyDuties::upstream);
        // Two that restart at once could keep commits waiting: the turns of members come one after the other.
        boolean myTurn = turn(view, seen);
        return !calm || !myTurn || source.isEmpty()
                ? Optional.empty()
                : Optional.of(new Decision.CopySlots(
                        source.get(),
                        seen.situation().following().orElse(source.get()),
                        missing,
                        "copying the logical slots " + missing + " from " + leader.name()));
    }

    private static boolean turn(ClusterView view, Observation seen) {
        List<String> names = view.members().stream()
                .map(m -> m.name())
                .filter(n -> view.leader().map(Leader::name).filter(n::equals).isEmpty())
                .sorted()
                .toList();
        long turn = seen.wallClock().getEpochSecond() / TURN.toSeconds();
        return names.isEmpty()
                || names.get((int) Math.floorMod(turn, (long) names.size())).equals(seen.me());
    }

    private static final Duration TURN = Duration.ofSeconds(3);

    private static Optional<LocalPostgres.Slot> present(LocalPostgres.Status status, String name) {
        for (LocalPostgres.Slot slot : status.slots()) {
            if (slot.name().equals(name)) {
                return Optional.of(slot);
            }
        }
        return Optional.empty();
    }

    /** Who leads and streams to this member, directly or through others. */
    public static Optional<Upstream.Of> leader(Observation seen) {
        return seen.view().flatMap(ClusterView::leaderMember).flatMap(StandbyDuties::upstream);
    }

    /** The member that streams from the leader and through which this one's feedback reaches it. */
    public static String topOfChain(Observation seen) {
        Optional<ClusterView> view = seen.view();
        String top = seen.me();
        if (view.isEmpty()) {
            return top;
        }
        Cascade cascade = new Cascade(view.get());
        String leader = view.get().leader().map(Leader::name).orElse("");
        Tags tags = seen.tags();
        for (int i = 0; i < view.get().members().size(); i++) {
            Optional<Member> above = cascade.upstreamOf(top, tags);
            if (above.isEmpty() || above.get().name().equals(leader)) {
                break;
            }
            top = above.get().name();
            tags = Tags.of(above.get());
        }
        return top;
    }

    /** The copies here of which it is not known that the catalog rows they need are still there. */
    public static Set<String> unproven(Observation seen) {
        Set<String> unproven = new TreeSet<>();
        seen.postgres().status().filter(LocalPostgres.Status::inRecovery).ifPresent(status -> {
            for (String name : wanted(seen).keySet()) {
                if (present(status, name).isPresent()
                        && !seen.situation().slots().proven().contains(name)) {
                    unproven.add(name);
                }
            }
        });
        return unproven;
    }

    /**
     * Rows that the slot needs have been kept if this member's own slot on the leader has been holding them back since a
     * moment at which the leader's logical slot still did.
     *
     * @param here catalog_xmin of the copy
     * @param then catalog_xmin of the leader's slot when feedback was first seen in force there
     */
    public static boolean isProven(long here, long then) {
        // Transaction numbers go round.
        return here != 0 && then != 0 && (int) (here - then) >= 0;
    }
}
