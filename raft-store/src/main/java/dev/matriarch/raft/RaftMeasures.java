package dev.matriarch.raft;

import dev.matriarch.dcs.Measure;
import java.util.ArrayList;
import java.util.List;

/** A {@link RaftStatus} in numbers. */
final class RaftMeasures {
    private RaftMeasures() {}

    static List<Measure> of(RaftStatus status, boolean healthy) {
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
                        status.peers().size())));
        if (status.lastContactMillis() != Long.MAX_VALUE) {
            measures.add(new Measure(
                    "raft_last_contact_seconds",
                    "Time since the Raft leader, or on it a majority, was heard.",
                    status.lastContactMillis() / 1e3));
        }
        return measures;
    }
}
