package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Expected;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Followers hear of a commit at once, and nothing is written to the disks for that. */
@Tag("slow")
class PromptAppenderTest {
    /** Heartbeats go out half as far apart: who waits for the next one waits for long. */
    private static final Duration ELECTION = Duration.ofSeconds(4);

    private static final int WRITES = 20;

    @TempDir
    Path dir;

    private static RaftStoreSettings seldomHeard(RaftStoreSettings s) {
        return new RaftStoreSettings(
                s.scope(),
                s.name(),
                s.dataDir(),
                s.stateDir(),
                s.selfAddress(),
                s.bindAddress(),
                s.partners(),
                ELECTION,
                ELECTION.plusMillis(500),
                s.retryTimeout(),
                s.origin(),
                s.tls());
    }

    @Test
    void everyPeerShowsAWriteLongBeforeTheNextHeartbeat() throws Exception {
        try (Peers peers = new Peers(dir, 3)) {
            for (int i = 0; i < 3; i++) {
                peers.stores.set(i, RaftStore.open(seldomHeard(peers.settings(i)), peers.progress::add));
            }
            peers.awaitReady();
            int leader = peers.raftLeader();
            long before = peers.stores.get(leader).status().commitIndex();
            long millis = 0;
            for (int n = 0; n < WRITES; n++) {
                int writer = n % 3;
                String config = "{\"ttl\":" + (20 + n) + "}";
                long begin = System.nanoTime();
                peers.dcs(writer).writeConfig(config, Expected.anything(), Peers.TIMEOUT);
                for (int reader : List.of(0, 1, 2)) {
                    Peers.await(
                            ELECTION.multipliedBy(3),
                            "the write of n" + (writer + 1) + " at n" + (reader + 1),
                            () -> peers.dcs(reader)
                                    .read(Peers.TIMEOUT)
                                    .config()
                                    .filter(c -> c.value().equals(config))
                                    .map(c -> true)
                                    .or(Optional::empty));
                }
                millis += (System.nanoTime() - begin) / 1_000_000;
            }
            // With heartbeats alone a write needs a second on average until all show it.
            assertTrue(millis < WRITES * 500L, WRITES + " writes were shown after " + millis + " ms");
            long entries = peers.stores.get(leader).status().commitIndex() - before;
            assertTrue(entries < WRITES + WRITES / 2, WRITES + " writes made " + entries + " entries");
        }
    }
}
