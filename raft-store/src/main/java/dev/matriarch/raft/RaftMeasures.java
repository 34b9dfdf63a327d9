package dev.matriarch.raft;

import dev.matriarch.dcs.Measure;
import dev.matriarch.proto.store.v1.PeerSight;
import dev.matriarch.proto.store.v1.ViewReply;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.apache.ratis.protocol.RaftGroupMemberId;
import org.apache.ratis.server.storage.FileInfo;
import org.apache.ratis.statemachine.SnapshotInfo;

/** A peer of the store in numbers. */
final class RaftMeasures {
    private RaftMeasures() {}

    /**
     * @param view what this peer would tell another
     * @param directory of the store
     */
    static List<Measure> of(RaftStatus status, boolean healthy, ViewReply view, Path directory) {
        List<Measure> measures = new ArrayList<>(List.of(
                Measure.gauge("raft_healthy", "1 if this peer of the store hears a majority.", healthy ? 1 : 0),
                Measure.gauge(
                        "raft_leader",
                        "1 if this peer leads the Raft group, which need not be where PostgreSQL's primary is.",
                        status.role() == RaftStatus.Role.LEADER ? 1 : 0),
                Measure.gauge("raft_term", "Term of the Raft group.", status.term()),
                Measure.gauge("raft_commit_index", "Last entry of the log that a majority has.", status.commitIndex()),
                Measure.gauge(
                        "raft_applied_index",
                        "Last entry of the log that this peer has applied.",
                        status.appliedIndex()),
                Measure.gauge(
                        "raft_peers",
                        "Voters of the Raft group.",
                        status.peers().size()),
                Measure.gauge(
                        "raft_listeners",
                        "Peers without a vote that follow the Raft group.",
                        status.listeners().size())));
        if (status.lastContactMillis() != Long.MAX_VALUE) {
            measures.add(Measure.gauge(
                    "raft_last_contact_seconds",
                    "Time since the Raft leader, or on it a majority, was heard.",
                    status.lastContactMillis() / 1e3));
        }
        for (PeerSight sight : view.getPeersList()) {
            if (sight.hasLastContactMillis()) {
                measures.add(new Measure.Gauge(
                        "raft_peer_last_contact_seconds",
                        "On the Raft leader: time since another peer answered it.",
                        Map.of("peer", sight.getPeer().getName()),
                        sight.getLastContactMillis() / 1e3));
            }
        }
        measures.add(Measure.gauge(
                "raft_log_bytes", "Size of the store's directory, logs and snapshots.", sizeOf(directory)));
        usable(directory)
                .ifPresent(bytes -> measures.add(Measure.gauge(
                        "raft_disk_free_bytes", "What may still be written to the store's volume.", bytes)));
        if (view.hasFsyncP50Millis()) {
            measures.add(Measure.gauge(
                    "raft_fsync_seconds_median",
                    "What the log waits for the disk, of late.",
                    view.getFsyncP50Millis() / 1e3));
            measures.add(Measure.gauge(
                    "raft_fsync_seconds_p99",
                    "What the log waits for the disk, one time in a hundred.",
                    view.getFsyncP99Millis() / 1e3));
        }
        return measures;
    }

    /**
     * How long the log takes, and what was put aside of it.
     *
     * @param now wall clock
     */
    static List<Measure> of(Proposals.Replica replica, Instant now) {
        List<Measure> measures = new ArrayList<>();
        RaftGroupMemberId peer = replica.division().getMemberId();
        RatisMeters.ofLog(peer, RatisMeters.APPEND)
                .ifPresent(times -> measures.add(times.histogram(
                        "raft_append_seconds", "From an entry's arrival at this peer's log until the disk has it.")));
        RatisMeters.ofLog(peer, RatisMeters.FSYNC)
                .ifPresent(times -> measures.add(
                        times.histogram("raft_fsync_seconds", "What this peer's log waits for the disk.")));
        SnapshotInfo snapshot = replica.stateMachine().getLatestSnapshot();
        if (snapshot != null) {
            for (FileInfo file : snapshot.getFiles()) {
                measures.add(Measure.gauge(
                        "raft_snapshot_age_seconds",
                        "Time since this peer last wrote down what its log has led to.",
                        age(file.getPath(), now)));
                measures.add(
                        Measure.gauge("raft_snapshot_bytes", "Size of this peer's last snapshot.", file.getFileSize()));
            }
        }
        return measures;
    }

    /** Seconds; 0 if the file has just made way for a newer one. */
    private static double age(Path file, Instant now) {
        try {
            Instant written = Files.getLastModifiedTime(file).toInstant();
            return Math.max(0, Duration.between(written, now).toMillis() / 1e3);
        } catch (IOException e) {
            return 0;
        }
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
