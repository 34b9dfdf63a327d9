package dev.matriarch.agent.postgres;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Where settings of recovery have to stand: from PostgreSQL 12 on in postgresql.conf, with an empty signal file that says
 * what kind of recovery it is; before that all together in recovery.conf, whose existence is the signal.
 *
 * @param parameters what postgresql.conf gets
 * @param present files to write, name to content
 * @param absent files that must not be there
 */
record RecoveryFiles(Map<String, String> parameters, Map<String, String> present, Set<String> absent) {
    static final String STANDBY_SIGNAL = "standby.signal";
    static final String RECOVERY_SIGNAL = "recovery.signal";
    static final String RECOVERY_CONF = "recovery.conf";
    static final Set<String> ALL = Set.of(STANDBY_SIGNAL, RECOVERY_SIGNAL, RECOVERY_CONF);

    private static final int NO_RECOVERY_CONF = 12;

    /** What may be configured. Whom a server follows and how far it goes is decided from moment to moment. */
    private static final Set<String> CONFIGURABLE =
            Set.of("restore_command", "archive_cleanup_command", "recovery_end_command", "recovery_min_apply_delay");

    private static final Set<String> DECIDED =
            Set.of("primary_conninfo", "primary_slot_name", "promote_trigger_file", "trigger_file", "standby_mode");

    static boolean isConfigurable(String name) {
        return CONFIGURABLE.contains(name);
    }

    /** @param name in lower case */
    static boolean isOfRecovery(String name) {
        return CONFIGURABLE.contains(name) || DECIDED.contains(name) || name.startsWith("recovery_target");
    }

    enum Kind {
        /** A primary. */
        NONE,
        /** Follows another server for as long as it runs. */
        STANDBY,
        /** Recovers up to a target, or to the end of the archive, and ends recovery there. */
        TARGETED
    }

    /** @throws PostgresException for a name that is no parameter's */
    static RecoveryFiles of(int major, Kind kind, Map<String, String> settings) throws PostgresException {
        if (major >= NO_RECOVERY_CONF) {
            Optional<String> signal = switch (kind) {
                case NONE -> Optional.empty();
                case STANDBY -> Optional.of(STANDBY_SIGNAL);
                case TARGETED -> Optional.of(RECOVERY_SIGNAL);
            };
            return files(settings, signal.map(name -> Map.of(name, "")).orElse(Map.of()));
        }
        if (kind == Kind.NONE) {
            return files(Map.of(), Map.of());
        }
        Map<String, String> all = new TreeMap<>(settings);
        if (kind == Kind.STANDBY) {
            all.put("standby_mode", "on");
        }
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, String> setting : all.entrySet()) {
            if (!setting.getValue().isEmpty()) {
                text.append(setting.getKey())
                        .append(" = ")
                        .append(PostgresqlConf.quoted(setting.getKey(), setting.getValue()))
                        .append('\n');
            }
        }
        return files(Map.of(), Map.of(RECOVERY_CONF, text.toString()));
    }

    private static RecoveryFiles files(Map<String, String> parameters, Map<String, String> present) {
        Set<String> absent = new java.util.HashSet<>(ALL);
        absent.removeAll(present.keySet());
        return new RecoveryFiles(parameters, present, absent);
    }
}
