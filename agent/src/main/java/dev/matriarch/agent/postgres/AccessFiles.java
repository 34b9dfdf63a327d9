package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * pg_hba.conf and pg_ident.conf. A running server is asked what it thinks of new lines before it is told to read them: a
 * file that it rejects would be ignored now, and keep it from starting later. One thread at a time.
 */
final class AccessFiles {
    private static final Logger log = LoggerFactory.getLogger(AccessFiles.class);
    private static final String HBA = "pg_hba.conf";
    private static final String IDENT = "pg_ident.conf";

    /**
     * The views that tell what is wrong with a file, to be asked before a reload: PostgreSQL 10, and 15. A line that has
     * an error and its fields is one that matches nothing, such as hostssl without SSL: it is taken.
     */
    private static final Map<String, String> ERRORS = Map.of(
            HBA,
                    "SELECT line_number, error FROM pg_catalog.pg_hba_file_rules WHERE error IS NOT NULL AND type IS NULL ORDER BY 1",
            IDENT,
                    "SELECT line_number, error FROM pg_catalog.pg_ident_file_mappings WHERE error IS NOT NULL AND map_name IS NULL ORDER BY 1");

    private final Path directory;
    /** What a file held before it was written; until a server has seen it. */
    private final Map<String, Optional<String>> before = new HashMap<>();
    /** Lines that a server would not have. */
    private final Map<String, List<String>> rejected = new HashMap<>();

    AccessFiles(Path dataDir) {
        directory = dataDir;
    }

    /** @param hba, ident none: the file is left as it is */
    void write(List<String> hba, List<String> ident) throws IOException {
        write(HBA, hba);
        write(IDENT, ident);
    }

    private void write(String name, List<String> lines) throws IOException {
        if (lines.isEmpty() || lines.equals(rejected.get(name))) {
            return;
        }
        Path file = directory.resolve(name);
        String text = String.join("\n", lines) + "\n";
        Optional<String> now = Files.exists(file) ? Optional.of(Files.readString(file)) : Optional.empty();
        if (now.equals(Optional.of(text))) {
            return;
        }
        before.putIfAbsent(name, now);
        DurableFile.writeFor(directory, file, text);
    }

    /** Something was written that no server has seen. */
    boolean isNew() {
        return !before.isEmpty();
    }

    /**
     * Takes back what the server would reject, and says so.
     *
     * @param hba, ident the lines that were written
     */
    void tryOut(Connection server, List<String> hba, List<String> ident) throws SQLException, IOException {
        int version = server.getMetaData().getDatabaseMajorVersion();
        if (before.containsKey(HBA) && version >= 10) {
            tryOut(server, HBA, hba);
        }
        if (before.containsKey(IDENT) && version >= 15) {
            tryOut(server, IDENT, ident);
        }
        before.clear();
    }

    /** No server can be asked. */
    void trust() {
        before.clear();
    }

    private void tryOut(Connection server, String name, List<String> lines) throws SQLException, IOException {
        List<String> errors = new ArrayList<>();
        try (Statement statement = server.createStatement();
                ResultSet rows = statement.executeQuery(ERRORS.get(name))) {
            while (rows.next()) {
                errors.add("line " + rows.getInt(1) + ": " + rows.getString(2));
            }
        }
        Optional<String> old = before.get(name);
        if (errors.isEmpty() || old.isEmpty()) {
            rejected.remove(name);
            return;
        }
        rejected.put(name, List.copyOf(lines));
        DurableFile.writeFor(directory, directory.resolve(name), old.get());
        log.error(
                "PostgreSQL rejects the configured lines of {} ({}); the old file stays in force: correct postgresql.{}"
                        + " and reload",
                name,
                String.join("; ", errors),
                name.substring(0, name.indexOf('.')));
    }
}
