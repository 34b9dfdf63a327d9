package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.Parameters;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.dcs.SlotName;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/** What a server's files say, as a function of what is wanted of it. No I/O. */
final class PostgresqlConf {
    static final String HEADER = "# Written by Matriarch at every change: edits here are lost.\n"
            + "# Use 'matriarchctl edit-config', or postgresql.parameters in the agent's file.\n";

    private static final Map<String, String> CONTROLLED_DEFAULTS = controlledDefaults();

    /** Ours alone, or meaningless in this file. */
    private static final Set<String> NEVER_FROM_PARAMETERS = Set.of(
            "listen_addresses", "port", "cluster_name", "synchronous_standby_names", "data_directory", "config_file");

    /**
     * Whose files they are.
     *
     * @param major version of the server that reads them
     */
    record Owner(PostgresConfig config, String scope, String memberName, int major) {
        ConfigPlaces places() {
            return ConfigPlaces.of(config);
        }
    }

    private final Owner owner;
    private final LibpqAccess libpq;
    private final ConfigurationFiles.Wanted wanted;
    private final Set<String> leftOut;

    /** @param leftOut of the wanted parameters those that PostgreSQL does not take */
    PostgresqlConf(Owner owner, LibpqAccess libpq, ConfigurationFiles.Wanted wanted, Set<String> leftOut) {
        this.owner = owner;
        this.libpq = libpq;
        this.wanted = wanted;
        this.leftOut = leftOut;
    }

    private static Map<String, String> controlledDefaults() {
        Map<String, String> defaults = new LinkedHashMap<>();
        defaults.put("wal_level", "replica");
        defaults.put("hot_standby", "on");
        defaults.put("max_connections", "100");
        defaults.put("max_wal_senders", "10");
        defaults.put("max_replication_slots", "10");
        defaults.put("max_worker_processes", "8");
        defaults.put("max_prepared_transactions", "0");
        defaults.put("max_locks_per_transaction", "64");
        defaults.put("track_commit_timestamp", "off");
        defaults.put("wal_log_hints", "on");
        return defaults;
    }

    /** Parameters that must be the same on all members: given on the command line, so that no file can differ. */
    Map<String, String> controlled() {
        Map<String, String> given = taken();
        Map<String, String> result = new LinkedHashMap<>();
        result.put("listen_addresses", String.join(",", owner.config().listenHosts()));
        result.put("port", Integer.toString(owner.config().port()));
        result.put("cluster_name", owner.scope());
        CONTROLLED_DEFAULTS.forEach((name, value) -> result.put(name, given.getOrDefault(name, value)));
        // Without these no replica can exist, whatever was asked for.
        result.put("hot_standby", "on");
        if (result.get("wal_level").equalsIgnoreCase("minimal")) {
            result.put("wal_level", "replica");
        }
        return result;
    }

    /** Of the wanted parameters those that count here, but for recovery's, which may have to stand elsewhere. */
    Map<String, String> taken() {
        Map<String, String> taken = new TreeMap<>(Parameters.of(owner.major(), wanted.parametersOfItsRole()));
        taken.keySet().removeIf(name -> leftOut.contains(name) || RecoveryFiles.isOfRecovery(name));
        return taken;
    }

    /** Settings of recovery that were configured, wherever. */
    private Map<String, String> configuredRecovery() {
        Map<String, String> all = new TreeMap<>(wanted.files().recovery());
        wanted.parametersOfItsRole().forEach((name, value) -> {
            if (RecoveryFiles.isConfigurable(name)) {
                all.put(name, value);
            }
        });
        return all;
    }

    /** @param decided over what was configured */
    RecoveryFiles recovery(RecoveryFiles.Kind kind, Map<String, String> decided) throws PostgresException {
        Map<String, String> all = configuredRecovery();
        all.keySet().removeAll(leftOut);
        all.putAll(decided);
        return RecoveryFiles.of(owner.major(), kind, all);
    }

    /** Of a standby of whom is wanted, or of a primary. */
    RecoveryFiles recovery() throws PostgresException {
        return recovery(
                wanted.upstream().isPresent() ? RecoveryFiles.Kind.STANDBY : RecoveryFiles.Kind.NONE,
                upstreamSettings());
    }

    /** Where WAL comes from; empty values undo what the included file says. */
    private Map<String, String> upstreamSettings() {
        Map<String, String> settings = new TreeMap<>();
        settings.put("recovery_target_timeline", "latest");
        settings.put("primary_conninfo", "");
        settings.put("primary_slot_name", "");
        for (String target : List.of("", "_name", "_time", "_xid", "_lsn")) {
            settings.put("recovery_target" + target, "");
        }
        PostgresConfig config = owner.config();
        Upstream upstream = wanted.upstream().orElse(null);
        if (upstream instanceof Upstream.Of of) {
            settings.put(
                    "primary_conninfo",
                    libpq.connectionString(
                            of, config.replication(), config.places().database()));
            settings.put("primary_slot_name", wanted.useSlots() ? SlotName.of(owner.memberName()) : "");
        }
        if (upstream instanceof Upstream.Remote remote) {
            if (!remote.host().isEmpty()) {
                settings.put(
                        "primary_conninfo",
                        libpq.connectionString(remote, config.places().database()));
                settings.put("primary_slot_name", remote.slot());
            }
            if (!remote.applyDelay().isEmpty()) {
                settings.put("recovery_min_apply_delay", remote.applyDelay());
            }
        }
        return settings;
    }

    /**
     * The text of postgresql.conf.
     *
     * @param recovery settings of recovery that stand in it
     * @param included the file that was there first, or the user's choice in its place
     * @param set whether the file that was there first sets a parameter
     * @throws PostgresException for a name that is no parameter's, and a value that cannot be written
     */
    String text(Map<String, String> recovery, String included, Predicate<String> set) throws PostgresException {
        Map<String, String> all = new TreeMap<>();
        taken().forEach((name, value) -> {
            String key = name.toLowerCase(Locale.ROOT);
            if (!NEVER_FROM_PARAMETERS.contains(key)) {
                all.put(key, value);
            }
        });
        all.putAll(controlled());
        wanted.synchronousStandbyNames().ifPresent(names -> all.put("synchronous_standby_names", names));
        all.putIfAbsent("wal_retrieve_retry_interval", "500ms");
        all.putAll(recovery);
        putPlaces(all, set);
        StringBuilder text = new StringBuilder(HEADER)
                .append("include '")
                .append(included.replace("'", "''"))
                .append("'\n\n");
        for (Map.Entry<String, String> parameter : all.entrySet()) {
            text.append(parameter.getKey())
                    .append(" = ")
                    .append(quoted(parameter.getKey(), parameter.getValue()))
                    .append('\n');
        }
        return text.toString();
    }

    /** What somebody else's files say of places does not hold any more. */
    private void putPlaces(Map<String, String> all, Predicate<String> set) {
        ConfigPlaces places = owner.places();
        if (places.apart()) {
            all.put("data_directory", places.data().toString());
        }
        ServerFiles files = wanted.files();
        ServerFiles.Role role = wanted.role();
        if (places.apart() || !files.hba(role).isEmpty() && set.test("hba_file")) {
            all.putIfAbsent("hba_file", places.hba().toString());
        }
        if (places.apart() || !files.ident(role).isEmpty() && set.test("ident_file")) {
            all.putIfAbsent("ident_file", places.ident().toString());
        }
    }

    /** As it stands in a configuration file. */
    static String quoted(String name, String value) throws PostgresException {
        if (!name.matches("[A-Za-z_][A-Za-z0-9_$]*(\\.[A-Za-z_][A-Za-z0-9_$]*)?")) {
            throw new PostgresException("'" + name + "' is no name of a PostgreSQL parameter.");
        }
        if (value.indexOf('\0') >= 0) {
            throw new PostgresException("The value of the PostgreSQL parameter " + name + " holds a zero byte.");
        }
        return "'"
                + value.replace("\\", "\\\\")
                        .replace("'", "''")
                        .replace("\n", "\\n")
                        .replace("\r", "\\r")
                + "'";
    }
}
