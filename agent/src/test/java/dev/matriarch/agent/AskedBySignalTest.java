package dev.matriarch.agent;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AskedBySignalTest {
    @ParameterizedTest
    @ValueSource(strings = {"HUP", "USR1"})
    void eachSignalCallsTheAction(String name) throws Exception {
        Semaphore called = new Semaphore(0);
        AskedBySignal.calls(name, called::release, "");
        for (int i = 0; i < 2; i++) {
            new ProcessBuilder(
                            "kill",
                            "-" + name,
                            Long.toString(ProcessHandle.current().pid()))
                    .start()
                    .waitFor(5, TimeUnit.SECONDS);
            assertTrue(called.tryAcquire(5, TimeUnit.SECONDS));
        }
    }
}
