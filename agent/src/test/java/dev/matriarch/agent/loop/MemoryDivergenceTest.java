package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import dev.matriarch.agent.ha.Divergence;
import dev.matriarch.agent.ha.Upstream;
import org.junit.jupiter.api.Test;

class MemoryDivergenceTest {
    /** A crashed standby's control file knows less than its WAL: found by the simulator. */
    @Test
    void findingOfNoDivergenceHoldsOnlyUntilTheServerIsStarted() {
        Memory memory = new Memory(0);
        memory.compared(5, new Divergence.None());
        memory.followed(new Upstream.Nobody(), 1);
        assertInstanceOf(Divergence.Unchecked.class, memory.situation(true).divergenceAgainst(5));
    }

    @Test
    void foundDivergenceStaysFound() {
        Memory memory = new Memory(0);
        memory.compared(5, new Divergence.Found("ahead"));
        memory.followed(new Upstream.Nobody(), 1);
        assertInstanceOf(Divergence.Found.class, memory.situation(true).divergenceAgainst(5));
    }
}
