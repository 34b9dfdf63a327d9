package dev.matriarch.agent.rpc;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.Optional;

/** Tells a change of the leader step by step, out of the views of the cluster that are seen. One thread. */
final class LeaderChangeWatch {
    private final Progress progress;
    private final Optional<String> oldLeader;
    private final long asked;
    private String said = "";
    /** When the old leader was first seen not to be a running primary; 0: not yet. */
    private long gone;

    /** @param askedNanos when the request was written to the store */
    LeaderChangeWatch(Progress progress, Optional<String> oldLeader, long askedNanos) {
        this.progress = progress;
        this.oldLeader = oldLeader;
        this.asked = askedNanos;
    }

    void saw(ClusterView view, long now) {
        Optional<String> leader = view.leader().map(Leader::name);
        boolean oldServes = leader.isPresent() && leader.equals(oldLeader) && serves(view.leaderMember());
        if (gone == 0 && !oldServes) {
            gone = now;
        }
        boolean changed = leader.isPresent() && !leader.equals(oldLeader);
        boolean served = changed && serves(view.leaderMember());
        say(
                leader.isEmpty()
                        ? "nobody holds the leader lock"
                        : !changed
                                ? oldServes ? "" : leader.get() + " is no running primary any more"
                                : leader.get() + (served ? " runs as leader" : " holds the leader lock"));
        if (served) {
            progress.standstill(Duration.ofNanos(now - gone), Duration.ofNanos(now - asked));
        }
    }

    /** A new leader that does what it is there for. */
    static boolean serves(Optional<Member> member) {
        return member.filter(m -> m.isRunning() && (m.isPrimary() || m.role().equals("standby_leader")))
                .isPresent();
    }

    private void say(String text) {
        if (!text.isEmpty() && !text.equals(said)) {
            said = text;
            progress.step(text);
        }
    }
}
