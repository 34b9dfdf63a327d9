package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SlotName;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/** What the slots of members that are away may cost, so that the WAL they hold back never fills the disk. */
public final class SlotBudget {
    private final Observation seen;
    private final ClusterView view;

    SlotBudget(Observation seen, ClusterView view) {
        this.seen = seen;
        this.view = view;
    }

    /** The physical slots that nobody reads here and whose members, if they are any, stream from nobody else either. */
    public static Set<String> idle(ClusterView view, LocalPostgres.Status status) {
        Set<String> idle = new HashSet<>();
        for (LocalPostgres.Slot slot : status.slots()) {
            if (!slot.active() && slot.logical().isEmpty()) {
                idle.add(slot.name());
            }
        }
        if (idle.isEmpty()) {
            return Set.of();
        }
        String leader = view.leader().map(Leader::name).orElse("");
        for (Member member : view.members()) {
            boolean streams = member.isRunning()
                    && (member.name().equals(leader)
                            || member.replicationState()
                                    .filter("streaming"::equals)
                                    .isPresent());
            if (streams) {
                idle.remove(SlotName.of(member.name()));
            }
        }
        return idle;
    }

    /** True if the slot was dropped for what it cost and nobody is back who could use another. */
    boolean isSpent(String slot) {
        Long at = seen.situation().slots().expired().get(slot);
        if (at == null) {
            return false;
        }
        boolean waited = seen.now() - at >= grace();
        for (Member member : view.members()) {
            if (waited && member.isRunning() && SlotName.of(member.name()).equals(slot)) {
                // It wants to stream again, and whatever it holds back from now on counts anew.
                return false;
            }
        }
        return true;
    }

    /** Why the slot of a member has to go; empty: it may stay. */
    Optional<String> exceededBy(LocalPostgres.Slot slot, Lsn here) {
        Long since = seen.situation().slots().idleSince().get(slot.name());
        if (since == null || seen.now() - since < grace()) {
            return Optional.empty();
        }
        SlotRules.Budget budget = seen.settings().slots().budget();
        long idle = seen.now() - since;
        String away = "nobody has streamed through it for " + seconds(idle);
        if (budget.maxIdle().isPositive() && idle > budget.maxIdle().toNanos()) {
            return Optional.of(away + ", longer than member_slots_max_idle ("
                    + seconds(budget.maxIdle().toNanos()) + ")" + CONSEQUENCE);
        }
        long held = slot.restart().equals(Lsn.INVALID) ? 0 : here.minus(slot.restart());
        if (budget.maxWal() > 0 && held > budget.maxWal()) {
            return Optional.of(away + " and it holds back " + megabytes(held)
                    + " of WAL, more than member_slots_max_wal (" + megabytes(budget.maxWal()) + ")" + CONSEQUENCE);
        }
        boolean fillsTheDisk = budget.maxWal() == SlotRules.Budget.AS_MUCH_AS_IS_FREE
                && seen.situation().writePath().room().isPresent()
                && held > seen.situation().writePath().room().getAsLong();
        return fillsTheDisk
                ? Optional.of(away + " and it holds back " + megabytes(held) + " of WAL, more than the "
                        + megabytes(seen.situation().writePath().room().getAsLong()) + " that are still free"
                        + CONSEQUENCE)
                : Optional.empty();
    }

    private static final String CONSEQUENCE = "; the member needs the WAL from the archive, or a reinit";

    /** A restart is no absence. */
    private long grace() {
        return seen.settings().ttl().multipliedBy(2).toNanos();
    }

    private static String seconds(long nanos) {
        return nanos / 1_000_000_000 + " s";
    }

    private static String megabytes(long bytes) {
        return (bytes >> 20) + " MB";
    }
}
