package dev.matriarch.agent.rpc;

/** What asking another member for its position gave. */
public sealed interface PeerAnswer {
    record Answered(Position position) implements PeerAnswer {}

    /** @param why a sentence fragment for people */
    record Unreachable(String why) implements PeerAnswer {}

    /** True if the member answered and nothing it said forbids promoting it. Lag is not looked at. */
    default boolean isGoodCandidate() {
        return this instanceof Answered(Position p)
                && p.running()
                && !p.nofailover()
                && p.failoverPriority() > 0
                && !p.watchdogFailed();
    }
}
