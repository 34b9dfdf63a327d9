package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads the {@code bootstrap} section. */
final class BootstrapSection {
    private static final Set<String> OWN_KEYS = Set.of("no_params", "keep_existing_recovery_conf", "recovery_conf");
    private static final Set<String> NO_METHODS =
            Set.of("dcs", "method", "initdb", "pg_hba", "users", "post_bootstrap", "post_init");

    private final Section section;
    private final Findings findings;

    BootstrapSection(Section section, Findings findings) {
        this.section = section;
        this.findings = findings;
    }

    BootstrapConfig read() {
        String dcs = section.section("dcs")
                .map(Section::node)
                .map(ObjectNode::toString)
                .orElse("{}");
        DynamicConfigJson.findProblems(dcs, section.key("dcs"), findings);
        Optional<BootstrapConfig.Method> method =
                section.text("method").filter(name -> !name.equals("initdb")).flatMap(this::method);
        for (Map.Entry<String, JsonNode> entry : section.node().properties()) {
            if (!NO_METHODS.contains(entry.getKey()) && MethodSection.describesOne(entry.getValue())) {
                // Described, but not the one in use.
                section.tolerate(entry.getKey());
            }
        }
        List<String> initdb = OptionList.read(section, "initdb", OptionList.INITDB_REFUSED);
        List<String> pgHba = section.texts("pg_hba");
        Map<String, BootstrapConfig.User> users = users();
        List<String> script = ScriptsConfig.command(section, "post_bootstrap");
        List<String> oldName = ScriptsConfig.command(section, "post_init");
        if (!script.isEmpty() && !oldName.isEmpty() && !script.equals(oldName)) {
            section.problem(
                    "post_init", "is the older name of post_bootstrap, which says something else; keep one of them");
        }
        section.finish();
        return new BootstrapConfig(dcs, method, initdb, pgHba, users, script.isEmpty() ? oldName : script);
    }

    private Optional<BootstrapConfig.Method> method(String name) {
        if (NO_METHODS.contains(name) || !section.has(name)) {
            section.problem(
                    "method",
                    "is not described: " + section.key(name) + " has to be a map with the command that makes the"
                            + " data directory");
            return Optional.empty();
        }
        return section.section(name).map(s -> {
            MethodSection method = new MethodSection(s, name);
            List<String> command = method.command();
            boolean noParams = s.bool("no_params", false);
            boolean keep = s.bool("keep_existing_recovery_conf", false);
            Map<String, String> recovery = s.parameters("recovery_conf");
            if (keep && !recovery.isEmpty()) {
                s.problem(
                        "recovery_conf",
                        "would not be used: keep_existing_recovery_conf leaves what the command wrote; keep one of"
                                + " them");
            }
            List<String> arguments = method.arguments(OWN_KEYS);
            s.finish();
            return new BootstrapConfig.Method(name, command, noParams, keep, recovery, arguments);
        });
    }

    private Map<String, BootstrapConfig.User> users() {
        Map<String, BootstrapConfig.User> users = new LinkedHashMap<>();
        section.section("users").ifPresent(all -> {
            for (String name : List.copyOf(
                    all.node().properties().stream().map(Map.Entry::getKey).toList())) {
                Section user = all.sectionOrEmpty(name);
                List<String> options = user.textsOrCommas("options");
                for (String option : options) {
                    if (!option.matches("[A-Za-z]+( [A-Za-z0-9_-]+)*")) {
                        user.problem("options", "holds '" + option + "', which is no role attribute such as createdb");
                    }
                }
                users.put(name, new BootstrapConfig.User(user.secret("password"), options));
                user.finish();
            }
        });
        return users;
    }
}
