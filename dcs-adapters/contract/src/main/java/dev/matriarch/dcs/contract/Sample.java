package dev.matriarch.dcs.contract;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.fail;

import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.WriteResult;
import java.time.Duration;
import java.util.concurrent.Callable;

/** Records to write, and waiting for what they lead to. */
public final class Sample {
    /** Of a call whose servers answer. */
    public static final Duration TIMEOUT = Duration.ofSeconds(10);

    private Sample() {}

    public static Member member(String name, String state) {
        return Member.named(name)
                .connUrl("postgres://127.0.0.1:5432/postgres")
                .apiUrl("http://127.0.0.1:8008/patroni")
                .rpcAddress("127.0.0.1:8009")
                .state(state)
                .version("1")
                .xlogLocation(new Lsn(10))
                .timeline(1)
                .build();
    }

    public static long epoch(LeaseResult result) {
        return assertInstanceOf(LeaseResult.Held.class, result).epoch();
    }

    public static long revision(WriteResult result) {
        return assertInstanceOf(WriteResult.Written.class, result).revision();
    }

    /** Waits for a condition; what it throws counts as not yet. */
    public static void await(Duration timeout, String what, Callable<Boolean> condition) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        Exception last = null;
        do {
            try {
                if (condition.call()) {
                    return;
                }
            } catch (InterruptedException e) {
                throw e;
            } catch (Exception e) {
                last = e;
            }
            Thread.sleep(20);
        } while (System.nanoTime() - deadline < 0);
        fail("not within " + timeout + ": " + what + (last == null ? "" : "; the last attempt: " + last));
    }
}
