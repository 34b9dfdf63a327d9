package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

/** The check behind {@link KillTest} finds what it is there for. */
class ChainTest {
    private final Chain chain = new Chain();

    private List<String> judge(long last, String... lines) {
        for (String line : lines) {
            chain.tell(line);
        }
        return chain.violations(last);
    }

    @Test
    void aChainWithAnUnknownOutcomeThatSomebodySawIsWhole() {
        assertEquals(
                List.of(),
                judge(
                        7,
                        "confirmed 3 a#1<0 100 110",
                        "unknown b#1",
                        "saw 5 b#1<3",
                        "refused c#1",
                        "confirmed 7 c#2<5 120 130",
                        "confirmed 9 c#3<7 14"));
    }

    @Test
    void aConfirmedLinkThatTheChainPassesByIsLost() {
        assertEquals(
                List.of("revision 5 (b#1<3) was confirmed and is lost"),
                judge(7, "confirmed 3 a#1<0 1 2", "confirmed 5 b#1<3 3 4", "confirmed 7 c#1<3 3 5"));
    }

    @Test
    void aRevisionThatShowsTwoValuesIsFound() {
        assertEquals(
                List.of("revision 3 was a#1<0 for one and b#1<0 for another"),
                judge(3, "confirmed 3 a#1<0 1 2", "saw 3 b#1<0"));
    }

    @Test
    void whatWasRefusedMayNotBeThere() {
        assertEquals(List.of("b#1 was refused and yet is revision 3"), judge(3, "refused b#1", "saw 3 b#1<0"));
    }

    @Test
    void aLinkOutOfItsTimeIsFound() {
        assertEquals(
                List.of("revision 3 was asked for after revision 5 had been confirmed"),
                judge(5, "confirmed 3 a#1<0 30 40", "confirmed 5 b#1<3 10 20"));
    }

    @Test
    void anEndThatNobodySawIsSaid() {
        assertEquals(
                List.of(
                        "nobody saw revision 9, which the chain goes through",
                        "revision 3 (a#1<0) was confirmed and is lost"),
                judge(9, "confirmed 3 a#1<0 1 2"));
    }
}
