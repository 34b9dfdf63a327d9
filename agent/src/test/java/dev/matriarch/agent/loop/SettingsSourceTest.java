package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigFile;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Versioned;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsSourceTest {
    @TempDir
    Path dir;

    private SettingsSource source;

    private AgentConfig config(String tags) throws Exception {
        return ConfigFile.load(Files.writeString(dir.resolve("n1.yml"), """
                scope: demo
                name: n1
                restapi: {listen: '10.0.0.1:8008'}
                raft: {data_dir: /var/lib/demo/raft, self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222']}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: /var/lib/demo/data
                  authentication:
                    superuser: {username: postgres}
                    replication: {username: replicator}
                tags: %s
                """.formatted(tags)), Map.of());
    }

    @BeforeEach
    void begin() throws Exception {
        source = new SettingsSource(config("{}"), "{}");
    }

    private static Optional<ClusterView> storing(String json, long revision) {
        ClusterView v = ClusterView.empty();
        return Optional.of(new ClusterView(
                revision,
                v.initialize(),
                Optional.ofNullable(json).map(j -> new Versioned<>(j, revision)),
                v.leader(),
                v.members(),
                v.status(),
                v.failover(),
                v.history(),
                v.sync(),
                v.failsafe()));
    }

    @Test
    void aWipedConfigurationDoesNotEndAPause() {
        assertTrue(source.update(storing("{\"pause\": true}", 1)).settings().paused());
        assertTrue(source.update(storing(null, 2)).settings().paused());
        assertTrue(source.update(Optional.empty()).settings().paused());
        assertTrue(source.update(storing("  ", 3)).settings().paused());
        assertFalse(source.update(storing("{}", 4)).settings().paused());
    }

    @Test
    void aChangedLocalFileIsTakenUpWithItsTags() throws Exception {
        source.update(storing("{\"pause\": true}", 1));
        source.local(config("{failover_priority: 3, region: eu}"));
        assertEquals(
                Map.of("failover_priority", 3, "region", "eu"), source.local().tags());
        assertTrue(source.current().settings().paused(), "what the store says stays");
    }
}
