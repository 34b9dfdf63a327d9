package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the shipped launcher does with a configuration that cannot work. */
class BadConfigurationIT {
    private static final Duration BOUND = Duration.ofSeconds(30);

    @TempDir
    Path directory;

    @Test
    void everyProblemIsNamedInOneRunAndNothingIsStarted() throws IOException {
        Path data = directory.resolve("data");
        Path config = directory.resolve("matriarch.yml");
        Files.writeString(config, """
                scope: demo
                name: n1
                state_dir: %1$s/state
                restapi:
                  listn: 127.0.0.1:8908
                  connect_address: 127.0.0.1:8908
                control:
                  listen: 127.0.0.1:8909
                  connect_address: 127.0.0.1:8909
                raft:
                  data_dir: %1$s/raft
                  self_addr: 127.0.0.1:none
                  partner_addrs: []
                postgresql:
                  listen: 127.0.0.1:5940
                  connect_address: 127.0.0.1:5940
                  data_dir: %2$s
                  use_pg_rewind: perhaps
                  authentication:
                    superuser: {username: postgres, password: hidden-word}
                    replication: {username: replicator, password: hidden-word}
                """.formatted(directory, data));
        Commands.Result result = matriarch(config.toString());
        assertEquals(2, result.exitCode(), result.output());
        for (String expected : new String[] {"listn", "listen", "self_addr", "use_pg_rewind", config.toString()}) {
            assertTrue(result.output().contains(expected), "names " + expected + ":\n" + result.output());
        }
        assertFalse(result.output().contains("hidden-word"), "shows no password");
        assertFalse(Files.exists(data), "created nothing");
    }

    @Test
    void missingFileIsASentence() {
        Path missing = directory.resolve("nowhere.yml");
        Commands.Result result = matriarch(missing.toString());
        assertEquals(2, result.exitCode(), result.output());
        assertTrue(result.output().contains(missing.toString()), result.output());
        assertFalse(result.output().contains("\tat "), "no stack trace:\n" + result.output());
    }

    private static Commands.Result matriarch(String... arguments) {
        Path program = Cluster.top().resolve("packaging/target/matriarch/bin/matriarch");
        String[] command = new String[arguments.length + 1];
        command[0] = program.toString();
        System.arraycopy(arguments, 0, command, 1, arguments.length);
        return Commands.run(BOUND, command);
    }
}
