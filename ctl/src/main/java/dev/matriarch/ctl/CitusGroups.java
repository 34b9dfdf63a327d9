package dev.matriarch.ctl;

import dev.matriarch.proto.sharding.v1.Group;
import dev.matriarch.proto.sharding.v1.GroupsReply;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** The groups of a Citus database: each is a cluster with agents of its own, which know where the others are. */
final class CitusGroups {
    private CitusGroups() {}

    /**
     * The agents of a group; those that were asked are let go if they are others.
     *
     * @throws CtlException if there is no such group, or none of its agents answers
     */
    static Agents switchTo(Agents asked, int number) {
        Optional<GroupsReply> groups = asked.groups();
        if (groups.isPresent() && groups.get().getOwn() == number) {
            return asked;
        }
        String scope = asked.cluster().getScope();
        asked.close();
        if (groups.isEmpty()) {
            throw CtlException.refused("--group: the cluster '" + scope + "' is not part of a Citus database");
        }
        return reach(asked, scope, of(groups.get(), number));
    }

    private static Group of(GroupsReply groups, int number) {
        return groups.getGroupsList().stream()
                .filter(g -> g.getNumber() == number)
                .findFirst()
                .orElseThrow(() -> CtlException.refused("--group: no group " + number + " is known, only "
                        + groups.getGroupsList().stream()
                                .map(g -> Integer.toString(g.getNumber()))
                                .collect(Collectors.joining(", "))));
    }

    static Agents reach(Agents asked, String scope, Group group) {
        List<Settings.Endpoint> endpoints = group.getEndpointsList().stream()
                .map(e -> Settings.Endpoint.parse(e, -1, "group " + group.getNumber()))
                .toList();
        return Agents.reach(new Settings(Optional.of(scope), endpoints, asked.tls()));
    }

    /** @param unreachable told of groups whose agents do not answer */
    static List<ClusterTable.Part> all(Agents asked, GroupsReply groups, List<String> unreachable) {
        List<ClusterTable.Part> parts = new ArrayList<>();
        for (Group group : groups.getGroupsList()) {
            if (group.getNumber() == groups.getOwn()) {
                parts.add(new ClusterTable.Part(group.getNumber(), asked.cluster()));
                continue;
            }
            try (Agents others = reach(asked, asked.cluster().getScope(), group)) {
                parts.add(new ClusterTable.Part(group.getNumber(), others.cluster()));
            } catch (CtlException e) {
                unreachable.add("Citus group " + group.getNumber() + ": " + e.getMessage());
            }
        }
        return parts;
    }

    /** The table for the group that was asked for, or for all of them; for a cluster that stands alone its own. */
    static List<String> table(Matriarchctl ctl, Agents agents, Format format, boolean extended) {
        Optional<GroupsReply> groups = agents.groups();
        if (groups.isEmpty()) {
            return new ClusterTable(agents.cluster(), format, extended).lines();
        }
        if (ctl.group() != null) {
            return new ClusterTable(
                            List.of(new ClusterTable.Part(groups.get().getOwn(), agents.cluster())), format, extended)
                    .lines();
        }
        List<String> unreachable = new ArrayList<>();
        List<ClusterTable.Part> parts = all(agents, groups.get(), unreachable);
        unreachable.forEach(ctl.terminal()::complain);
        return new ClusterTable(parts, format, extended).lines();
    }
}
