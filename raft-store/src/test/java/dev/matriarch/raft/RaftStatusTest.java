package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class RaftStatusTest {
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private static RaftStatus status(Optional<String> leader, long lastContactMillis) {
        RaftStatus.Peer peer = new RaftStatus.Peer("n1-0", "n1", "h1:1", OptionalLong.empty());
        return new RaftStatus(
                "n1-0",
                RaftStatus.Role.FOLLOWER,
                leader,
                3,
                7,
                7,
                lastContactMillis,
                List.of(peer, peer, peer),
                List.of(peer));
    }

    @Test
    void aPeerThatHeardItsLeaderWithinTheLimitIsWell() {
        assertEquals(
                "ok: follower of n2, 3 peers, heard 10000 ms ago",
                status(Optional.of("n2"), 10_000).health(LIMIT));
    }

    @Test
    void aLeaderOnceKnownIsNotEnough() {
        assertEquals(
                "no contact with the majority for 10001 ms",
                status(Optional.of("n2"), 10_001).health(LIMIT));
    }

    @Test
    void withoutALeaderItSaysSoWhateverTheLastContact() {
        assertEquals(
                "no Raft leader is known: fewer than a majority of 3 peers can be reached, or an election is going on",
                status(Optional.empty(), 0).health(LIMIT));
    }
}
