package dev.matriarch.agent.sharding;

import dev.matriarch.agent.config.CitusConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What has to be done to {@code pg_dist_node} so that it says where a group is. Pure.
 *
 * <p>The row of a group's primary is never removed: the shards belong to it. A new primary takes over the row of the old
 * one, under the address of which it then is found.
 */
final class NodeTable {
    static final String DEMOTED = "-demoted";
    private static final String REPLACED = "-replaced";
    private static final String PRIMARY = "primary";
    private static final String SECONDARY = "secondary";

    private NodeTable() {}

    /** A row of {@code pg_dist_node}. */
    record Row(int id, String host, int port, String role) {
        boolean isPrimary() {
            return role.equals(PRIMARY);
        }
    }

    /** One call of Citus. */
    sealed interface Step {}

    record Add(String host, int port, int group, String role) implements Step {}

    /** The first row of group 0. */
    record SetCoordinator(String host, int port) implements Step {}

    /** Clients that use the node wait until the transaction ends. */
    record Update(int id, String host, int port) implements Step {}

    record Remove(String host, int port) implements Step {}

    /** So that nobody uses the group's primary any more, until its row gets another address. */
    static List<Step> demote(List<Row> rows) {
        return primary(rows)
                .filter(p -> !p.host().endsWith(DEMOTED))
                .<List<Step>>map(p -> List.of(new Update(p.id(), p.host() + DEMOTED, p.port())))
                .orElse(List.of());
    }

    /** So that {@code leader} is the group's primary; nothing if the group is not there yet. */
    static List<Step> promote(List<Row> rows, Node leader) {
        Optional<Row> old = primary(rows);
        if (old.isEmpty() || leader.isAt(old.get().host(), old.get().port())) {
            return List.of();
        }
        List<Step> steps = new ArrayList<>();
        // No two rows may have one address.
        rows.stream()
                .filter(r -> !r.isPrimary() && leader.isAt(r.host(), r.port()))
                .forEach(r -> steps.add(new Update(r.id(), r.host() + REPLACED, r.port())));
        steps.add(new Update(old.get().id(), leader.host(), leader.port()));
        return steps;
    }

    /** So that the group's replicas are known, and no others; its first primary as well. */
    static List<Step> others(List<Row> rows, Group wanted) {
        List<Step> steps = new ArrayList<>();
        wanted.primary()
                .filter(p -> primary(rows).isEmpty())
                .ifPresent(p -> steps.add(
                        wanted.number() == CitusConfig.COORDINATOR
                                ? new SetCoordinator(p.host(), p.port())
                                : new Add(p.host(), p.port(), wanted.number(), PRIMARY)));
        for (Row row : rows) {
            boolean there = wanted.nodes().stream().anyMatch(n -> !n.primary() && n.isAt(row.host(), row.port()));
            if (!row.isPrimary() && !there) {
                steps.add(new Remove(row.host(), row.port()));
            }
        }
        if (primary(rows).isPresent() || wanted.primary().isPresent()) {
            for (Node node : wanted.nodes()) {
                if (!node.primary() && rows.stream().noneMatch(r -> node.isAt(r.host(), r.port()))) {
                    steps.add(new Add(node.host(), node.port(), wanted.number(), SECONDARY));
                }
            }
        }
        return steps;
    }

    private static Optional<Row> primary(List<Row> rows) {
        return rows.stream().filter(Row::isPrimary).findFirst();
    }
}
