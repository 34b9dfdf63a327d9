package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.TimelineClaim;
import dev.matriarch.dcs.TimelineHistory;
import java.util.Optional;

/**
 * No two promotions take the same timeline number. A new leader writes the number that it is about to open into the
 * {@code status} key, with a renewal of its lock, before it promotes. The next leader sees that, whether the promotion came
 * to pass or not and whether anybody heard of it or not, and goes on with a higher one.
 *
 * <p>Only the holder of the lock writes that key, each time together with a condition on its lock, and hands the claim on;
 * what a new holder reads is as new as its own lock.
 */
public final class NewTimeline {
    private NewTimeline() {}

    /** A claim under this lock, which goes before a promotion; empty: it is there. */
    static Optional<Decision> claim(ClusterView view, Lease.Held lease, LocalPostgres.Status mine) {
        if (mine.timeline() == 0) {
            return Optional.empty();
        }
        Optional<TimelineClaim> last = view.status().claim();
        boolean made = last.filter(c -> c.epoch() == lease.epoch() && c.timeline() > mine.timeline())
                .isPresent();
        int next = 1
                + Math.max(
                        Math.max(
                                mine.timeline(),
                                last.map(TimelineClaim::timeline).orElse(0)),
                        view.history().map(TimelineHistory::currentTimeline).orElse(0));
        return made
                ? Optional.empty()
                : Optional.of(new Decision.ClaimTimeline(
                        new TimelineClaim(next, lease.epoch()), "timeline " + next + " will be mine"));
    }

    /** The number that this member has claimed; 0 if it does not know its own. */
    static int claimed(ClusterView view, LocalPostgres.Status mine) {
        return mine.timeline() == 0
                ? 0
                : view.status().claim().map(TimelineClaim::timeline).orElse(0);
    }

    /** What a renewal that claims a timeline writes. */
    public static ClusterStatus claiming(ClusterView view, TimelineClaim claim) {
        return view.status().withClaim(Optional.of(claim));
    }

    /**
     * What the holder of the lock writes with each status: the last claim, or the timeline that it is on if somebody opened
     * it without one.
     *
     * @param timeline of the server; 0: unknown
     */
    static Optional<TimelineClaim> handedOn(Optional<ClusterView> view, int timeline) {
        Optional<TimelineClaim> last = view.flatMap(v -> v.status().claim());
        boolean later = timeline > last.map(TimelineClaim::timeline).orElse(1);
        long epoch = view.flatMap(ClusterView::leader).map(l -> l.epoch()).orElse(0L);
        return later ? Optional.of(new TimelineClaim(timeline, epoch)) : last;
    }
}
