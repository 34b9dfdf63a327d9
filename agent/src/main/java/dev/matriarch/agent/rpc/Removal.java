package dev.matriarch.agent.rpc;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** The end of a cluster in the store: asked for by a person, and only when nothing of it runs any more. */
final class Removal {
    /** States in which no server runs, nor is about to. */
    private static final Set<String> WITHOUT_SERVER = Set.of(
            "stopped",
            "uninitialized",
            "crashed",
            "start failed",
            "restart failed",
            "initdb failed",
            "custom bootstrap failed");

    private final LocalAgent agent;

    Removal(LocalAgent agent) {
        this.agent = agent;
    }

    /** @param seen the store's state now; empty if it does not answer */
    Outcome remove(String scope, Optional<ClusterView> seen, Duration timeout) {
        if (!scope.equals(agent.scope())) {
            return new Outcome(412, "this member belongs to cluster '" + agent.scope() + "', not to '" + scope + "'");
        }
        if (seen.isEmpty()) {
            return new Outcome(503, "the store does not answer; nothing was removed");
        }
        Optional<String> leader = seen.get().leader().map(Leader::name);
        List<String> running = seen.get().members().stream()
                .filter(m -> !WITHOUT_SERVER.contains(m.state()))
                .map(Member::name)
                .toList();
        if (leader.isPresent() || !running.isEmpty()) {
            return new Outcome(
                    409,
                    "the cluster is alive: "
                            + leader.map(l -> l + " leads it")
                                    .orElseGet(() -> "PostgreSQL runs on "
                                            + running.stream().collect(Collectors.joining(", ")))
                            + ". What the store says keeps two members from being primary at once, so it is removed only"
                            + " when nothing runs: pause the cluster, stop PostgreSQL on all members, and try again when"
                            + " the leader lock has ended. To remove a cluster for good, stop its agents and delete"
                            + " their raft.data_dir");
        }
        try {
            agent.dcs().deleteCluster(timeout);
            return new Outcome(200, "All information about the cluster is removed from the store");
        } catch (DcsException e) {
            return new Outcome(503, e.getMessage());
        }
    }
}
