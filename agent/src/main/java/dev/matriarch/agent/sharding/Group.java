package dev.matriarch.agent.sharding;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One part of a distributed database.
 *
 * @param epoch of the leader's lock: what was said under an older one does not count any more
 * @param nodes the servers that can be used; at most one is the primary
 * @param endpoints gRPC doors of its agents
 */
public record Group(int number, long epoch, List<Node> nodes, List<String> endpoints) {
    public Group {
        nodes = List.copyOf(nodes);
        endpoints = List.copyOf(endpoints);
    }

    /** As its store shows it: the leader, and the replicas that run and may be read from. */
    static Group of(int number, ClusterView view) {
        List<Node> nodes = new ArrayList<>();
        List<String> endpoints = new ArrayList<>();
        String leader = view.leader().map(Leader::name).orElse("");
        for (Member member : view.members()) {
            boolean leads = member.name().equals(leader);
            if (leads && member.isPrimary() || !leads && member.isRunning() && !member.flag("noloadbalance")) {
                Node.of(member, leads).ifPresent(nodes::add);
            }
            if (!member.rpcAddress().isEmpty()) {
                endpoints.add(member.rpcAddress());
            }
        }
        return new Group(number, view.leader().map(Leader::epoch).orElse(0L), nodes, endpoints);
    }

    Optional<Node> primary() {
        return nodes.stream().filter(Node::primary).findFirst();
    }

    Optional<Node> of(String member) {
        return nodes.stream().filter(n -> n.member().equals(member)).findFirst();
    }

    /** As it is once {@code node} leads. */
    Group ledBy(Node node, long since) {
        List<Node> others = new ArrayList<>(nodes.stream()
                .filter(n -> !n.primary() && !n.member().equals(node.member()))
                .toList());
        others.add(node);
        return new Group(number, since, others, endpoints);
    }
}
