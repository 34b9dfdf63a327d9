package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Lsn;

/** What other members answer when they are asked where they are. */
final class Answers {
    private Answers() {}

    static Survey.Answer standby(String name, long lsn) {
        return standby(name, lsn, 1);
    }

    static Survey.Answer standby(String name, long lsn, int timeline) {
        return new Survey.Answer(name, true, true, true, new Lsn(lsn), timeline, false, 1);
    }

    static Survey.Answer dead(String name) {
        return Survey.Answer.unreachable(name);
    }
}
