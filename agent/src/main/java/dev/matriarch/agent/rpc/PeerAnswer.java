package dev.matriarch.agent.rpc;

import dev.matriarch.agent.ha.Survey;

/** What asking another member for its position gave. */
public sealed interface PeerAnswer {
    record Answered(Position position) implements PeerAnswer {}

    /** @param why a sentence fragment for people */
    record Unreachable(String why) implements PeerAnswer {}

    /** The answer as the leader race weighs it. */
    default Survey.Answer inRace(String name) {
        return this instanceof Answered(Position p)
                ? new Survey.Answer(
                        name,
                        true,
                        p.running(),
                        p.inRecovery(),
                        p.lsn(),
                        p.timeline(),
                        p.nofailover() || p.watchdogFailed(),
                        p.failoverPriority())
                : Survey.Answer.unreachable(name);
    }

    /** True if the member answered and nothing it said forbids promoting it. Lag is not looked at. */
    default boolean isGoodCandidate() {
        return this instanceof Answered(Position p)
                && p.running()
                && !p.nofailover()
                && p.failoverPriority() > 0
                && !p.watchdogFailed();
    }
}
