package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class StandbyNamesTest {
    @Test
    void whatIsWrittenIsReadBack() {
        StandbyNames names = StandbyNames.of(2, Set.of("n-1", "node2", "any", "we\"ird", "Upper"));
        assertEquals(Optional.of(names), StandbyNames.parse(names.setting()));
        assertEquals("ANY 2 (\"any\",\"n-1\",node2,upper,\"we\"\"ird\")", names.setting());
    }

    @Test
    void emptySettingWaitsForNobody() {
        assertEquals(Optional.of(StandbyNames.NONE), StandbyNames.parse(" "));
        assertEquals("", StandbyNames.NONE.setting());
    }

    @Test
    void listsOfAnotherFormAreNotOurs() {
        for (String foreign :
                new String[] {"*", "a,b", "FIRST 1 (a,b)", "2 (a,b)", "ANY 1 (a,,b)", "ANY 3 (a)", "ANY 1 ()"}) {
            assertEquals(Optional.empty(), StandbyNames.parse(foreign), foreign);
        }
    }
}
