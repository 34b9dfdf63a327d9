package dev.matriarch.agent.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How replicas are made: given for the cluster, for one member, or put together.
 *
 * @param order names of methods as they are to be tried; none: not given
 * @param described methods of one's own by name, also those that are not in {@code order}
 * @param basebackup options of pg_basebackup, each with its dashes; empty: not given
 */
public record ReplicaMaking(
        List<String> order, Map<String, ReplicaMethod> described, Optional<List<String>> basebackup) {
    public static final ReplicaMaking USUAL = new ReplicaMaking(List.of(), Map.of(), Optional.empty());

    public ReplicaMaking {
        order = List.copyOf(order);
        described = Map.copyOf(described);
        basebackup = basebackup.map(List::copyOf);
    }

    public static ReplicaMaking of(List<ReplicaMethod> methods, List<String> basebackup) {
        Map<String, ReplicaMethod> described = new LinkedHashMap<>();
        methods.stream().filter(m -> !m.isBasebackup()).forEach(m -> described.put(m.name(), m));
        return new ReplicaMaking(
                methods.stream().map(ReplicaMethod::name).toList(), described, Optional.of(basebackup));
    }

    /** The cluster's, under that of a member: what both give is the member's. */
    public ReplicaMaking under(ReplicaMaking member) {
        Map<String, ReplicaMethod> all = new LinkedHashMap<>(described);
        all.putAll(member.described);
        return new ReplicaMaking(
                member.order.isEmpty() ? order : member.order, all, member.basebackup.or(() -> basebackup));
    }

    /** Those of the names given here, if there are any, in place of the usual ones. Those that nobody describes are not there. */
    public ReplicaMaking inOrder(List<String> instead) {
        return instead.isEmpty() ? this : new ReplicaMaking(instead, described, basebackup);
    }

    /** In the order in which they are to be tried. */
    public List<ReplicaMethod> methods() {
        if (order.isEmpty()) {
            return List.of(ReplicaMethod.BASEBACKUP);
        }
        List<ReplicaMethod> methods = new ArrayList<>();
        for (String name : order) {
            if (name.equals(ReplicaMethod.BASEBACKUP.name())) {
                methods.add(ReplicaMethod.BASEBACKUP);
            } else if (described.containsKey(name)) {
                methods.add(described.get(name));
            }
        }
        return List.copyOf(methods);
    }

    /** Names of methods that nobody has described. */
    public List<String> undescribed() {
        return order.stream()
                .filter(name -> !name.equals(ReplicaMethod.BASEBACKUP.name()) && !described.containsKey(name))
                .toList();
    }

    public List<String> basebackupOptions() {
        return basebackup.orElse(List.of());
    }

    /** Some method needs no server to copy from. */
    public boolean withoutServer() {
        return methods().stream().anyMatch(ReplicaMethod::noLeader);
    }

    /** What is given up may stay where it is: the first method makes use of it. */
    public boolean overData() {
        return methods().stream().findFirst().map(ReplicaMethod::keepData).orElse(false);
    }
}
