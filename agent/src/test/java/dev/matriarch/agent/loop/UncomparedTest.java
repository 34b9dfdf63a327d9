package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import org.junit.jupiter.api.Test;

class UncomparedTest {
    private final Uncompared uncompared = new Uncompared();

    @Test
    void aReasonIsSaidOnceAndAnotherOneAtOnce() {
        assertEquals(
                Optional.of("could not compare timelines with n1, trying again: it sleeps"),
                uncompared.news("n1", "it sleeps"));
        assertEquals(Optional.empty(), uncompared.news("n1", "it sleeps"));
        assertEquals(true, uncompared.news("n1", "it is away").isPresent());
        assertEquals(true, uncompared.news("n3", "it is away").isPresent());
        assertEquals(true, uncompared.news("n1", "it sleeps").isPresent());
    }

    @Test
    void afterASuccessTheSameReasonIsNews() {
        uncompared.news("n1", "it sleeps");
        uncompared.over();
        assertEquals(true, uncompared.news("n1", "it sleeps").isPresent());
    }
}
