package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
    void everyFormOfTheLiveSettingIsRead() {
        StandbyNames first = StandbyNames.of(StandbyNames.Kind.FIRST, 1, Set.of("a", "b"));
        for (String form : new String[] {"a,b", " A , \"b\" ", "1 (a,b)", "first 1 (b, A)", "FIRST 1(a,b)"}) {
            assertEquals(Optional.of(first), StandbyNames.parse(form), form);
        }
        assertEquals(Optional.of(StandbyNames.of(2, Set.of("a", "b"))), StandbyNames.parse("any 2 (b,a)"));
        assertEquals(Optional.of(StandbyNames.BLOCKING), StandbyNames.parse(StandbyNames.PLACEHOLDER));
    }

    @Test
    void priorityListIsWrittenInTheFormThatOldServersKnowToo() {
        assertEquals(
                "\"n-1\"",
                StandbyNames.of(StandbyNames.Kind.FIRST, 1, Set.of("n-1")).setting());
        assertEquals(
                "2 (b,\"first\")",
                StandbyNames.of(StandbyNames.Kind.FIRST, 2, Set.of("b", "First"))
                        .setting());
        assertEquals(StandbyNames.PLACEHOLDER, StandbyNames.BLOCKING.setting());
    }

    @Test
    void whatPostgresWouldTakeIsToldFromWhatItWouldNot() {
        for (String good : new String[] {"", "*", "FIRST 1 (a, *)", "ANY 2 (a)", "a, \"B c\""}) {
            assertTrue(StandbyNames.isWellFormed(good), good);
        }
        for (String bad : new String[] {"a,", "ANY (a)", "FIRST 1 a", "a b", "(a)"}) {
            assertFalse(StandbyNames.isWellFormed(bad), bad);
        }
    }

    @Test
    void quotesSpacesAndNumbersAreReadAsPostgresDoes() {
        assertEquals(Optional.of(Set.of("a\"b", "c,d (", "first")), names("\"A\"\"b\",\"c,d (\"\t,\n\"First\""));
        assertEquals(Optional.of(Set.of("1", "2nd", "c$", "_", "é")), names(" 1 , 2nd, c$,_ ,É "));
        assertEquals(Optional.of(Set.of("any2", "firsts")), names("ANY2,firsts"));
        assertEquals(Optional.of(StandbyNames.of(1, Set.of("n"))), StandbyNames.parse("\fany\r1(\u000bn )"));
        for (String bad : new String[] {
            "\"\"", "\"a", "a\"b\"", "\"a\"\"", "$a", "ANY2 (a)", "1 2 (a)", "1 (a) b", "1 (a", "a)", "a\u00a0b c"
        }) {
            assertFalse(StandbyNames.isWellFormed(bad), bad);
            assertEquals(Optional.empty(), StandbyNames.parse(bad), bad);
        }
    }

    private static Optional<Set<String>> names(String text) {
        return StandbyNames.parse(text).map(StandbyNames::names);
    }

    @Test
    void listsThatDoNotSayWhoIsWaitedForAreUnknown() {
        for (String foreign : new String[] {
            "*",
            "\"*\"",
            "a, *",
            "FIRST 1 (a, *)",
            "ANY 1 (a,,b)",
            "a,b,",
            "ANY 3 (a)",
            "2 (a, A)",
            "ANY 1 ()",
            "ANY 0 (a)",
            "FIRST 99999999999 (a)",
            "any (a)",
            "first",
            "a, any",
            "0000001 (a)",
            "a b"
        }) {
            assertEquals(Optional.empty(), StandbyNames.parse(foreign), foreign);
        }
    }
}
