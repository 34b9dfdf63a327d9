package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads {@code create_replica_methods} of a {@code postgresql} section, the methods beside it, and {@code basebackup}. */
final class ReplicaMethodsSection {
    private static final String LIST = "create_replica_methods";
    private static final String OLD_LIST = "create_replica_method";
    /** Passed on to the command too, as Patroni's scripts expect. */
    private static final Set<String> ALSO_ARGUMENTS = Set.of("keep_data", "no_leader", "no_master");

    private final Section section;

    ReplicaMethodsSection(Section section) {
        this.section = section;
    }

    /** @param complete every method that is named must be described here */
    ReplicaMaking read(boolean complete) {
        List<String> names = section.textsOrCommas(LIST);
        List<String> old = section.textsOrCommas(OLD_LIST);
        if (names.isEmpty()) {
            names = old;
        } else if (!old.isEmpty() && !old.equals(names)) {
            section.problem(OLD_LIST, "is the older name of " + LIST + ", which says something else; keep one of them");
        }
        Map<String, ReplicaMethod> methods = new LinkedHashMap<>();
        for (String name : names) {
            if (name.equals(ReplicaMethod.BASEBACKUP.name())) {
                continue;
            }
            if (section.has(name)) {
                section.section(name).ifPresent(s -> methods.put(name, method(s, name)));
            } else if (complete) {
                section.problem(
                        section.has(LIST) ? LIST : OLD_LIST,
                        "names the method " + name + ", but " + section.key(name) + " does not say how it works: give"
                                + " it a command");
            }
        }
        for (Map.Entry<String, JsonNode> entry : section.node().properties()) {
            String name = entry.getKey();
            if (MethodSection.describesOne(entry.getValue()) && !methods.containsKey(name)) {
                // In use elsewhere, or not at all: what is wrong with it is nobody's trouble then.
                section.tolerate(name);
                Findings findings = new Findings(key -> "");
                ReplicaMethod method =
                        method(new Section(findings, section.key(name), (ObjectNode) entry.getValue()), name);
                if (findings.problems().isEmpty()) {
                    methods.put(name, method);
                }
            }
        }
        List<String> basebackup = OptionList.read(section, "basebackup", OptionList.BASEBACKUP_REFUSED);
        return new ReplicaMaking(
                names, methods, section.has("basebackup") ? Optional.of(basebackup) : Optional.empty());
    }

    private static ReplicaMethod method(Section s, String name) {
        MethodSection method = new MethodSection(s, name);
        List<String> command = method.command();
        boolean keepData = s.bool("keep_data", false);
        boolean noParams = s.bool("no_params", false);
        boolean noLeader = s.bool("no_leader", false) | s.bool("no_master", false);
        List<String> arguments =
                new ArrayList<>(method.arguments(Set.of("no_params", "keep_data", "no_leader", "no_master")));
        for (String key : ALSO_ARGUMENTS.stream().sorted().toList()) {
            if (s.has(key)) {
                boolean value = key.equals("keep_data") ? keepData : noLeader;
                arguments.add("--" + key + "=" + (value ? "1" : "0"));
            }
        }
        s.finish();
        return new ReplicaMethod(name, command, keepData, noParams, noLeader, List.copyOf(arguments));
    }
}
