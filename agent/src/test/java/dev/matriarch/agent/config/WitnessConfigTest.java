package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WitnessConfigTest {
    private static final String GOOD = """
            scope: demo
            name: w
            raft:
              data_dir: /var/lib/matriarch/witness
              self_addr: 10.0.0.3:7000
              partner_addrs: [10.0.0.1:7000, 10.0.0.2:7000]
            """;

    @TempDir
    Path dir;

    private WitnessConfig load(String text) throws Exception {
        Path file = dir.resolve("witness.yml");
        Files.writeString(file, text);
        return WitnessConfig.load(file, Map.of());
    }

    @Test
    void aWitnessTakesFourSectionsAndRefusesTheRest() throws Exception {
        WitnessConfig config = load(GOOD);
        assertEquals("demo", config.storeName());
        assertEquals("w", config.name());
        assertEquals(2, config.raft().partners().size());
        ConfigProblems problems =
                assertThrows(ConfigProblems.class, () -> load(GOOD + "postgresql:\n  data_dir: /data\nbogus: 1\n"));
        assertTrue(problems.getMessage().contains("has no meaning for a witness"), problems.getMessage());
        assertTrue(problems.getMessage().contains("bogus"), problems.getMessage());
        assertTrue(assertThrows(ConfigProblems.class, () -> load("scope: demo\n"))
                .getMessage()
                .contains("raft"));
    }

    @Test
    void aWitnessCanKeepCopiesOfTheStore() throws Exception {
        assertTrue(load(GOOD).raft().backup().isEmpty());
        String backup = "  backup:\n    directory: /var/backups/demo\n";
        RaftConfig.Backup kept = load(GOOD + backup).raft().backup().orElseThrow();
        assertEquals(new RaftConfig.Backup(Path.of("/var/backups/demo"), Duration.ofDays(1), 7), kept);
        for (String wrong : new String[] {"interval: 1", "keep: 0", "every: 5"}) {
            assertTrue(assertThrows(ConfigProblems.class, () -> load(GOOD + backup + "    " + wrong + "\n"))
                    .getMessage()
                    .contains("raft.backup." + wrong.split(":")[0]));
        }
        assertTrue(assertThrows(ConfigProblems.class, () -> load(GOOD + "  backup:\n    keep: 3\n"))
                .getMessage()
                .contains("raft.backup.directory"));
    }
}
