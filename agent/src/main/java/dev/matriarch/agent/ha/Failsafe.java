package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * DCS failsafe mode: a primary that cannot reach the store stays primary for as long as every member that could take the
 * lock promises to leave it alone. {@code docs/safety.md} argues why that is enough, ADR 8 why a majority is not.
 *
 * <p>The {@code failsafe} key names the members that may race; the leader writes it. A promise lasts as long as the lease
 * that is extended by it, counted by the member from when it gave it: later than the primary, which counts from before it
 * asked.
 *
 * @param listed the {@code failsafe} key as last read: member name to API address
 * @param promise the last promise this member gave
 * @param startedAt when this agent started, monotonic nanoseconds: what it promised before then it does not know
 */
public record Failsafe(Map<String, String> listed, Optional<Promise> promise, long startedAt) {
    private static final Duration SOON = Duration.ofMillis(300);

    public Failsafe {
        listed = Map.copyOf(listed);
    }

    /**
     * What this member knows of a primary that it has promised not to race against.
     *
     * @param until monotonic nanoseconds
     */
    public record Promise(String leader, String connUrl, String apiUrl, long until) {}

    // --- The primary ---

    /**
     * The holder of a lease that it cannot renew asks the others, early enough to ask again.
     *
     * @return empty if failsafe mode does not apply
     */
    Optional<Decision> withoutStore(Observation seen, Lease.Held held) {
        Settings settings = seen.settings();
        boolean applies = settings.failsafeMode()
                && !settings.paused()
                && seen.postgres().isPrimary()
                && !seen.situation().steppingDown()
                && !StuckPrimary.leavesLease(seen)
                && listed.containsKey(seen.me());
        if (!applies) {
            return Optional.empty();
        }
        long left = held.deadline() - seen.now();
        long age = settings.ttl().toNanos() - left;
        if (age < settings.loopWait().toNanos() / 2) {
            return held.byPromise()
                    ? Optional.of(Decision.soon(
                            "continue to run as a leader because failsafe mode is enabled and all members are accessible",
                            SOON))
                    : Optional.empty();
        }
        Set<String> others = new TreeSet<>(listed.keySet());
        others.remove(seen.me());
        return Optional.of(new Decision.AskForPromises(
                others, "DCS is not accessible: asking " + others + " not to race, as failsafe mode is on"));
    }

    /** The leader keeps the list of those who may race; while the mode is off there is none. */
    static Optional<Decision> keepList(Observation seen, ClusterView view) {
        boolean on = seen.settings().failsafeMode();
        if (on && view.member(seen.me()).filter(m -> !m.apiUrl().isEmpty()).isEmpty()) {
            // My own record comes at the end of this heartbeat.
            return Optional.empty();
        }
        Map<String, String> listed = view.failsafe();
        int mayRace = 0;
        boolean asListed = true;
        for (Member member : view.members()) {
            if (on && !member.apiUrl().isEmpty()) {
                mayRace++;
                asListed &= member.apiUrl().equals(listed.get(member.name()));
            }
        }
        return asListed && mayRace == listed.size() ? Optional.empty() : Optional.of(writeList(view, on));
    }

    private static Decision writeList(ClusterView view, boolean on) {
        Map<String, String> wanted = new TreeMap<>();
        for (Member member : view.members()) {
            if (on && !member.apiUrl().isEmpty()) {
                wanted.put(member.name(), member.apiUrl());
            }
        }
        return new Decision.WriteFailsafe(wanted, "failsafe: these may race: " + wanted.keySet());
    }

    // --- The others ---

    /**
     * Why this member does not promise {@code leader} to leave the lock alone; empty if it does.
     *
     * @param ttl how long the promise is to last
     */
    public static Optional<String> refusal(Observation seen, Optional<ClusterView> view, String leader, Duration ttl) {
        if (!seen.settings().failsafeMode()) {
            return Optional.of("failsafe mode is not enabled");
        }
        if (seen.postgres().isPrimary() || seen.holdsLease()) {
            return Optional.of("running as a leader");
        }
        boolean becoming = seen.task()
                .map(Task::kind)
                .filter(k -> k == Task.Kind.PROMOTE || k == Task.Kind.START_PRIMARY)
                .isPresent();
        if (becoming) {
            return Optional.of("about to become a primary");
        }
        if (ttl.compareTo(seen.settings().ttl()) > 0) {
            // The rest after a restart of this agent could not be told.
            return Optional.of("asked for " + ttl.toMillis() + " ms, but ttl is "
                    + seen.settings().ttl().toMillis() + " ms");
        }
        Optional<String> other =
                view.flatMap(ClusterView::leader).map(Leader::name).filter(n -> !n.equals(leader));
        return other.map(name -> "the leader is " + name);
    }

    /** While a promise is in force its leader counts as holding the lock that the store shows as free. */
    ClusterView seenThrough(ClusterView view, String me, long now) {
        Optional<Promise> inForce = inForce(me, now);
        if (inForce.isEmpty() || !view.isUnlocked()) {
            return view;
        }
        Promise to = inForce.get();
        List<Member> members = new ArrayList<>(view.members());
        if (view.member(to.leader()).isEmpty()) {
            members.add(memberOf(to));
        }
        return new ClusterView(
                view.revision(),
                view.initialize(),
                view.config(),
                Optional.of(new Leader(to.leader(), 0)),
                members,
                view.status(),
                view.failover(),
                view.history(),
                view.sync(),
                view.failsafe());
    }

    private static Member memberOf(Promise to) {
        return Member.named(to.leader())
                .connUrl(to.connUrl())
                .apiUrl(to.apiUrl())
                .role("primary")
                .build();
    }

    private Optional<Promise> inForce(String me, long now) {
        return promise.filter(p -> p.until() - now > 0 && !p.leader().equals(me));
    }

    /**
     * Why this member must leave a free lock alone, because a leader may rely on it; empty if it need not.
     *
     * @param view as new as can be had: after taking the lock, one that shows it
     */
    Optional<String> keepsFromLeading(ClusterView view, Observation seen) {
        Optional<Promise> inForce = inForce(seen.me(), seen.now());
        if (inForce.isPresent()) {
            return Optional.of("failsafe: " + inForce.get().leader() + " has my promise not to race");
        }
        if (view.failsafe().isEmpty()) {
            return Optional.empty();
        }
        return view.failsafe().containsKey(seen.me())
                ? Optional.empty()
                : Optional.of("failsafe: not racing because I am not among the members that the last leader knew: "
                        + new TreeSet<>(view.failsafe().keySet()));
    }

    /** Whether the others need to stand back for this member: it takes no lock that a leader may rely on. */
    static boolean mayRace(ClusterView view, String member) {
        return view.failsafe().isEmpty() || view.failsafe().containsKey(member);
    }

    /** An agent that has just started may have promised something before: it leads nothing new for a ttl. */
    Optional<String> justStarted(ClusterView view, Observation seen) {
        long running = seen.now() - startedAt;
        return !view.failsafe().isEmpty() && running < seen.settings().ttl().toNanos()
                ? Optional.of("failsafe: not racing within ttl of my start, as I may have promised it before")
                : Optional.empty();
    }
}
