package dev.matriarch.agent.loop;

import dev.matriarch.agent.rpc.Peers.NameHolder;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;

/**
 * Sees to it that no two agents live under one name. The store knows the holder of the lock by its name: a second agent of
 * that name would take the lock of the first for its own.
 *
 * <p>A record of this name with other addresses was written by an earlier life of this agent or by another agent. If one
 * answers there, it is another. If nobody does, a living agent renews its record all the same: this one waits until the
 * record has ended, and gives up if it does not. Used by the heartbeat's thread only.
 */
final class NameCheck {
    /** Records live for twice the {@code ttl} after they were renewed; the rest is for the store to end them. */
    private static final int LONGEST_WAIT_IN_TTLS = 3;

    private final String name;
    private final Function<Member, NameHolder> ask;
    private OptionalLong waitingSince = OptionalLong.empty();
    private boolean passed;

    /** Whether what the store says may be acted upon. */
    sealed interface Verdict {
        record Free() implements Verdict {}

        /** @param why a sentence for people; to be asked again soon */
        record Wait(String why) implements Verdict {}

        /** @param why what is wrong, where, and what may be done */
        record Taken(String why) implements Verdict {}
    }

    /** @param ask who answers at the gRPC address of a record; must return within seconds */
    NameCheck(String name, Function<Member, NameHolder> ask) {
        this.name = name;
        this.ask = ask;
    }

    /**
     * @param stored the record of this name in the store
     * @param mine where this agent can be reached
     * @param now monotonic nanoseconds
     */
    Verdict of(Optional<Member> stored, MemberRecord.Addresses mine, Duration ttl, long now) {
        // This agent's own door is open, so nobody else has its address.
        boolean nobodyElse = stored.isEmpty()
                || !stored.get().rpcAddress().isEmpty()
                        && stored.get().rpcAddress().equals(mine.rpc());
        return nobodyElse ? free() : foreign(stored.get(), mine, ttl, now);
    }

    private Verdict foreign(Member stored, MemberRecord.Addresses mine, Duration ttl, long now) {
        String where = stored.rpcAddress().isEmpty() ? stored.apiUrl() : stored.rpcAddress();
        switch (ask.apply(stored)) {
            case THIS_AGENT -> {
                return free();
            }
            case ANOTHER_AGENT -> {
                return taken("the agent at " + where + " answers by this name");
            }
            case NOBODY -> {
                if (stored.connUrl().equals(mine.connUrl()) || stored.apiUrl().equals(mine.apiUrl())) {
                    // Its doors have moved since it ran last.
                    return free();
                }
            }
        }
        if (waitingSince.isEmpty()) {
            waitingSince = OptionalLong.of(now);
        }
        long longest = ttl.multipliedBy(LONGEST_WAIT_IN_TTLS).toNanos();
        return now - waitingSince.getAsLong() < longest
                ? new Verdict.Wait("a node named '" + name + "' has left a record with other addresses (" + where
                        + ") and does not answer; waiting for the record to end")
                : taken("nobody answers at " + where + ", but the record of that node is still being renewed");
    }

    private Verdict free() {
        passed = true;
        waitingSince = OptionalLong.empty();
        return new Verdict.Free();
    }

    private Verdict taken(String how) {
        return new Verdict.Taken((passed ? "Can't go on" : "Can't start") + "; there is already a node named '" + name
                + "' running: " + how
                + ". PostgreSQL was left as it is. Stop the other agent, or give this one another name");
    }
}
