package dev.matriarch.chaos;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;

/** What stands in for Citus, which Debian does not have: a library by its name that does nothing, and SQL. */
final class CitusStandIn {
    private static final String SQL = "agent/src/test/resources/dev/matriarch/agent/sharding/citus-stand-in.sql";

    /** A statement for a group: sent there while the group is held, as the executor of Citus does. */
    private static final String RUN_ON = """
            CREATE EXTENSION dblink;
            CREATE FUNCTION run_on(its_group int, statement text) RETURNS text LANGUAGE plpgsql AS $$
            DECLARE
                node pg_dist_node;
            BEGIN
                PERFORM hold_group(its_group);
                SELECT * INTO STRICT node FROM pg_dist_node WHERE groupid = its_group AND noderole = 'primary';
                RETURN dblink_exec((SELECT authinfo FROM pg_dist_authinfo LIMIT 1) || format(
                    ' host=%s port=%s user=postgres dbname=DATABASE connect_timeout=3', node.nodename, node.nodeport),
                    statement);
            END $$;
            INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
                VALUES (99999, 'citus', 10, 'public'::regnamespace, false, '0');
            """;

    private CitusStandIn() {}

    /** @return a folder for {@code dynamic_library_path}; its {@code make} is for {@code post_bootstrap}, in place of the extension */
    static Path make(Path directory, String database) throws IOException {
        Path folder = Files.createDirectories(directory.resolve("stand-in"));
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path postgres = Path.of("/usr/lib/postgresql/15");
        Files.copy(
                postgres.resolve("lib/auto_explain.so"),
                folder.resolve("citus.so"),
                StandardCopyOption.REPLACE_EXISTING);
        Files.writeString(
                folder.resolve("make.sql"),
                Files.readString(Cluster.top().resolve(SQL)) + RUN_ON.replace("DATABASE", database));
        Path script = Files.writeString(
                folder.resolve("make"),
                "#!/bin/sh\nset -e\npsql=" + postgres + "/bin/psql\n"
                        + "$psql -X -v ON_ERROR_STOP=1 -c 'CREATE DATABASE " + database + "' \"$1\"\n"
                        + "$psql -X -v ON_ERROR_STOP=1 -f " + folder + "/make.sql \"${1%/postgres}/" + database
                        + "\"\n");
        for (Path file : new Path[] {folder.resolve("citus.so"), folder.resolve("make.sql"), script}) {
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        return folder;
    }
}
