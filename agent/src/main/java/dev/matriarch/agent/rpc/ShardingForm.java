package dev.matriarch.agent.rpc;

import dev.matriarch.agent.sharding.Group;
import dev.matriarch.agent.sharding.Node;
import java.util.List;

/** Groups and nodes as they are sent. */
final class ShardingForm {
    private ShardingForm() {}

    static dev.matriarch.proto.sharding.v1.Node node(Node node) {
        return dev.matriarch.proto.sharding.v1.Node.newBuilder()
                .setMember(node.member())
                .setHost(node.host())
                .setPort(node.port())
                .setPrimary(node.primary())
                .build();
    }

    static Node node(dev.matriarch.proto.sharding.v1.Node node) {
        return new Node(node.getMember(), node.getHost(), node.getPort(), node.getPrimary());
    }

    static dev.matriarch.proto.sharding.v1.Group group(Group group) {
        return dev.matriarch.proto.sharding.v1.Group.newBuilder()
                .setNumber(group.number())
                .setEpoch(group.epoch())
                .addAllNodes(group.nodes().stream().map(ShardingForm::node).toList())
                .addAllEndpoints(group.endpoints())
                .build();
    }

    static Group group(dev.matriarch.proto.sharding.v1.Group group) {
        return new Group(
                group.getNumber(),
                group.getEpoch(),
                group.getNodesList().stream().map(ShardingForm::node).toList(),
                group.getEndpointsList());
    }

    static List<Group> groups(List<dev.matriarch.proto.sharding.v1.Group> groups) {
        return groups.stream().map(ShardingForm::group).toList();
    }
}
