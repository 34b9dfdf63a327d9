package dev.matriarch.agent.config;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where a member's server has its files, and what its programs are called. None of it can change while the agent runs.
 *
 * @param configDir directory of postgresql.conf and its companions; empty: the data directory
 * @param configBaseName of the configuration file, without {@code .conf}
 * @param database that the agent connects to
 * @param programs those that are called otherwise than usual: usual name to name
 */
public record ServerPlaces(
        Optional<Path> configDir, String configBaseName, String database, Map<String, String> programs) {

    public static final ServerPlaces STANDARD = new ServerPlaces(Optional.empty(), "postgresql", "postgres", Map.of());

    /** pg_ctl is used before PostgreSQL 12 only, and pg_isready never; who names them need not remove that. */
    private static final List<String> PROGRAMS =
            List.of("pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready", "pg_rewind");

    public ServerPlaces {
        programs = Map.copyOf(programs);
    }

    /** As the path of a URL. */
    public String databasePath() {
        return "/" + URLEncoder.encode(database, StandardCharsets.UTF_8).replace("+", "%20");
    }

    static ServerPlaces read(Section section) {
        Optional<Path> configDir = section.file("config_dir");
        String baseName = section.text("config_base_name", STANDARD.configBaseName());
        if (baseName.contains("/")) {
            section.problem("config_base_name", "is not the name of a file; name its directory with config_dir");
        }
        String database = section.text("database", STANDARD.database());
        Map<String, String> programs = new LinkedHashMap<>();
        Section names = section.sectionOrEmpty("bin_name");
        for (String program : PROGRAMS) {
            String name = names.text(program, program);
            if (!name.equals(program)) {
                programs.put(program, name);
            }
        }
        names.finish();
        return new ServerPlaces(configDir, baseName, database, programs);
    }
}
