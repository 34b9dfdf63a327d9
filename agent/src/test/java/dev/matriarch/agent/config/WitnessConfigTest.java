package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
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

    private WitnessConfig listener(String text) throws Exception {
        Path file = dir.resolve("listener.yml");
        Files.writeString(file, text);
        return WitnessConfig.loadListener(file, Map.of());
    }

    private void refused(String text, String... parts) {
        String problems =
                assertThrows(ConfigProblems.class, () -> listener(text)).getMessage();
        for (String part : parts) {
            assertTrue(problems.contains(part), problems);
        }
    }

    @Test
    void aListenerHasADoorBesidesAndNoOrders() throws Exception {
        String door = "restapi:\n  listen: 10.0.0.3:8008\n";
        WitnessConfig config = listener(GOOD + door);
        assertEquals(8008, config.rest().orElseThrow().listen().port());
        assertEquals("10.0.0.3", NodeConfig.of(config).hosts().getFirst());
        refused(GOOD, "restapi.listen", "is missing");
        refused(GOOD + "restapi:\n  listen: 10.0.0.3:x\n", "restapi.listen");
        refused(GOOD + door + "postgresql:\n  data_dir: /data\n", "has no meaning for a listener");
        refused(
                GOOD + door + "  authentication: {username: a, password: b}\n  ui: true\n",
                "restapi.authentication",
                "takes no orders",
                "restapi.ui");
        // Files of Patroni have it; its standard is what holds anyway.
        assertEquals(config, listener(GOOD + door + "  thread_pool_size: 5\nthread_pool_size: 5\n"));
        refused(
                GOOD + door + "  thread_pool_size: 9\n",
                "restapi.thread_pool_size",
                "threads are made as they are needed");
        refused(GOOD.replace("partner_addrs: [10.0.0.1:7000, 10.0.0.2:7000]", "") + door, "a listener forms no store");
        assertTrue(assertThrows(ConfigProblems.class, () -> load(GOOD + door))
                .getMessage()
                .contains("has no meaning for a witness"));
        Path file = dir.resolve("node.yml");
        Files.writeString(file, GOOD + "restapi:\n  listen: 0.0.0.0:8008\n  connect_address: 10.0.0.9:8008\n");
        assertEquals(
                List.of("10.0.0.3", "10.0.0.9"), NodeConfig.load(file, Map.of()).hosts());
    }
}
