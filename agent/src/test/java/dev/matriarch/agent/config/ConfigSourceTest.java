package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a reload takes up, and what not. */
class ConfigSourceTest {
    private static final String DOCUMENT = """
            scope: demo
            name: n1
            restapi: {listen: '10.0.0.1:8008'}
            raft: {data_dir: /r, self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222']}
            bootstrap: {dcs: {ttl: 30}}
            tags: {region: eu}
            log: {level: INFO, loggers: {org.x: DEBUG}}
            postgresql:
              listen: 10.0.0.1:5432
              data_dir: /d
              authentication:
                superuser: {username: postgres, password: old-secret}
                replication: {username: replicator, password: x}
              pg_hba: [local all all peer]
            """;

    @TempDir
    Path dir;

    private Path file;

    private ConfigSource source(String yaml) throws IOException, ConfigProblems {
        file = Files.writeString(dir.resolve("a.yml"), yaml);
        return new ConfigSource(Optional.of(file), Map.of("PATRONI_NAMESPACE", "/ns"));
    }

    @Test
    void whatCanChangeChanges() throws Exception {
        ConfigSource source = source(DOCUMENT);
        Files.writeString(
                file,
                DOCUMENT.replace("{region: eu}", "{region: us, nofailover: true}")
                                .replace("old-secret", "new-secret")
                                .replace("local all all peer", "local all all trust")
                                .replace("org.x: DEBUG", "org.x: ERROR")
                        + "  parameters: {work_mem: 8MB, a.b: c}\n  pre_promote: /bin/true\n");
        ConfigSource.Reload reload = source.reload();
        assertEquals(
                List.of(
                        "log.loggers.org.x",
                        "postgresql.authentication.superuser.password",
                        "postgresql.parameters.a.b",
                        "postgresql.parameters.work_mem",
                        "postgresql.pg_hba",
                        "postgresql.pre_promote",
                        "tags.nofailover",
                        "tags.region"),
                reload.taken());
        assertEquals(List.of(), reload.needRestart());
        AgentConfig config = source.current().config();
        assertEquals(Map.of("region", "us", "nofailover", true), config.tags());
        assertEquals(Optional.of("new-secret"), config.postgres().superuser().password());
        assertEquals(List.of("local all all trust"), config.postgres().pgHba());
        assertEquals("/ns", config.namespace(), "the environment is laid over it again");
        assertEquals(List.of(), source.reload().taken(), "nothing has changed since");
    }

    @Test
    void whatNeedsARestartKeepsItsOldValueAndIsNamed() throws Exception {
        ConfigSource source = source(DOCUMENT);
        Files.writeString(
                file,
                DOCUMENT.replace("name: n1", "name: n2")
                        .replace("data_dir: /d", "data_dir: /other\n  bin_dir: /bin")
                        .replace(
                                "partner_addrs: ['10.0.0.2:2222']",
                                "partner_addrs: ['10.0.0.3:2222'], min_timeout: 0.7")
                        .replace("'10.0.0.1:8008'", "'10.0.0.1:9008'")
                        .replace("region: eu", "region: us"));
        ConfigSource.Reload reload = source.reload();
        assertEquals(
                List.of("name", "postgresql.bin_dir", "postgresql.data_dir", "raft.min_timeout", "raft.partner_addrs"),
                reload.needRestart());
        assertEquals(List.of("restapi.listen", "tags.region"), reload.taken());
        AgentConfig config = source.current().config();
        assertEquals("n1", config.name());
        assertEquals(Path.of("/d"), config.postgres().dataDir());
        assertEquals(Optional.empty(), config.postgres().binDir());
        assertEquals(9008, config.rest().listen().port());
        assertEquals(8009, config.control().listen().port(), "the gRPC door stays where it is");
        assertEquals(8009, config.control().connectAddress().port());
        assertEquals(Map.of("region", "us"), config.tags());
        assertEquals(5, source.reload().needRestart().size(), "said again until it is restarted");
    }

    @Test
    void aPreviewSaysWhatAReloadWouldDoAndChangesNothing() throws Exception {
        ConfigSource source = source(DOCUMENT);
        assertEquals(new ConfigSource.Reload(List.of(), List.of(), List.of()), source.preview());
        Files.writeString(file, DOCUMENT.replace("name: n1", "name: n2").replace("region: eu", "region: us"));
        ConfigSource.Reload preview = source.preview();
        assertEquals(List.of("tags.region"), preview.taken());
        assertEquals(List.of("name"), preview.needRestart());
        assertEquals(Map.of("region", "eu"), source.current().config().tags());
        assertEquals(preview, source.preview());
        assertEquals(preview, source.reload());
        Files.writeString(file, DOCUMENT + "nonsense: 1\n");
        assertThrows(ConfigProblems.class, source::preview);
    }

    @Test
    void secretsInFilesAreNoticedThoseOfTheEnvironmentDoNotCount() throws Exception {
        assertTrue(source(DOCUMENT).current().filesHoldSecrets());
        String without = DOCUMENT.replace(", password: old-secret", "").replace(", password: x", "");
        assertEquals(false, source(without).current().filesHoldSecrets());
        file = Files.writeString(dir.resolve("a.yml"), without);
        Map<String, String> environment =
                Map.of("PATRONI_SUPERUSER_PASSWORD", "s", "PATRONI_REPLICATION_PASSWORD", "r");
        LocalConfig given = new ConfigSource(Optional.of(file), environment).current();
        assertEquals(Optional.of("s"), given.config().postgres().superuser().password());
        assertEquals(false, given.filesHoldSecrets());
    }

    @Test
    void parametersThatOnlyTheClusterSetsAreNamed() throws Exception {
        assertEquals(
                List.of("max_connections"),
                source(DOCUMENT + "  parameters: {max_connections: 7, work_mem: 8MB}\n")
                        .current()
                        .ignoredParameters());
    }

    @Test
    void aSectionThatGoesAwayIsTakenUpToo() throws Exception {
        ConfigSource source = source(DOCUMENT + "control: {listen: '10.0.0.1:7777'}\n");
        Files.writeString(file, DOCUMENT.replace("tags: {region: eu}\n", ""));
        ConfigSource.Reload reload = source.reload();
        assertEquals(List.of("tags.region"), reload.taken());
        assertEquals(List.of("control.listen"), reload.needRestart());
        assertEquals(7777, source.current().config().control().listen().port());
    }

    @Test
    void whatOnlyANewClusterReadsIsSaid() throws Exception {
        ConfigSource source = source(DOCUMENT);
        Files.writeString(file, DOCUMENT.replace("ttl: 30", "ttl: 40"));
        assertEquals(List.of("bootstrap.dcs.ttl"), source.reload().tooLate());
    }

    @Test
    void aFileWithAProblemChangesNothing() throws Exception {
        ConfigSource source = source(DOCUMENT);
        LocalConfig before = source.current();
        Files.writeString(file, DOCUMENT.replace("region: eu", "region: us") + "nonsense: 1\n");
        assertTrue(
                assertThrows(ConfigProblems.class, source::reload).getMessage().contains("nonsense"));
        Files.delete(file);
        assertThrows(ConfigProblems.class, source::reload);
        assertSame(before, source.current());
    }

    /** The readers ask for the same keys whatever is given: each is reloadable or not by its line in settings.txt. */
    @Test
    void everyKeyHasAnEffect() {
        Catalogue catalogue = Catalogue.read();
        Set<String> without = new TreeSet<>();
        ObjectNode every = Declared.every();
        ConfigFile.examine(new Sources("x", every)).declared().forEach(s -> {
            if (catalogue.of(s.key()).isEmpty()) {
                without.add(s.key());
            }
        });
        assertEquals(Set.of(), without);
        assertEquals(
                Catalogue.Effect.RELOAD,
                catalogue.of("log.loggers.org.x").orElseThrow().effect());
        assertEquals(
                "bootstrap.users.ROLE.password",
                catalogue.of("bootstrap.users.app.password").orElseThrow().key());
    }

    @Test
    void theDoorsSettingsAreJudged() throws Exception {
        Path cert = Files.writeString(dir.resolve("cert.pem"), "x");
        String good = "http_extra_headers: {X-Frame: deny}, server_tokens: Minimal, allowlist: [10.0.0.0/8, n2],"
                + " request_queue_size: 5, certfile: " + cert + ", cafile: " + cert + ", verify_client: Required";
        AgentConfig config = source(DOCUMENT.replace("'10.0.0.1:8008'", "'10.0.0.1:8008', " + good))
                .current()
                .config();
        assertEquals("https://10.0.0.1:8008", config.rest().url());
        assertEquals(RestConfig.VerifyClient.REQUIRED, config.rest().tls().get().verifyClient());
        assertEquals(List.of("10.0.0.0/8", "n2"), config.rest().guests().allowlist());
        assertEquals(Map.of("X-Frame", "deny"), config.rest().answers().headers());
        for (String bad : List.of(
                "allowlist: [10.0.0.0/33]",
                "allowlist: [10.0.0/x]",
                "http_extra_headers: {'X Y': a}",
                "http_extra_headers: {X: \"a\\r\\nSet-Cookie: b\"}",
                "https_extra_headers: [a]",
                "server_tokens: all",
                "verify_client: perhaps",
                "verify_client: required",
                "certfile: /no/such/file",
                "keyfile: " + cert,
                "certfile: " + cert + ", verify_client: optional",
                "request_queue_size: 4097")) {
            assertThrows(
                    ConfigProblems.class,
                    () -> source(DOCUMENT.replace("'10.0.0.1:8008'", "'10.0.0.1:8008', " + bad)),
                    bad);
        }
    }
}
