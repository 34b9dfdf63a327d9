package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class DeadPeersTest {
    private static final List<String> FIVE = List.of("a", "b", "c", "d", "e");
    private static final long GRACE = 100;

    @TempDir
    Path dir;

    @Test
    void whoIsSilentForTheGracePeriodIsTakenOutOneAtATime() {
        DeadPeers dead = new DeadPeers(GRACE);
        assertEquals(Optional.empty(), dead.step(FIVE, List.of(), Set.of("a", "b", "c", "d"), 0));
        assertEquals(Optional.empty(), dead.step(FIVE, List.of(), Set.of("a", "b", "c"), 50));
        assertEquals(Optional.empty(), dead.step(FIVE, List.of(), Set.of("a", "b", "c"), 99));
        assertEquals(
                Optional.of("e"), dead.step(FIVE, List.of(), Set.of("a", "b", "c"), 150), "d is not dead for as long");
        assertEquals(Optional.of("d"), dead.step(List.of("a", "b", "c", "d"), List.of(), Set.of("a", "b", "c"), 160));
    }

    @Test
    void aListenerIsTakenOutHoweverFewVotersThereAre() {
        DeadPeers dead = new DeadPeers(100);
        List<String> two = List.of("a", "b");
        assertEquals(Optional.empty(), dead.step(two, List.of("l", "m"), Set.of("a", "b", "m"), 0));
        assertEquals(Optional.empty(), dead.step(two, List.of("l", "m"), Set.of("a", "m"), 99));
        assertEquals(Optional.of("l"), dead.step(two, List.of("l", "m"), Set.of("a", "m"), 250), "b is needed");
    }

    @Test
    void anAnswerOrAnotherLeaderBeginsTheCountAnew() {
        DeadPeers dead = new DeadPeers(GRACE);
        dead.step(FIVE, List.of(), Set.of("a", "b", "c", "d"), 0);
        dead.step(FIVE, List.of(), Set.copyOf(FIVE), 90);
        assertEquals(Optional.empty(), dead.step(FIVE, List.of(), Set.of("a", "b", "c", "d"), 100));
        dead.forget();
        assertEquals(Optional.empty(), dead.step(FIVE, List.of(), Set.of("a", "b", "c", "d"), 1000));
        assertEquals(Optional.of("e"), dead.step(FIVE, List.of(), Set.of("a", "b", "c", "d"), 1100));
    }

    @Test
    void threeVotersStayAndNobodyGoesWithoutAMajorityOfTheRest() {
        DeadPeers dead = new DeadPeers(GRACE);
        List<String> three = List.of("a", "b", "c");
        dead.step(three, List.of(), Set.of("a", "b"), 0);
        assertEquals(Optional.empty(), dead.step(three, List.of(), Set.of("a", "b"), 1000));
        dead.step(FIVE, List.of(), Set.of("a", "b"), 1000);
        assertEquals(Optional.empty(), dead.step(FIVE, List.of(), Set.of("a", "b"), 2000));
    }

    @Test
    @Tag("slow")
    void aStoreOfFourGoesOnAsOneOfThree() throws Exception {
        try (Peers peers = new Peers(dir, 4).startAll()) {
            for (RaftStore store : peers.stores) {
                store.removeDeadPeersAfter(Duration.ofSeconds(3));
            }
            int gone = (peers.raftLeader() + 1) % 4;
            int asked = (gone + 1) % 4;
            peers.crash(gone);
            Peers.awaitTrue(
                    Duration.ofSeconds(60),
                    "three voters",
                    () -> peers.stores.get(asked).group().report().voters() == 3);
            int another = (gone + 2) % 4;
            peers.crash(another);
            long end = System.nanoTime() + Duration.ofSeconds(6).toNanos();
            while (System.nanoTime() - end < 0) {
                assertEquals(3, peers.stores.get(asked).group().report().voters());
                Thread.sleep(200);
            }
        }
    }
}
