package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigFile;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.MovedAway;
import dev.matriarch.dcs.Versioned;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsSourceTest {
    @TempDir
    Path dir;

    private SettingsSource source;

    private AgentConfig config(String tags) throws Exception {
        return config(tags, "");
    }

    private AgentConfig config(String tags, String ofPostgres) throws Exception {
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
                %stags: %s
                """.formatted(ofPostgres, tags)), Map.of());
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

    /** The member goes by what it saw where its cluster was: in the middle of a move that is a pause, else it is none. */
    @Test
    void whatStandsInAStoreThatWasLeftIsNotTakenUp() {
        ClusterView v = storing("{\"pause\": true}", 5).orElseThrow();
        ClusterView left = new ClusterView(
                v.revision(),
                Optional.of(new Versioned<>(new MovedAway("etcd3", true).text(), 5)),
                v.config(),
                v.leader(),
                v.members(),
                v.status(),
                v.failover(),
                v.history(),
                v.sync(),
                v.failsafe());
        assertFalse(source.update(Optional.of(left)).settings().paused());
        assertTrue(source.update(storing("{\"pause\": true}", 6)).settings().paused());
        assertTrue(source.update(Optional.of(left)).settings().paused());
    }

    @Test
    void aChangedLocalFileIsTakenUpWithItsTags() throws Exception {
        source.update(storing("{\"pause\": true}", 1));
        source.local(config("{failover_priority: 3, region: eu}"));
        assertEquals(
                Map.of("failover_priority", 3, "region", "eu"), source.local().tags());
        assertTrue(source.current().settings().paused(), "what the store says stays");
    }

    @Test
    void aConfigurationThatIsNoObjectEndsNeitherAPauseNorSynchronousReplication() {
        source.update(storing("{\"pause\": true, \"synchronous_mode\": \"quorum\"}", 1));
        for (String junk : List.of("{broken", "[]", "7", "null")) {
            SettingsSource.InForce now =
                    source.update(storing(junk, source.current().revision() + 1));
            assertTrue(now.settings().paused(), junk);
            assertFalse(now.settings().synchronous().isOff(), junk);
        }
        assertFalse(source.update(storing("{}", 99)).settings().paused(), "the next good one counts");
    }

    @Test
    void whatTheClusterSaysOfServersHoldsWhereTheMemberIsSilent() throws Exception {
        List<PostgresConfig> told = new ArrayList<>();
        source.tell(told::add);
        source.update(storing("""
                {"postgresql": {"pg_ctl_timeout": 7, "use_unix_socket": true, "use_pg_rewind": true,
                  "remove_data_directory_on_rewind_failure": true, "rewind": ["debug"],
                  "callbacks": {"on_start": "/all/start", "on_stop": "/all/stop"}, "pre_promote": "/all/fence"}}""", 1));
        PostgresConfig now = source.postgres();
        assertEquals(List.of(now), told);
        assertEquals(Duration.ofSeconds(7), now.startStopTimeout());
        assertTrue(now.useUnixSocket() && now.usePgRewind() && now.removeOnRewindFailure());
        assertTrue(source.current().settings().usePgRewind());
        assertEquals(List.of("--debug"), now.rewindOptions());
        assertEquals(List.of("/all/fence"), now.scripts().prePromote());

        source.local(config("{}", """
                  pg_ctl_timeout: 9
                  use_pg_rewind: false
                  callbacks: {on_start: /mine}
                  pre_promote: ''
                """));
        now = source.postgres();
        assertEquals(2, told.size());
        assertEquals(Duration.ofSeconds(9), now.startStopTimeout());
        assertFalse(now.usePgRewind() || source.current().settings().usePgRewind());
        assertTrue(now.useUnixSocket());
        assertEquals(Map.of("on_start", List.of("/mine")), now.scripts().callbacks());

        source.update(storing("{}", 2));
        assertFalse(source.postgres().useUnixSocket());
        assertEquals(3, told.size());
    }

    @Test
    void junkDeletesNoDataDirectory() {
        source.update(storing("""
                {"postgresql": {"keep_discarded_data_directory": "ture",
                 "remove_data_directory_on_rewind_failure": "yse"}}""", 1));
        assertTrue(source.postgres().keepDiscarded());
        assertFalse(source.postgres().removeOnRewindFailure());
    }

    @Test
    void whatIsNotUsedAsItStandsIsSaid() {
        SettingsSource.InForce now = source.update(storing("""
                {"ttl": 1, "postgresql": {"pg_ctl_timeout": "soon",
                 "parameters": {"max_connections": 5, "recovery_target_time": "2026-01-01", "port": 7}}}""", 1));
        String all = String.join("\n", now.warnings());
        for (String word : List.of("ttl 1 s", "pg_ctl_timeout", "max_connections", "recovery_target_time", "port")) {
            assertTrue(all.contains(word), all);
        }
    }

    @Test
    void aTtlThatTheStoreGrantsNoMoreIsLoweredAsSoonAsThatIsKnown() throws Exception {
        AgentConfig onZooKeeper = ConfigFile.load(Files.writeString(dir.resolve("zk.yml"), """
                scope: demo
                name: n1
                restapi: {listen: '10.0.0.1:8008'}
                zookeeper: {hosts: '10.0.0.1:2181'}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: /var/lib/demo/data
                  authentication:
                    superuser: {username: postgres, password: a}
                    replication: {username: replicator, password: b}
                bootstrap: {dcs: {ttl: 30, loop_wait: 10, retry_timeout: 10}}
                """), Map.of());
        AtomicReference<Optional<Duration>> granted = new AtomicReference<>(Optional.empty());
        SettingsSource on = new SettingsSource(onZooKeeper, "{\"ttl\":60}");
        on.within(granted::get);
        assertEquals(
                Duration.ofSeconds(60), on.update(Optional.empty()).settings().ttl());
        granted.set(Optional.of(Duration.ofSeconds(40)));
        SettingsSource.InForce lowered = on.update(Optional.empty());
        assertEquals(Duration.ofSeconds(40), lowered.settings().ttl());
        assertTrue(lowered.warnings().stream().anyMatch(w -> w.contains("maxSessionTimeout")));
        granted.set(Optional.empty());
        assertEquals(
                Duration.ofSeconds(60), on.update(Optional.empty()).settings().ttl());
    }
}
