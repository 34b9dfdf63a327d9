package dev.matriarch.dcs.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.dcs.Measure;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ContactTest {
    private final AtomicLong now = new AtomicLong(-5);
    private final Contact contact = new Contact("Store", now::get);

    private String health() {
        return contact.health("Store at a:1");
    }

    private void pass(Duration time) {
        now.addAndGet(time.toNanos());
    }

    @Test
    void beforeTheFirstAnswerItSaysWhatFailed() {
        assertEquals("ok: Store has not been asked yet", health());
        contact.failed("nobody listens");
        assertEquals("no answer from Store yet: nobody listens", health());
        assertEquals(List.of(), contact.measures("store", "Store"));
    }

    @Test
    void aFailureCountsWhenItHasLasted() {
        contact.answered();
        contact.failed("silent");
        pass(Duration.ofMillis(19_999));
        assertEquals("ok: Store at a:1 answered 19999 ms ago", health());
        pass(Duration.ofMillis(1));
        assertEquals("no answer from Store for 20 s: silent", health());
    }

    @Test
    void anAnswerEndsAFailureHoweverLongNobodyAsksThen() {
        contact.failed("one server is down");
        contact.answered();
        pass(Duration.ofMinutes(5));
        assertEquals("", contact.lastFailure());
        assertEquals("ok: Store at a:1 answered 300000 ms ago", health());
    }

    @Test
    void monitoringSeesTheTimeSinceTheLastAnswer() {
        contact.answered();
        pass(Duration.ofMillis(1500));
        assertEquals(
                List.of(Measure.gauge("store_last_answer_seconds", "Time since the server answered last", 1.5)),
                contact.measures("store", "the server"));
    }
}
