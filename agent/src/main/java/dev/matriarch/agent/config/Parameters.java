package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.agent.ha.StandbyNames;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The PostgreSQL parameters of one server, put together from all layers.
 *
 * @param onCommandLine those that {@code ALTER SYSTEM} must not override, for the postmaster's command line
 * @param inFile all of them, those on the command line included, for postgresql.conf
 * @param warnings one sentence for each value that could not be used as it stands
 */
public record Parameters(
        SortedMap<String, String> onCommandLine, SortedMap<String, String> inFile, List<String> warnings) {

    /** Set by the agent itself; a value from elsewhere is dropped. */
    private static final Set<String> OWNED = Set.of(
            "listen_addresses",
            "port",
            "cluster_name",
            "hot_standby",
            "data_directory",
            "primary_conninfo",
            "primary_slot_name",
            "promote_trigger_file",
            "trigger_file",
            "standby_mode");

    /** @param min absent: not a number */
    private record Controlled(String standard, OptionalInt min, boolean onCommandLine) {}

    private static final Map<String, Controlled> CONTROLLED = Map.ofEntries(
            number("max_connections", "100", 25),
            number("max_wal_senders", "10", 3),
            number("max_replication_slots", "10", 4),
            number("max_worker_processes", "8", 2),
            number("max_prepared_transactions", "0", 0),
            number("max_locks_per_transaction", "64", 32),
            Map.entry("wal_level", new Controlled("replica", OptionalInt.empty(), true)),
            Map.entry("track_commit_timestamp", new Controlled("off", OptionalInt.empty(), true)),
            Map.entry("wal_log_hints", new Controlled("on", OptionalInt.empty(), true)),
            Map.entry("wal_keep_size", new Controlled("128MB", OptionalInt.empty(), false)),
            Map.entry("wal_keep_segments", new Controlled("8", OptionalInt.of(1), false)));

    public Parameters {
        onCommandLine = Collections.unmodifiableSortedMap(new TreeMap<>(onCommandLine));
        inFile = Collections.unmodifiableSortedMap(new TreeMap<>(inFile));
        warnings = List.copyOf(warnings);
    }

    /** As {@link #effective(DynamicConfig, PostgresConfig, String, int)}, for PostgreSQL 13 or later, without cluster_name. */
    public static Parameters effective(DynamicConfig dynamic, PostgresConfig local) {
        return effective(dynamic, local, "", 130000);
    }

    /**
     * Ordinary parameters: default, then the cluster's, then the local file's. Those that every member must agree on come
     * from the cluster alone, a value below the minimum being replaced by the default.
     *
     * @param scope becomes cluster_name; left out if empty
     * @param serverVersion server_version_num of the binaries
     */
    public static Parameters effective(DynamicConfig dynamic, PostgresConfig local, String scope, int serverVersion) {
        TreeMap<String, String> file = new TreeMap<>();
        TreeMap<String, String> line = new TreeMap<>();
        List<String> warnings = new ArrayList<>();
        ordinary(dynamic.parameters(), dynamic, file, warnings);
        ordinary(local.parameters(), dynamic, file, warnings);
        controlled(dynamic.parameters(), serverVersion, file, line, warnings);
        line.put("listen_addresses", String.join(",", local.listenHosts()));
        line.put("port", Integer.toString(local.port()));
        line.put("hot_standby", "on");
        if (!scope.isEmpty()) {
            line.put("cluster_name", scope);
        }
        file.putAll(line);
        return new Parameters(line, file, warnings);
    }

    /** True for those that are never taken from a local file. */
    public static boolean isControlled(String name) {
        return CONTROLLED.containsKey(name) || isOwned(name);
    }

    /** How far a server recovers is said where it is asked for: by the method of a bootstrap. */
    private static boolean isOwned(String name) {
        return OWNED.contains(name) || name.startsWith("recovery_target");
    }

    private static void ordinary(
            Map<String, String> given, DynamicConfig dynamic, Map<String, String> into, List<String> warnings) {
        given.forEach((name, value) -> {
            if (CONTROLLED.containsKey(name)) {
                return;
            }
            boolean synchronousNames =
                    name.equals("synchronous_standby_names") && dynamic.synchronousMode() != SynchronousMode.OFF;
            if (isOwned(name) || synchronousNames) {
                warnings.add("the PostgreSQL parameter " + name + " is set by the agent; the configured value '"
                        + (Findings.isSecret(name) ? LocalConfig.HIDDEN : value) + "' is ignored: remove it");
            } else if (name.equals("synchronous_standby_names") && !StandbyNames.isWellFormed(value)) {
                warnings.add(
                        "the PostgreSQL parameter " + name + " '" + value + "' is no list that PostgreSQL would take"
                                + " and is ignored: write it like FIRST 1 (a, b) or ANY 1 (a, b)");
            } else {
                into.put(name, value);
            }
        });
    }

    private static void controlled(
            Map<String, String> given,
            int serverVersion,
            Map<String, String> file,
            Map<String, String> line,
            List<String> warnings) {
        boolean keepSize = serverVersion >= 130000;
        CONTROLLED.forEach((name, rule) -> {
            if (name.equals(keepSize ? "wal_keep_segments" : "wal_keep_size")) {
                return;
            }
            String value = given.get(name);
            if (value == null) {
                value = keepValueOfOtherName(name, given).orElse(rule.standard());
            }
            Optional<String> problem = problemOf(name, value);
            if (problem.isPresent()) {
                warnings.add("the PostgreSQL parameter " + name + " " + problem.get() + "; '" + value
                        + "' is ignored and '" + rule.standard() + "' used: correct it with matriarchctl edit-config");
                value = rule.standard();
            }
            (rule.onCommandLine() ? line : file).put(name, presentName(name, value));
        });
    }

    /** hot_standby became replica in PostgreSQL 9.6. */
    private static String presentName(String name, String value) {
        if (!name.equals("wal_level")) {
            return value;
        }
        String lower = value.toLowerCase(Locale.ROOT);
        return lower.equals("hot_standby") ? "replica" : lower;
    }

    /**
     * The same under the names and in the units of one version: WAL is kept for standbys by wal_keep_size from PostgreSQL 13
     * on, by wal_keep_segments before. A server is not started with the one that it does not know.
     *
     * @param major 15
     */
    public static Map<String, String> of(int major, Map<String, String> parameters) {
        String known = major >= 13 ? "wal_keep_size" : "wal_keep_segments";
        String unknown = major >= 13 ? "wal_keep_segments" : "wal_keep_size";
        Map<String, String> named = new TreeMap<>(parameters);
        if (!named.containsKey(known)) {
            keepValueOfOtherName(known, parameters).ifPresent(value -> named.put(known, value));
        }
        named.remove(unknown);
        named.putIfAbsent(known, CONTROLLED.get(known).standard());
        return named;
    }

    /** wal_keep_segments became wal_keep_size in PostgreSQL 13; 16 MB each. */
    private static Optional<String> keepValueOfOtherName(String name, Map<String, String> given) {
        if (name.equals("wal_keep_size") && given.containsKey("wal_keep_segments")) {
            return Quantity.integer(node(given.get("wal_keep_segments"))).map(n -> n * 16L + "MB");
        }
        if (name.equals("wal_keep_segments") && given.containsKey("wal_keep_size")) {
            return megabytes(given.get("wal_keep_size")).map(mb -> Long.toString((mb + 8) / 16));
        }
        return Optional.empty();
    }

    /** What is wrong with a parameter that every member must agree on; empty for every other parameter. */
    static Optional<String> problemOf(String name, String value) {
        Controlled rule = CONTROLLED.get(name);
        if (rule == null) {
            return Optional.empty();
        }
        boolean good = switch (name) {
            case "wal_level" -> Set.of("replica", "hot_standby", "logical").contains(value.toLowerCase(Locale.ROOT));
            case "track_commit_timestamp", "wal_log_hints" ->
                Quantity.bool(node(value)).isPresent();
            case "wal_keep_size" -> megabytes(value).map(mb -> mb >= 16).orElse(false);
            default ->
                Quantity.integer(node(value))
                        .map(n -> n >= rule.min().orElse(0) && n <= 262143)
                        .orElse(false);
        };
        if (good) {
            return Optional.empty();
        }
        return Optional.of(
                switch (name) {
                    case "wal_level" -> "takes replica or logical";
                    case "track_commit_timestamp", "wal_log_hints" -> "takes on or off";
                    case "wal_keep_size" -> "takes a size of at least 16MB";
                    default -> "takes a whole number from " + rule.min().orElse(0) + " to 262143";
                });
    }

    /** A plain number is in megabytes, as in postgresql.conf. */
    private static Optional<Long> megabytes(String value) {
        return Quantity.integer(node(value))
                .map(Integer::longValue)
                .or(() -> Quantity.bytes(node(value)).map(b -> b >> 20));
    }

    private static JsonNode node(String value) {
        return JsonNodeFactory.instance.textNode(value);
    }

    private static Map.Entry<String, Controlled> number(String name, String standard, int min) {
        return Map.entry(name, new Controlled(standard, OptionalInt.of(min), true));
    }
}
