package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.util.List;
import java.util.Optional;

/** Whether a failover now would lose what was acknowledged. */
final class SynchronousCheck implements Check {
    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("synchronous");
        if (of.view().isEmpty()
                || of.leader().isEmpty()
                || of.config().standbyCluster().isPresent()) {
            return notes.findings();
        }
        if (of.config().synchronousMode() == SynchronousMode.OFF) {
            notes.otherwise(
                    "synchronous-standbys",
                    "synchronous_mode is off: a failover may lose the last commits, up to "
                            + Notes.bytes(of.config().maximumLagOnFailover()));
            return notes.findings();
        }
        List<String> strangers = of.members().stream()
                .filter(m -> !m.knowsQuorumCommit())
                .map(Member::name)
                .toList();
        if (of.config().synchronousMode() == SynchronousMode.QUORUM && !strangers.isEmpty()) {
            notes.error(
                    "quorum-beside-patroni",
                    "",
                    "synchronous_mode is quorum, which Patroni below 4.0 takes for off: " + String.join(", ", strangers)
                            + " may be promoted without the last commits, and waits for nobody while it leads",
                    "matriarchctl edit-config " + of.scope() + " -s synchronous_mode=on, until it is replaced");
        }
        Optional<SyncState> sync = of.view().flatMap(ClusterView::sync).map(Versioned::value);
        int voters = sync.map(s -> s.voters().size()).orElse(0);
        int wanted = of.config().synchronousNodeCount();
        if (voters == 0 && of.config().synchronousModeStrict()) {
            notes.error(
                    "synchronous-standbys",
                    of.leader(),
                    "synchronous_mode_strict is on and there is no synchronous standby: commits wait",
                    "bring a replica back that is not tagged nosync; to write without one: matriarchctl edit-config "
                            + of.scope() + " -s synchronous_mode_strict=false");
        } else if (voters == 0) {
            notes.note(
                    of.members().size() > 1,
                    "synchronous-standbys",
                    of.leader(),
                    "synchronous_mode is on and there is no synchronous standby: commits are on one disk only, and"
                            + " nobody is promoted if it is lost",
                    "bring a replica back that is not tagged nosync");
        } else if (voters < wanted) {
            notes.warning(
                    "synchronous-standbys",
                    of.leader(),
                    "synchronous_node_count is " + wanted + ", and there "
                            + (voters == 1 ? "is 1 synchronous standby" : "are " + voters + " synchronous standbys"),
                    "bring more replicas back, or lower synchronous_node_count");
        }
        notes.otherwise(
                "synchronous-standbys",
                "acknowledged commits are also on "
                        + (sync.map(SyncState::quorum).orElse(0) > 0 ? "enough of " : "")
                        + String.join(", ", sync.map(SyncState::voters).orElse(new java.util.TreeSet<>())));
        return notes.findings();
    }
}
