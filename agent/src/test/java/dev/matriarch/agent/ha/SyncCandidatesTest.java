package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.ha.SyncCandidates.Candidate;
import dev.matriarch.dcs.Lsn;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;

class SyncCandidatesTest {
    /** As the documentation of tags and modes has it, in the order of its rules. */
    private static final Comparator<Candidate> DOCUMENTED = Comparator.comparing(Candidate::nofailover)
            .thenComparing(Comparator.comparingInt(Candidate::priority).reversed())
            .thenComparing(Comparator.comparing(Candidate::syncState).reversed())
            .thenComparing(Comparator.comparing(Candidate::reached).reversed())
            .thenComparing(Candidate::name);

    @Test
    void whoMayLeadThenPriorityThenWhoIsSynchronousThenWhoHasMostGoesFirst() {
        List<Candidate> all = new ArrayList<>();
        for (String name : List.of("a", "b")) {
            for (int priority : new int[] {1, 2}) {
                for (boolean nofailover : new boolean[] {false, true}) {
                    for (String syncState : List.of("async", "quorum", "sync")) {
                        for (long reached : new long[] {1, -1}) {
                            all.add(new Candidate(name, priority, nofailover, false, syncState, new Lsn(reached)));
                        }
                    }
                }
            }
        }
        for (Candidate a : all) {
            for (Candidate b : all) {
                assertEquals(
                        Integer.signum(DOCUMENTED.compare(a, b)),
                        Integer.signum(Candidate.bestFirst(a, b)),
                        () -> a + " and " + b);
            }
        }
    }
}
