package dev.matriarch.consul;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.contract.Sample;
import java.net.URI;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Times as Consul writes them, and those that it is given. */
class ConsulTimesTest {
    private static long least(String time) {
        return ConsulSessions.leastMillis("Invalid Session TTL '5000000000', must be between [" + time + "=24h0m0s]");
    }

    @Test
    void theShortestTimeOfASessionIsReadAsGoWritesIt() {
        assertEquals(10_000, least("10s"));
        assertEquals(60_000, least("1m0s"));
        assertEquals(90_500, least("1m30.5s"));
        assertEquals(3_600_000, least("1h0m0s"));
        assertEquals(500, least("500ms"));
        assertEquals(0, ConsulSessions.leastMillis("Missing node"));
    }

    @Test
    void aServiceIsGivenUpAfterFiveTimesTheTtlOfALock() {
        ConsulSettings settings = ConsulContractTest.settings(
                URI.create("http://127.0.0.1:8500"), "demo", "n1", ConsulContractTest.PLAIN);
        ConsulService service = new ConsulService(null, settings);
        Duration ofRecord = Duration.ofSeconds(30).multipliedBy(2);
        String body = service.body(Sample.member("n1", "running"), "replica", ofRecord, settings.changeable())
                .orElseThrow();
        assertTrue(body.contains("\"DeregisterCriticalServiceAfter\":\"150s\""), body);
        assertTrue(service.body(
                        Sample.member("n1", "running")
                                .but()
                                .apiUrl("http://a_b:8008/patroni")
                                .build(),
                        "replica",
                        ofRecord,
                        settings.changeable())
                .isEmpty());
    }
}
