package dev.matriarch.agent.doctor;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** Where a data directory's tablespaces are: PostgreSQL keeps a symbolic link to each, named by its number. */
final class Tablespaces {
    private Tablespaces() {}

    /** What to call it, and its directory, which may not be there. Empty if it cannot be said. May hang with the disk. */
    static Map<String, Path> of(Path dataDirectory) {
        Map<String, Path> found = new TreeMap<>();
        Path links = dataDirectory.resolve("pg_tblspc");
        try (DirectoryStream<Path> all = Files.newDirectoryStream(links, "[0-9]*")) {
            for (Path link : all) {
                Path target = Files.isSymbolicLink(link) ? links.resolve(Files.readSymbolicLink(link)) : link;
                found.put("tablespace " + link.getFileName(), target.normalize());
            }
        } catch (IOException | DirectoryIteratorException e) {
            // No data yet; what cannot be read there, the data directory's own findings tell.
            return Map.of();
        }
        return found;
    }
}
