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

    private final ConfigPlaces places;
    /** What was asked for last. */
    private final Map<String, List<String>> asked = new HashMap<>();
    /** What a file held before it was written; until a server has seen it. */
    private final Map<String, Optional<String>> before = new HashMap<>();
    /** Lines that a server would not have. */
    private final Map<String, List<String>> rejected = new HashMap<>();

    AccessFiles(ConfigPlaces places) {
        this.places = places;
    }

    /** @param hba, ident none: the file is left as it is */
    void write(List<String> hba, List<String> ident) throws IOException {
        write(HBA, hba);
        write(IDENT, ident);
    }

    private void write(String name, List<String> lines) throws IOException {
        asked.put(name, List.copyOf(lines));
        if (lines.isEmpty() || lines.equals(rejected.get(name))) {
            return;
        }
        Path file = places.directory().resolve(name);
        String text = String.join("\n", lines) + "\n";
        Optional<String> now = Files.exists(file) ? Optional.of(Files.readString(file)) : Optional.empty();
        if (now.equals(Optional.of(text))) {
            return;
        }
        before.putIfAbsent(name, now);
        DurableFile.writeFor(places.data(), file, text);
    }

    /** Something was written that no server has seen. */
    boolean isNew() {
        return !before.isEmpty();
    }

    /** Takes back what the server would reject, and says so. */
    void tryOut(Connection server) throws SQLException, IOException {
        int version = server.getMetaData().getDatabaseMajorVersion();
        if (before.containsKey(HBA) && version >= 10) {
            tryOut(server, HBA);
        }
        if (before.containsKey(IDENT) && version >= 15) {
            tryOut(server, IDENT);
        }
        before.clear();
    }

    /**
     * A server did not start with what was written: pg_hba.conf, which alone can be the cause, is put back.
     *
     * @return false if it was not written, or there was none before
     */
    boolean takeBackHba() throws IOException {
        Optional<String> old = before.getOrDefault(HBA, Optional.empty());
        if (old.isEmpty()) {
            return false;
        }
        rejected.put(HBA, asked.get(HBA));
        DurableFile.writeFor(places.data(), places.hba(), old.get());
        before.remove(HBA);
        return true;
    }

    /** A server that had the chance to reject it runs. */
    void acceptHba() {
        before.remove(HBA);
    }

    /** What was put back was not the cause. */
    void doubtHbaNoLonger() {
        rejected.remove(HBA);
    }

    /** No server can be asked. */
    void trust() {
        before.clear();
    }

    private void tryOut(Connection server, String name) throws SQLException, IOException {
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
        rejected.put(name, asked.get(name));
        DurableFile.writeFor(places.data(), places.directory().resolve(name), old.get());
        log.error(
                "PostgreSQL rejects the configured lines of {} ({}); the old file stays in force: correct postgresql.{}"
                        + " and reload",
                name,
                String.join("; ", errors),
                name.substring(0, name.indexOf('.')));
    }
}
