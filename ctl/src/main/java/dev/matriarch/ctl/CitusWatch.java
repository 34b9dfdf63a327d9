package dev.matriarch.ctl;

import dev.matriarch.proto.sharding.v1.Group;
import dev.matriarch.proto.sharding.v1.GroupsReply;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/** Connections to all parts of what is watched, kept as long as they work. For one thread. */
final class CitusWatch implements AutoCloseable {
    private final Matriarchctl ctl;
    private final String cluster;
    /** Null: the next look asks all endpoints again. */
    private Agents agents;

    private String scope;

    private final Map<Integer, Agents> others = new HashMap<>();

    interface Question<T> {
        /** @param group null: the cluster stands alone */
        T ask(Integer group, Agents agents);
    }

    /**
     * @param <T> what each part said
     * @param silent why the groups said nothing that are not among the parts, by their numbers
     */
    record Answers<T>(List<T> parts, SortedMap<Integer, String> silent) {
        /** In a sentence each. */
        List<String> problems() {
            return CitusWatch.problems(silent);
        }
    }

    static List<String> problems(SortedMap<Integer, String> silent) {
        return silent.entrySet().stream()
                .map(e -> "Citus group " + e.getKey() + ": " + e.getValue())
                .toList();
    }

    /** Connects. @param cluster null: any */
    CitusWatch(Matriarchctl ctl, String cluster) {
        this.ctl = ctl;
        this.cluster = cluster;
        this.agents = ctl.reach(cluster);
        this.scope = agents.cluster().getScope();
    }

    /**
     * Asks the cluster; of a Citus database every group, unless one was named.
     *
     * @throws CtlException if none of them answers
     */
    <T> Answers<T> ask(Question<T> question) {
        try {
            if (agents == null) {
                agents = ctl.reach(cluster);
                scope = agents.cluster().getScope();
            }
            Optional<GroupsReply> groups = agents.groups();
            if (groups.isEmpty() || ctl.group() != null) {
                Integer group = groups.map(GroupsReply::getOwn).orElse(null);
                return new Answers<>(List.of(question.ask(group, agents)), new TreeMap<>());
            }
            return ask(groups.get(), question);
        } catch (CtlException e) {
            if (agents != null) {
                agents.close();
                agents = null;
            }
            throw e;
        }
    }

    private <T> Answers<T> ask(GroupsReply groups, Question<T> question) {
        List<T> parts = new ArrayList<>();
        SortedMap<Integer, String> silent = new TreeMap<>();
        CtlException last = null;
        for (Group group : groups.getGroupsList()) {
            int number = group.getNumber();
            try {
                if (number == groups.getOwn()) {
                    parts.add(question.ask(number, agents));
                    continue;
                }
                if (!others.containsKey(number)) {
                    others.put(number, CitusGroups.reach(agents, scope, group));
                }
                parts.add(question.ask(number, others.get(number)));
            } catch (CtlException e) {
                Agents broken = others.remove(number);
                if (broken != null) {
                    broken.close();
                }
                silent.put(number, e.getMessage());
                last = e;
            }
        }
        if (parts.isEmpty() && last != null) {
            throw last;
        }
        if (silent.containsKey(groups.getOwn())) {
            agents.close();
            agents = null;
        }
        return new Answers<>(parts, silent);
    }

    /** Of what was asked last. */
    String scope() {
        return scope;
    }

    @Override
    public void close() {
        if (agents != null) {
            agents.close();
        }
        others.values().forEach(Agents::close);
    }
}
