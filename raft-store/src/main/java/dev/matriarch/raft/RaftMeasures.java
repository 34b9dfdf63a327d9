package dev.matriarch.raft;

import dev.matriarch.dcs.Measure;
import dev.matriarch.proto.store.v1.ViewReply;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** A {@link RaftStatus} in numbers. */
final class RaftMeasures {
    private RaftMeasures() {}

    /**
     * @param view what this peer would tell another
     * @param directory of the store
     */
    static List<Measure> of(RaftStatus status, boolean healthy, ViewReply view, Path directory) {
        List<Measure> measures = new ArrayList<>(List.of(
                new Measure("raft_healthy", "1 if this peer of the store hears a majority.", healthy ? 1 : 0),
                new Measure(
                        "raft_leader",
                        "1 if this peer leads the Raft group, which need not be where PostgreSQL's primary is.",
                        status.role() == RaftStatus.Role.LEADER ? 1 : 0),
                new Measure("raft_term", "Term of the Raft group.", status.term()),
                new Measure("raft_commit_index", "Last entry of the log that a majority has.", status.commitIndex()),
                new Measure(
                        "raft_applied_index",
                        "Last entry of the log that this peer has applied.",
                        status.appliedIndex()),
                new Measure(
                        "raft_peers",
                        "Voters of the Raft group.",
                        status.peers().size()),
                new Measure(
                        "raft_listeners",
                        "Peers without a vote that follow the Raft group.",
                        status.listeners().size())));
        if (status.lastContactMillis() != Long.MAX_VALUE) {
            measures.add(new Measure(
                    "raft_last_contact_seconds",
                    "Time since the Raft leader, or on it a majority, was heard.",
                    status.lastContactMillis() / 1e3));
        }
        measures.add(
                new Measure("raft_log_bytes", "Size of the store's directory, logs and snapshots.", sizeOf(directory)));
        usable(directory)
                .ifPresent(bytes -> measures.add(new Measure(
                        "raft_disk_free_bytes", "What may still be written to the store's volume.", bytes)));
        if (view.hasFsyncP50Millis()) {
            measures.add(new Measure(
                    "raft_fsync_seconds_median",
                    "What the log waits for the disk, of late.",
                    view.getFsyncP50Millis() / 1e3));
            measures.add(new Measure(
                    "raft_fsync_seconds_p99",
                    "What the log waits for the disk, one time in a hundred.",
                    view.getFsyncP99Millis() / 1e3));
        }
        return measures;
    }

    private static OptionalLong usable(Path directory) {
        try {
            return OptionalLong.of(new Ballast(directory).usable());
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }

    /** Bytes of all files below but the ballast; what vanishes meanwhile counts as nothing. */
    private static long sizeOf(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(file -> !file.endsWith(Ballast.FILE))
                    .map(Path::toFile)
                    .filter(File::isFile)
                    .mapToLong(File::length)
                    .sum();
        } catch (IOException | UncheckedIOException e) {
            return 0;
        }
    }
}
