package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What of a data directory lies elsewhere and hangs on symbolic links: its WAL, and tablespaces. A new copy would find
 * those places taken.
 *
 * @param links inside the data directory
 */
record OutsideParts(Path dataDirectory, List<Path> links) {
    private static final Logger log = LoggerFactory.getLogger(OutsideParts.class);
    private static final List<String> WAL = List.of("pg_wal", "pg_xlog");

    /** The links of a directory, whatever state it is in. */
    static OutsideParts of(Path dataDirectory) throws IOException {
        List<Path> links = new ArrayList<>();
        for (String name : WAL) {
            add(dataDirectory.resolve(name), links);
        }
        Path tablespaces = dataDirectory.resolve("pg_tblspc");
        if (Files.isDirectory(tablespaces)) {
            try (Stream<Path> entries = Files.list(tablespaces)) {
                for (Path entry : entries.sorted().toList()) {
                    add(entry, links);
                }
            }
        }
        return new OutsideParts(dataDirectory, List.copyOf(links));
    }

    private static void add(Path link, List<Path> links) {
        // A link to a place inside goes with the rest; one that leads nowhere needs nothing.
        if (Files.isSymbolicLink(link) && Files.isDirectory(link)) {
            links.add(link);
        }
    }

    private boolean isWal(Path link) {
        return WAL.contains(link.getFileName().toString());
    }

    /**
     * Empties the places. Of a tablespace only PostgreSQL's own directories go: others may have been put beside them.
     */
    void delete() throws IOException {
        for (Path link : links) {
            Path target = link.toRealPath();
            if (target.startsWith(dataDirectory.toRealPath())) {
                continue;
            }
            log.warn("Removing what {} leads to as well: {}", link, target);
            if (isWal(link)) {
                DataDirectory.deleteTree(target, true);
                continue;
            }
            try (Stream<Path> entries = Files.list(target)) {
                for (Path entry : entries.toList()) {
                    if (entry.getFileName().toString().matches("PG_\\d+(\\.\\d+)?_\\d+")) {
                        DataDirectory.deleteTree(entry, false);
                    }
                }
            }
        }
    }

    /**
     * Renames the places like the data directory, which stays a whole one: its links lead to the new names.
     *
     * @param suffix such as {@code failed}
     */
    void setAside(String suffix) throws IOException {
        for (Path link : links) {
            Path target = link.toRealPath();
            if (target.startsWith(dataDirectory.toRealPath())) {
                continue;
            }
            Path aside = target.resolveSibling(target.getFileName() + "." + suffix);
            for (int n = 2; Files.exists(aside, LinkOption.NOFOLLOW_LINKS); n++) {
                aside = target.resolveSibling(target.getFileName() + "." + suffix + "-" + n);
            }
            log.warn("Moving what {} leads to aside as well: {} to {}", link, target, aside);
            Files.move(target, aside);
            Path fresh = link.resolveSibling(link.getFileName() + ".new");
            Files.deleteIfExists(fresh);
            Files.createSymbolicLink(fresh, aside);
            Files.move(fresh, link, java.nio.file.StandardCopyOption.ATOMIC_MOVE);
        }
    }
}
