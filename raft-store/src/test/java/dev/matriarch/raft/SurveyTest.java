package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** Where a member's PostgreSQL is knocked at. */
class SurveyTest {
    @Test
    void theFirstHostOfAConnectionUrl() {
        assertEquals("h1:5433", Survey.authority("postgres://h1:5433/postgres"));
        assertEquals("h1:5432", Survey.authority("postgres://h1/postgres"));
        assertEquals("h1:5433", Survey.authority("postgres://h1:5433,h2:5434/postgres"));
        assertEquals("[fd00::1]:5433", Survey.authority("postgres://[fd00::1]:5433/postgres"));
    }

    @Test
    void nowhereIfTheUrlNamesNoHost() {
        assertEquals("", Survey.authority(""));
        assertEquals("", Survey.authority("postgres:///postgres"));
        assertEquals("", Survey.authority("not a url"));
    }
}
