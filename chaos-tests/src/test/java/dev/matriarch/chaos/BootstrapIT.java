package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** How a cluster comes to be, and its replicas. Each test has a cluster of its own. */
class BootstrapIT {
    private static final int PORT_OFFSET = 1060;
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(30);

    private Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @AfterEach
    void stop() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @Test
    void aCopyShowsItsProgressEndsWhenCancelledAndIsMadeByTheNextMethodThatWorks() {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 3, PORT_OFFSET);
        Node leader = cluster.awaitWhole(WHOLE);
        Node replica = cluster.othersThan(leader).getFirst();
        edit(replica, "\npostgresql:\n", "\npostgresql:\n  basebackup: [{max-rate: 1M}]\n");
        cluster.ctl("reload", "demo", replica.name(), "--force").expectSuccess();
        cluster.ctl("reinit", replica.name(), "--force").expectSuccess();
        Await.until("the list shows how far the copy is", SOON, () -> {
            String list = cluster.ctl("list").output();
            return list.contains("MB of") && list.contains("%");
        });
        String rest = Http.get(leader.rest() + "/cluster", Duration.ofSeconds(2))
                .orElseThrow()
                .body();
        assertTrue(rest.contains("\"clone_progress\""), rest);
        cluster.ctl("reinit", replica.name(), "--cancel").expectSuccess();
        Await.until("the copy ends", SOON, () -> copying(replica).isEmpty());
        assertNotEquals(0, cluster.ctl("reinit", replica.name(), "--cancel").exitCode());

        // The next one: by a method that fails, then by one that was told what it needs.
        Path seen = cluster.directory().resolve("seen");
        Path fails = script("fails", "exit 3\n");
        Path works = script(
                "works",
                "printf '%s\\n' \"$@\" >" + seen + "\nfor a; do case $a in --datadir=*) d=${a#*=} ;; --connstring=*)"
                        + " c=${a#*=} ;; esac; done\nexec " + binDir() + "/pg_basebackup -D \"$d\" -X stream"
                        + " --checkpoint=fast --no-password --dbname=\"$c\"\n");
        edit(
                replica,
                "  basebackup: [{max-rate: 1M}]\n",
                "  create_replica_methods: [fails, works, basebackup]\n  fails: {command: " + fails
                        + "}\n  works: {command: " + works + ", speed: high}\n");
        cluster.ctl("reload", "demo", replica.name(), "--force").expectSuccess();
        cluster.ctl("reinit", replica.name(), "--force");
        Await.until("the method is called", WHOLE, () -> Files.exists(seen));
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        List<String> arguments = lines(seen);
        assertEquals(
                List.of("--scope=demo", "--role=replica", "--datadir=" + replica.dataDirectory()),
                arguments.subList(0, 3));
        assertEquals("--speed=high", arguments.get(4));
        assertLogged(replica, "Error creating replica using method fails");
        assertLogged(replica, "replica has been created using works");
    }

    private static List<Processes.Found> copying(Node node) {
        return Processes.mentioning(node.dataDirectory().toString()).stream()
                .filter(p -> p.arguments().getFirst().endsWith("pg_basebackup"))
                .toList();
    }

    // --- small parts ---

    /** Keeps owner and mode of the file. */
    private static void edit(Node node, String before, String after) {
        try {
            String text = Files.readString(node.config());
            assertTrue(text.contains(before), text);
            Files.writeString(node.config(), text.replaceFirst(Pattern.quote(before), Matcher.quoteReplacement(after)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A script that the servers' user can run. */
    private Path script(String name, String text) {
        Path file = cluster.directory().resolve(name + ".sh");
        try {
            Files.writeString(file, "#!/bin/bash\n" + text);
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
            // They write what they saw beside themselves.
            Files.setPosixFilePermissions(cluster.directory(), PosixFilePermissions.fromString("rwxrwxrwx"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file;
    }

    private String binDir() {
        return lines(cluster.nodes().getFirst().config()).stream()
                .filter(l -> l.strip().startsWith("bin_dir:"))
                .map(l -> l.replaceFirst(".*bin_dir: *", ""))
                .findFirst()
                .orElseThrow();
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void assertLogged(Node node, String text) {
        String log = String.join("\n", lines(node.home().resolve("agent.log")));
        assertTrue(log.contains(text), "the log of " + node + " does not say: " + text);
    }
}
