package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class LongestTtlTest {
    private static final StoreConfig STORE = new ZooKeeperConfig(List.of(URI.create("zk://z1:2181")));

    private static DynamicConfig asked(int ttl, int loopWait, int retryTimeout) {
        return DynamicConfigJson.parse(
                "{\"ttl\":%d,\"loop_wait\":%d,\"retry_timeout\":%d}".formatted(ttl, loopWait, retryTimeout));
    }

    private static Optional<Duration> most(int seconds) {
        return Optional.of(Duration.ofSeconds(seconds));
    }

    @Test
    void whatTheStoreGrantsIsNotChanged() {
        DynamicConfig asked = asked(40, 10, 10);
        assertEquals(asked, STORE.within(asked, most(40)));
        assertEquals(asked, STORE.within(asked, Optional.empty()));
        assertEquals(Optional.empty(), STORE.timingProblem(asked, most(40)));
    }

    @Test
    void aLongerTtlCountsAsWhatIsGrantedAndTheRestFitsIntoIt() {
        DynamicConfig within = STORE.within(asked(60, 10, 25), most(40));
        assertEquals(Duration.ofSeconds(40), within.ttl());
        assertTrue(within.loopWait().plus(within.retryTimeout().multipliedBy(2)).compareTo(within.ttl()) <= 0);
        String why = STORE.timingProblem(asked(60, 10, 25), most(40)).orElseThrow();
        assertEquals("ttl 60 is longer than a server of the store lets a session live: 40 s (maxSessionTimeout)", why);
    }

    @Test
    void aStoreThatGrantsLessThanAnyClusterMayAskForChangesNothing() {
        DynamicConfig asked = asked(30, 10, 10);
        assertEquals(asked, STORE.within(asked, most(10)));
    }
}
