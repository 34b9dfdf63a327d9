package dev.matriarch.agent.config;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What the server's files are made of beyond its parameters: lines on who may connect, settings of recovery, and what holds
 * in one role only. Given for the cluster, for one member, or put together.
 *
 * @param maps what was given, by its key: {@code recovery_conf}, {@code parameters_replica}; names in lower case
 * @param lines what was given, by its key: {@code pg_hba}, {@code pg_ident_primary}
 * @param customConf included in place of the file that was there first; relative to the configuration's directory
 */
public record ServerFiles(
        Map<String, Map<String, String>> maps, Map<String, List<String>> lines, Optional<String> customConf) {

    public static final ServerFiles NONE = new ServerFiles(Map.of(), Map.of(), Optional.empty());

    static final String RECOVERY_CONF = "recovery_conf";
    static final String CUSTOM_CONF = "custom_conf";
    static final String HBA = "pg_hba";
    static final String IDENT = "pg_ident";

    /** What follows another server belongs to the agent; a server that a file can promote has two masters. */
    private static final Set<String> NOT_OF_RECOVERY =
            Set.of("primary_conninfo", "primary_slot_name", "standby_mode", "trigger_file", "promote_trigger_file");

    /** What the server is to be, as keys name it. */
    public enum Role {
        PRIMARY,
        REPLICA,
        STANDBY_LEADER;

        String key(String of) {
            return of + "_" + name().toLowerCase(Locale.ROOT);
        }
    }

    public ServerFiles {
        // Sorted, so that what is equal also reads alike.
        Map<String, Map<String, String>> sorted = new TreeMap<>();
        maps.forEach((key, map) -> sorted.put(key, Collections.unmodifiableMap(new TreeMap<>(map))));
        maps = Collections.unmodifiableMap(sorted);
        lines = Collections.unmodifiableMap(new TreeMap<>(lines));
    }

    /** Those of one member's own file. */
    public static ServerFiles of(PostgresConfig local) {
        Map<String, List<String>> lines = new LinkedHashMap<>(local.files().lines());
        lines.keySet().removeAll(List.of(HBA, IDENT));
        if (!local.pgHba().isEmpty()) {
            lines.put(HBA, local.pgHba());
        }
        if (!local.pgIdent().isEmpty()) {
            lines.put(IDENT, local.pgIdent());
        }
        return new ServerFiles(local.files().maps(), lines, local.files().customConf());
    }

    /** The cluster's, under those of a member: what both give is the member's. */
    public ServerFiles under(ServerFiles member) {
        Map<String, Map<String, String>> allMaps = new LinkedHashMap<>(maps);
        allMaps.putAll(member.maps);
        Map<String, List<String>> allLines = new LinkedHashMap<>(lines);
        allLines.putAll(member.lines);
        return new ServerFiles(allMaps, allLines, member.customConf.or(() -> customConf));
    }

    /** Some of it holds in one role only. */
    public boolean dependsOnRole() {
        for (Role role : Role.values()) {
            if (maps.containsKey(role.key("parameters"))
                    || lines.containsKey(role.key(HBA))
                    || lines.containsKey(role.key(IDENT))) {
                return true;
            }
        }
        return false;
    }

    /** Over the parameters of every role. */
    public Map<String, String> parameters(Role role) {
        return maps.getOrDefault(role.key("parameters"), Map.of());
    }

    /** Empty: the file is left as it is. */
    public List<String> hba(Role role) {
        return lines.getOrDefault(role.key(HBA), lines.getOrDefault(HBA, List.of()));
    }

    /** Empty: the file is left as it is. */
    public List<String> ident(Role role) {
        return lines.getOrDefault(role.key(IDENT), lines.getOrDefault(IDENT, List.of()));
    }

    /** Settings of recovery but for those that the agent sets. */
    public Map<String, String> recovery() {
        return maps.getOrDefault(RECOVERY_CONF, Map.of());
    }

    /**
     * Reads it strictly: what is wrong is a problem of the section, what is ignored is a warning.
     *
     * @param warnings one sentence each
     */
    static ServerFiles read(Section section, List<String> warnings) {
        Map<String, Map<String, String>> maps = new LinkedHashMap<>();
        Map<String, List<String>> lines = new LinkedHashMap<>();
        List<String> lineKeys = new ArrayList<>(List.of(HBA, IDENT));
        for (Role role : Role.values()) {
            lineKeys.add(role.key(HBA));
            lineKeys.add(role.key(IDENT));
            Map<String, String> parameters = ofOneRole(section, role.key("parameters"), warnings);
            if (!parameters.isEmpty()) {
                maps.put(role.key("parameters"), parameters);
            }
        }
        for (String key : lineKeys) {
            List<String> given = section.texts(key);
            if (!given.isEmpty()) {
                lines.put(key, List.copyOf(given));
            }
        }
        Map<String, String> recovery = recovery(section, warnings);
        if (!recovery.isEmpty()) {
            maps.put(RECOVERY_CONF, recovery);
        }
        return new ServerFiles(maps, lines, section.text(CUSTOM_CONF));
    }

    private static Map<String, String> ofOneRole(Section section, String key, List<String> warnings) {
        Map<String, String> kept = new LinkedHashMap<>();
        section.parameters(key).forEach((name, value) -> {
            if (Parameters.isControlled(name) || name.equals("synchronous_standby_names")) {
                warnings.add(section.key(key) + "." + name
                        + " is ignored: it cannot depend on the role, so it is set under postgresql.parameters of the"
                        + " whole cluster or by the agent");
            } else {
                kept.put(name, value);
            }
        });
        return Map.copyOf(kept);
    }

    private static Map<String, String> recovery(Section section, List<String> warnings) {
        Map<String, String> kept = new LinkedHashMap<>();
        section.parameters(RECOVERY_CONF).forEach((name, value) -> {
            if (NOT_OF_RECOVERY.contains(name) || name.startsWith("recovery_target")) {
                warnings.add(section.key(RECOVERY_CONF) + "." + name
                        + " is ignored: whom a member follows, how far and how it is promoted is the agent's business");
            } else {
                kept.put(name, value);
            }
        });
        return Map.copyOf(kept);
    }
}
