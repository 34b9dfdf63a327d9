package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Store;
import dev.matriarch.agent.ha.WritePath;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What the agent remembers of what it sees: of each look at the server, and of each moment before a decision. */
final class Perception {
    private static final long STANDBY_NAMES_SETTLE = 100_000_000L;

    private final String me;
    private final Memory memory;
    private final AfterPromotion afterPromotion;

    Perception(String me, Memory memory, AfterPromotion afterPromotion) {
        this.me = me;
        this.memory = memory;
        this.afterPromotion = afterPromotion;
    }

    /**
     * A look at the server.
     *
     * @param busy a long action runs
     * @param leads this member holds the lock
     * @return when it has to be looked at again, whatever else happens; zero: it need not
     */
    Duration server(LocalPostgres seen, boolean busy, boolean leads, Settings settings, long now) {
        Duration again = Duration.ZERO;
        memory.starting(seen.process() == LocalPostgres.Process.STARTING, now);
        if (seen.status().isPresent() && !busy) {
            memory.settled();
        }
        if (seen.isPrimary()) {
            LocalPostgres.Status status = seen.status().orElseThrow();
            memory.standbyNamesSeen(
                    status.synchronousStandbyNames(),
                    status.position(),
                    status.reloadTakenUp(),
                    now,
                    STANDBY_NAMES_SETTLE);
            if (memory.standbyNamesSettling()) {
                again = Duration.ofNanos(STANDBY_NAMES_SETTLE);
            }
            memory.primarySeen(now);
            afterPromotion.primarySeen();
        } else if (seen.isReplica() || seen.process() == LocalPostgres.Process.STOPPED) {
            memory.notPrimary();
            afterPromotion.notPrimary();
        }
        boolean down =
                seen.process() == LocalPostgres.Process.STOPPED || seen.process() == LocalPostgres.Process.STARTING;
        memory.leading(leads, down, now, settings.ttl().toNanos());
        if (seen.status().isPresent()) {
            memory.running();
        }
        return again;
    }

    /**
     * What is seen at one moment.
     *
     * @param ordered somebody has given an order
     * @param memberSlotsTtl how long a member is remembered that is not in the store any more
     */
    record Moment(
            Store store,
            LocalPostgres postgres,
            Lease lease,
            boolean ordered,
            WritePath writePath,
            Duration memberSlotsTtl,
            long now) {}

    void moment(Moment moment) {
        LocalPostgres postgres = moment.postgres();
        boolean held = moment.lease() instanceof Lease.Held;
        long now = moment.now();
        if (moment.lease() instanceof Lease.NotHeld && !postgres.isPrimary()) {
            memory.lockLost();
        }
        memory.lockHeld(held, now);
        memory.ordered(moment.ordered(), now);
        memory.storeAnswers(moment.store() instanceof Store.Known, now);
        memory.writePath(moment.writePath());
        if (moment.store() instanceof Store.Known(ClusterView view)) {
            if (view.leader().filter(l -> l.name().equals(me)).isEmpty()) {
                memory.lockGone();
            }
            memory.membersSeen(streaming(view), now, moment.memberSlotsTtl());
            memory.slotsSeen(view, postgres.status(), held, now, moment.memberSlotsTtl());
            memory.failsafeListed(view.failsafe());
            memory.walSeen(view.isUnlocked(), postgres.status().map(LocalPostgres.Status::received), now);
        }
    }

    /** Who may stream from a leader. */
    private static List<String> streaming(ClusterView view) {
        List<String> names = new ArrayList<>(view.members().size());
        for (Member member : view.members()) {
            if (!member.flag("nostream")) {
                names.add(member.name());
            }
        }
        return names;
    }
}
