package dev.matriarch.raft;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** A process of its own that writes growing numbers into its member record and prints each one that was confirmed. */
final class WritingProcess {
    private WritingProcess() {}

    /** Arguments: name, data directory, own address, all addresses with commas. */
    public static void main(String[] args) throws Exception {
        try (RaftStore store = RaftStore.open(
                Peers.settings("test", args[0], Path.of(args[1]), args[2], List.of(args[3].split(","))), s -> {})) {
            if (!store.awaitReady(Duration.ofSeconds(60))) {
                throw new IllegalStateException(store.dcs().health());
            }
            for (long n = 1; ; n++) {
                try {
                    store.dcs().touchMember(member(args[0], n), Duration.ofHours(1), Duration.ofSeconds(5));
                    System.out.println("confirmed " + n);
                } catch (DcsException e) {
                    System.out.println("unknown " + n);
                }
            }
        }
    }

    static Member member(String name, long n) {
        return new Member(
                name,
                "",
                "",
                "",
                "running",
                "replica",
                "1",
                Optional.of(new Lsn(n)),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                OptionalInt.empty(),
                Map.of(),
                Map.of(),
                Optional.empty(),
                false);
    }
}
