package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.agent.diagnosis.Diagnosis.Check;
import dev.matriarch.proto.control.v1.ConfigurationFacts;
import dev.matriarch.proto.control.v1.MemberFacts;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;

/** Each member's file, against itself, against what is in force and against the others'. */
final class ConfigurationCheck implements Check {
    /** Without agreement on these a replica cannot follow, or another cluster is looked after. */
    private static final Set<String> MUST_AGREE =
            Set.of("namespace", "citus.group", "postgresql.authentication.replication.username", "store", "tls");

    @Override
    public List<Finding> look(Examination of) {
        Notes notes = new Notes("configuration");
        files(of, notes);
        values(of, notes);
        agreement(of, notes);
        senders(of, notes);
        rewind(of, notes);
        unsafe(of, notes);
        return notes.findings();
    }

    private static void files(Examination of, Notes notes) {
        for (Map.Entry<String, MemberFacts> member : of.facts().entrySet()) {
            String name = member.getKey();
            ConfigurationFacts facts = member.getValue().getConfiguration();
            facts.getProblemsList()
                    .forEach(problem -> notes.error(
                            "file",
                            name,
                            problem,
                            "correct it on " + name + " (matriarch --validate-config says the same); the running agent"
                                    + " goes by the old values, a restarted one would not start"));
            if (facts.getNotLoadedCount() > 0) {
                notes.warning(
                        "file",
                        name,
                        "the file has new values that are not in force: " + String.join(", ", facts.getNotLoadedList()),
                        "matriarchctl reload " + of.scope() + " " + name);
            }
            if (facts.getNeedRestartCount() > 0) {
                notes.warning(
                        "file",
                        name,
                        "the file has new values that need a restart of the agent: "
                                + String.join(", ", facts.getNeedRestartList()),
                        "restart the agent on " + name + " (systemctl restart matriarch)");
            }
        }
        notes.otherwise("file", "every member's file is good and in force");
    }

    private static void values(Examination of, Notes notes) {
        Map<String, List<String>> unused = new LinkedHashMap<>();
        Map<String, List<String>> misfits = new LinkedHashMap<>();
        of.facts().forEach((name, facts) -> {
            unused.put(name, facts.getConfiguration().getNotUsedList());
            misfits.put(name, facts.getConfiguration().getMisfitsList());
        });
        int members = of.facts().size();
        Examination.grouped(
                unused,
                members,
                (member, sentence) -> notes.warning(
                        "values",
                        member,
                        sentence,
                        "correct it with matriarchctl edit-config " + of.scope()
                                + ", or in the member's own file if it stands there (matriarchctl show-config"
                                + " --effective says where)"));
        notes.otherwise("values", "every value is used as it stands");
        Examination.grouped(
                misfits,
                members,
                (member, sentence) -> notes.error(
                        "fits-the-cluster",
                        member,
                        sentence,
                        "change either the member's file or the cluster-wide configuration (matriarchctl edit-config "
                                + of.scope() + ")"));
        notes.otherwise("fits-the-cluster", "every member's file goes together with the cluster-wide configuration");
    }

    private static void agreement(Examination of, Notes notes) {
        Set<String> keys = new TreeSet<>();
        of.facts()
                .values()
                .forEach(f -> keys.addAll(f.getConfiguration().getCommonMap().keySet()));
        for (String key : keys) {
            SortedMap<String, String> values = of.each(f -> f.getConfiguration().getCommonOrDefault(key, ""));
            values.keySet().removeIf(name -> !of.facts().get(name).hasConfiguration());
            if (Notes.differ(values.values())) {
                notes.note(
                        MUST_AGREE.contains(key),
                        "same-everywhere",
                        "",
                        key + " differs: " + Notes.byValue(values),
                        "give all members the same value, then matriarchctl reload " + of.scope()
                                + " or restart the agents");
            }
        }
        notes.otherwise("same-everywhere", "the members agree on " + keys.size() + " settings of their files");
    }

    private static void senders(Examination of, Notes notes) {
        int others = of.members().size() - 1;
        for (Map.Entry<String, Integer> parameter : Map.of(
                        "max_wal_senders", others + 1, "max_replication_slots", others)
                .entrySet()) {
            of.facts().values().stream()
                    .map(f -> f.getConfiguration().getParametersOrDefault(parameter.getKey(), ""))
                    .filter(v -> v.matches("\\d{1,9}"))
                    .map(Integer::valueOf)
                    .min(Integer::compare)
                    .filter(v -> v < parameter.getValue())
                    .ifPresent(v -> notes.error(
                            "replication-room",
                            "",
                            parameter.getKey() + " is " + v + ", " + parameter.getValue() + " are needed for "
                                    + (others + 1) + " members and a copy",
                            "matriarchctl edit-config " + of.scope() + " -p " + parameter.getKey() + "="
                                    + Math.max(10, parameter.getValue() + 2) + ", then restart the members"));
        }
        notes.otherwise("replication-room", "there are enough WAL senders and slots for all members");
    }

    private static void unsafe(Examination of, Notes notes) {
        Map<String, List<String>> unsafe = new LinkedHashMap<>();
        of.facts().forEach((name, facts) -> {
            Map<String, String> parameters = facts.getConfiguration().getParametersMap();
            List<String> found = new ArrayList<>();
            if (isOff(parameters.get("fsync"))) {
                found.add("fsync is off: after a crash of the host the data are not to be trusted");
            }
            if (isOff(parameters.get("full_page_writes"))) {
                found.add("full_page_writes is off: after a crash of the host, and after pg_rewind, pages may be torn");
            }
            boolean notAwaited = List.of("off", "local")
                    .contains(
                            parameters.getOrDefault("synchronous_commit", "on").toLowerCase(Locale.ROOT));
            if (notAwaited && of.config().synchronousMode() != SynchronousMode.OFF) {
                found.add("synchronous_commit is " + parameters.get("synchronous_commit")
                        + ": commits are acknowledged before a standby has them, whatever synchronous_mode says");
            }
            boolean archives = !isOff(parameters.getOrDefault("archive_mode", "off"));
            boolean nowhere = parameters.getOrDefault("archive_command", "").isBlank()
                    && parameters.getOrDefault("archive_library", "").isBlank();
            if (archives && nowhere) {
                found.add("archive_mode is on and there is no archive_command: WAL is kept until the disk is full");
            }
            unsafe.put(name, found);
        });
        Examination.grouped(
                unsafe,
                of.facts().size(),
                (member, sentence) -> notes.note(
                        sentence.startsWith("fsync") || sentence.startsWith("full_page_writes"),
                        "unsafe-parameters",
                        member,
                        sentence,
                        "matriarchctl edit-config " + of.scope() + " -p "
                                + (sentence.startsWith("archive_mode")
                                        ? "archive_mode=off, or set archive_command"
                                        : sentence.substring(0, sentence.indexOf(' ')) + "=on")
                                + "; if it stands in the member's own file, there (postgresql.parameters)"));
        notes.otherwise("unsafe-parameters", "no parameter of PostgreSQL puts data at risk");
    }

    private static boolean isOff(String value) {
        return value != null && Set.of("off", "false", "no", "0", "f", "n").contains(value.toLowerCase(Locale.ROOT));
    }

    private static void rewind(Examination of, Notes notes) {
        of.facts().forEach((name, facts) -> {
            boolean impossible = facts.getConfiguration().getRewind()
                    && facts.getPostgres().getAsked()
                    && !facts.getPostgres().getRewindable();
            if (impossible) {
                notes.warning(
                        "rewind",
                        name,
                        "use_pg_rewind is on, but pg_rewind cannot work: neither data checksums nor wal_log_hints are",
                        "matriarchctl edit-config " + of.scope()
                                + " -p wal_log_hints=on, then restart; or pg_checksums --enable while PostgreSQL is"
                                + " stopped");
            }
        });
        notes.otherwise("rewind", "pg_rewind can work wherever it is to be used");
    }
}
