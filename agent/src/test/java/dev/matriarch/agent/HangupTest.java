package dev.matriarch.agent;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class HangupTest {
    @Test
    void eachHangupCallsTheAction() throws Exception {
        Semaphore called = new Semaphore(0);
        Hangup.calls(called::release);
        for (int i = 0; i < 2; i++) {
            new ProcessBuilder(
                            "kill",
                            "-HUP",
                            Long.toString(ProcessHandle.current().pid()))
                    .start()
                    .waitFor(5, TimeUnit.SECONDS);
            assertTrue(called.tryAcquire(5, TimeUnit.SECONDS));
        }
    }
}
