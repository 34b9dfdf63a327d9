package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Options of a PostgreSQL program in the forms users know: {@code verbose}, {@code max-rate: 10M}, or a map of both. */
final class OptionList {
    static final Set<String> INITDB_REFUSED = Set.of("pgdata", "nosync", "no-sync", "pwfile", "sync-only", "version");
    static final Set<String> BASEBACKUP_REFUSED = Set.of(
            "pgdata",
            "format",
            "wal-method",
            "xlog-method",
            "gzip",
            "version",
            "dbname",
            "host",
            "port",
            "username",
            "password");
    static final Set<String> REWIND_REFUSED = Set.of(
            "target-pgdata",
            "source-pgdata",
            "source-server",
            "write-recovery-conf",
            "dry-run",
            "restore-target-wal",
            "config-file",
            "no-ensure-shutdown",
            "version",
            "help");

    private OptionList() {}

    /** @return each option with its dashes */
    static List<String> read(Section section, String name, Set<String> refused) {
        List<String> options = new ArrayList<>();
        section.describe(name, "list or map of options", "", "").value(name).ifPresent(value -> {
            if (value.isObject()) {
                value.properties().forEach(e -> add(section, name, refused, e, options));
            } else if (value.isArray()) {
                for (JsonNode item : value) {
                    if (item.isObject()) {
                        item.properties().forEach(e -> add(section, name, refused, e, options));
                    } else {
                        add(section, name, refused, item.asText(), options);
                    }
                }
            } else {
                section.problem(name, "is neither a list nor a map of options");
            }
        });
        return options;
    }

    private static void add(
            Section section, String name, Set<String> refused, Map.Entry<String, JsonNode> option, List<String> out) {
        if (option.getValue().isContainerNode()) {
            section.problem(name, "gives the option " + option.getKey() + " a list or map; give it one value");
        } else if (option.getValue().isNull()
                || option.getValue().isBoolean() && option.getValue().booleanValue()) {
            add(section, name, refused, option.getKey(), out);
        } else if (!option.getValue().isBoolean()) {
            add(
                    section,
                    name,
                    refused,
                    option.getKey() + "=" + option.getValue().asText(),
                    out);
        }
    }

    private static void add(Section section, String name, Set<String> refused, String option, List<String> out) {
        String bare = option.replaceFirst("^-+", "");
        String word = bare.contains("=") ? bare.substring(0, bare.indexOf('=')) : bare;
        if (word.isBlank() || !word.matches("[A-Za-z][A-Za-z0-9-]*")) {
            section.problem(name, "holds '" + word + "', which is not an option; write the long name without dashes");
        } else if (refused == BASEBACKUP_REFUSED && word.equals("compress") && !bare.startsWith("compress=server-")) {
            section.problem(
                    name,
                    "holds the option compress, which only works as compress: server-gzip, server-lz4 or server-zstd"
                            + " here, from PostgreSQL 15 on");
        } else if (refused.contains(word)) {
            section.problem(name, "holds the option " + word + ", which the agent itself sets; remove it");
        } else {
            out.add("--" + bare);
        }
    }
}
