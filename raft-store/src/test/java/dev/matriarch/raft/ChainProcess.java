package dev.matriarch.raft;

import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.dcs.WriteResult;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * A peer in a process of its own that adds link after link to the chain that all peers share, the {@code config} key, and prints what
 * it saw and what it was told (see {@link Chain}). It goes on until it is killed.
 */
final class ChainProcess {
    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    /**
     * The Raft leader knows the last link first, the others with its next message, and it would always win: after a link of its own a
     * peer waits until it sees somebody else's, for this long at most.
     */
    private static final Duration COURTESY = Duration.ofMillis(400);

    private ChainProcess() {}

    /** Arguments: name, data directory, own address, all addresses with commas, number of its first link. */
    public static void main(String[] args) throws Exception {
        try (RaftStore store = RaftStore.open(
                Peers.settings("test", args[0], Path.of(args[1]), args[2], List.of(args[3].split(","))), s -> {})) {
            store.awaitReady(Duration.ofSeconds(60));
            for (long n = Long.parseLong(args[4]); ; n++) {
                add(store.dcs(), new Chain.Name(args[0], n));
            }
        }
    }

    private static void add(Dcs dcs, Chain.Name name) throws InterruptedException {
        try {
            Optional<Versioned<String>> last = dcs.read(TIMEOUT).config();
            long after = last.map(Versioned::revision).orElse(0L);
            last.ifPresent(l -> System.out.println("saw " + l.revision() + " " + Chain.Link.parse(l.value())));
            long asked = System.nanoTime();
            WriteResult result = dcs.writeConfig(
                    new Chain.Link(name, after).json(),
                    after == 0 ? Expected.absent() : Expected.revision(after),
                    TIMEOUT);
            if (result instanceof WriteResult.Written(long revision)) {
                System.out.println("confirmed " + revision + " " + new Chain.Link(name, after) + " " + asked + " "
                        + System.nanoTime());
                leaveTheNextToOthers(dcs, revision);
            } else {
                System.out.println("refused " + name);
                // Another peer was first: its link reaches this copy in a moment.
                Thread.sleep(5);
            }
        } catch (DcsException e) {
            System.out.println("unknown " + name);
            // A store that is not ready says so at once.
            Thread.sleep(20);
        }
    }

    private static void leaveTheNextToOthers(Dcs dcs, long own) throws DcsException, InterruptedException {
        long end = System.nanoTime() + COURTESY.toNanos();
        while (System.nanoTime() < end
                && dcs.read(TIMEOUT).config().map(Versioned::revision).orElse(0L) <= own) {
            Thread.sleep(2);
        }
    }
}
