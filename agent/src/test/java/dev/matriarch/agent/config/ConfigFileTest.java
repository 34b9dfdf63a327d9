package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigFileTest {
    private static final String MINIMAL = """
            scope: demo
            name: n1
            restapi: {listen: '10.0.0.1:8008'}
            raft: {data_dir: /var/lib/demo/raft, self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222', '10.0.0.3:2222']}
            postgresql:
              listen: 10.0.0.1:5432
              data_dir: /var/lib/demo/data
              authentication:
                superuser: {username: postgres, password: top-secret-1}
                replication: {username: replicator, password: top-secret-2}
            """;

    @TempDir
    Path dir;

    private AgentConfig load(String yaml, Map<String, String> environment) throws IOException, ConfigProblems {
        return ConfigFile.load(Files.writeString(dir.resolve("n1.yml"), yaml), environment);
    }

    private AgentConfig load(String yaml) throws IOException, ConfigProblems {
        return load(yaml, Map.of());
    }

    private List<Problem> problems(String yaml) {
        return assertThrows(ConfigProblems.class, () -> load(yaml)).problems();
    }

    private Problem only(String yaml) {
        List<Problem> problems = problems(yaml);
        assertEquals(1, problems.size(), problems::toString);
        return problems.getFirst();
    }

    @Test
    void aMinimalFileGetsTheDefaults() throws Exception {
        AgentConfig c = load(MINIMAL);
        assertEquals("/service", c.namespace());
        assertEquals(new HostPort("10.0.0.1", 8008), c.rest().connectAddress());
        assertEquals(new HostPort("10.0.0.1", 8009), c.control().listen());
        assertEquals(new HostPort("10.0.0.1", 8009), c.control().connectAddress());
        assertEquals(
                c.builtIn().orElseThrow().selfAddress(),
                c.builtIn().orElseThrow().bindAddress());
        assertEquals(2, c.builtIn().orElseThrow().partners().size());
        assertEquals(Duration.ofMillis(500), c.builtIn().orElseThrow().electionTimeoutMin());
        assertEquals(Duration.ofSeconds(1), c.builtIn().orElseThrow().electionTimeoutMax());
        assertEquals(List.of("10.0.0.1"), c.postgres().listenHosts());
        assertEquals(5432, c.postgres().port());
        assertEquals(c.postgres().superuser(), c.postgres().rewind());
        assertEquals(Duration.ofSeconds(60), c.postgres().startStopTimeout());
        assertEquals(Path.of("/var/lib/demo/raft-state"), c.stateDir());
        assertEquals("INFO", c.log().level());
        assertEquals("{}", c.bootstrap().dcsJson());
        assertEquals(Map.of(), c.tags());
    }

    @Test
    void secretsNeverShowInToString() throws Exception {
        AgentConfig c = load(MINIMAL + "bootstrap: {users: {app: {password: top-secret-3, options: [createdb]}}}\n"
                + "ctl: {authentication: {username: u, password: top-secret-4}}\n");
        assertFalse(c.toString().contains("top-secret"), c.toString());
        assertEquals(
                Optional.of("top-secret-3"), c.bootstrap().users().get("app").password());
    }

    @Test
    void dottedParameterNamesAndTypesSurvive() throws Exception {
        AgentConfig c = load(MINIMAL + """
                  parameters:
                    pg_stat_statements.max: 5000
                    archive_mode: on
                    archive_timeout: 1800s
                    max_connections: 500
                    search_path: '"$user", public'
                bootstrap:
                  dcs:
                    ttl: 5
                    loop_wait: 1
                    retry_timeout: 1.5
                    postgresql: {parameters: {auto_explain.log_min_duration: 100ms}}
                  initdb: [data-checksums, {encoding: UTF8}]
                tags: {region: eu, rack: 7, clonefrom: true, nofailover: false, nostream: false}
                """);
        assertEquals(
                Map.of(
                        "pg_stat_statements.max",
                        "5000",
                        "archive_mode",
                        "on",
                        "archive_timeout",
                        "1800s",
                        "search_path",
                        "\"$user\", public"),
                c.postgres().parameters());
        DynamicConfig dynamic = DynamicConfigJson.parse(c.bootstrap().dcsJson());
        assertEquals(Duration.ofMillis(1500), dynamic.retryTimeout());
        assertEquals(Map.of("auto_explain.log_min_duration", "100ms"), dynamic.parameters());
        assertEquals(
                List.of("--data-checksums", "--encoding=UTF8"), c.bootstrap().initdbOptions());
        assertEquals(Map.of("region", "eu", "rack", 7, "clonefrom", true), c.tags());
    }

    @Test
    void theEnvironmentWinsOverTheFile() throws Exception {
        Path secret = Files.writeString(dir.resolve("secret"), "from-file\n");
        AgentConfig c = load(
                MINIMAL,
                Map.of(
                        "PATRONI_NAME", "n9",
                        "PATRONI_POSTGRESQL_LISTEN", "10.0.0.1,127.0.0.1:5433",
                        "PATRONI_SUPERUSER_PASSWORD_FILE", secret.toString(),
                        "PATRONI_REPLICATION_PASSWORD", "0123",
                        "PATRONI_RAFT_PARTNER_ADDRS", "'10.0.0.2:1', 10.0.0.1:2222",
                        "PATRONI_LOG_LOGGERS", "{org.x: debug}",
                        "PATRONI_APP_PASSWORD", "p",
                        "PATRONI_APP_OPTIONS", "createdb,createrole",
                        "PATRONI_SOMETHING", "x"));
        assertEquals("n9", c.name());
        assertEquals(List.of("10.0.0.1", "127.0.0.1"), c.postgres().listenHosts());
        assertEquals(5433, c.postgres().connectAddress().port());
        assertEquals(Optional.of("from-file"), c.postgres().superuser().password());
        assertEquals(Optional.of("0123"), c.postgres().replication().password());
        assertEquals(
                List.of(new HostPort("10.0.0.2", 1)), c.builtIn().orElseThrow().partners());
        assertEquals(Map.of("org.x", "DEBUG"), c.log().loggers());
        assertEquals(
                List.of("createdb", "createrole"),
                c.bootstrap().users().get("app").options());
    }

    @Test
    void aDirectoryIsReadByNameAndMergedDeeply() throws Exception {
        Path conf = Files.createDirectory(dir.resolve("conf"));
        Files.writeString(conf.resolve("10-base.yml"), MINIMAL + "  pgpass: /tmp/pgpass\n");
        Files.writeString(conf.resolve("20-local.yml"), "name: n2\npostgresql: {pgpass: null, bin_dir: /pg/bin}\n");
        Files.writeString(conf.resolve("ignored.txt"), ": nonsense");
        AgentConfig c = ConfigFile.load(conf, Map.of());
        assertEquals("n2", c.name());
        assertEquals(c.stateDir().resolve("pgpass"), c.postgres().pgpass());
        assertEquals(Optional.of(Path.of("/pg/bin")), c.postgres().binDir());
        Files.writeString(conf.resolve("30-wrong.yml"), "restapi: {lisen: x}\n");
        ConfigProblems e = assertThrows(ConfigProblems.class, () -> ConfigFile.load(conf, Map.of()));
        assertEquals(
                conf.resolve("30-wrong.yml") + ":1", e.problems().getFirst().source());
    }

    @Test
    void everyProblemIsInOneMessage() {
        String yaml = MINIMAL.replace("name: n1", "nmae: n1").replace("listen: 10.0.0.1:5432", "listen: '10.0.0.1:x'")
                + "tags: {nofailover: maybe}\nlog: {level: LOUD}\nbootstrap: {dcs: {ttl: 2, looop_wait: 1}}\n";
        ConfigProblems e = assertThrows(ConfigProblems.class, () -> load(yaml));
        String all = e.getMessage();
        for (String part : List.of(
                "n1.yml: name is missing",
                "nmae: 'n1' is not a known setting; remove or correct it; did you mean 'name'?",
                "postgresql.listen: '10.0.0.1:x'",
                "tags.nofailover: 'maybe' is neither true nor false",
                "log.level: 'LOUD'",
                "bootstrap.dcs.ttl: '2' is not a time of at least 3 s",
                "did you mean 'bootstrap.dcs.loop_wait'?")) {
            assertTrue(all.contains(part), part + " is not in: " + all);
        }
        assertEquals(7, e.problems().size(), all);
    }

    @Test
    void theNameThatStandsForNoStandbyIsReserved() {
        Problem p = only(MINIMAL.replace("name: n1", "name: __patroni_strict_sync_replica_placeholder__"));
        assertEquals("name", p.key());
        assertTrue(p.sentence().contains("is reserved"), p::text);
    }

    @Test
    void nestedKeysAreGuessed() {
        Problem p = only(MINIMAL + "  use_pg_rewnd: true\n");
        assertEquals("postgresql.use_pg_rewnd", p.key());
        assertEquals(Optional.of("postgresql.use_pg_rewind"), p.didYouMean());
    }

    @Test
    void aStandbyClusterThatNamesNoSourceIsRefused() {
        assertTrue(only(MINIMAL + "bootstrap: {dcs: {standby_cluster: {primary_slot_name: a}}}\n")
                .sentence()
                .contains("names no source"));
    }

    @Test
    void scriptsAreReadAsWords() throws Exception {
        ScriptsConfig scripts = load(MINIMAL + """
                  callbacks: {on_start: /x 'a b', on_role_change: "/y"}
                  callback_role: master
                  pre_promote: /fence now
                  before_stop: ''
                """).postgres().scripts();
        assertEquals(Map.of("on_start", List.of("/x", "a b"), "on_role_change", List.of("/y")), scripts.callbacks());
        assertEquals("master", scripts.primaryWord());
        assertEquals(List.of("/fence", "now"), scripts.prePromote());
        assertEquals(List.of(), scripts.beforeStop());
        assertTrue(only(MINIMAL + "  pre_promote: /x 'a\n").sentence().contains("not closed"));
        assertTrue(only(MINIMAL + "  callback_role: boss\n").sentence().contains("primary nor master"));
        assertEquals(
                "postgresql.callbacks.on_strat",
                only(MINIMAL + "  callbacks: {on_strat: /x}\n").key());
    }

    @Test
    void optionsOfPgRewindAreTakenUnlessTheAgentSetsThem() throws Exception {
        assertEquals(
                List.of("--debug", "--sync-method=fsync"),
                load(MINIMAL + "  rewind: [debug, {sync-method: fsync}]\n")
                        .postgres()
                        .rewindOptions());
        assertTrue(only(MINIMAL + "  rewind: [dry-run]\n").sentence().contains("which the agent itself sets"));
    }

    @Test
    void patroniSettingsThatAskForNothingAreAccepted() throws Exception {
        load(MINIMAL + """
                  callbacks: {}
                  create_replica_methods: [basebackup]
                  proxy_address:
                bootstrap: {dcs: {failsafe_mode: false, synchronous_mode: off, maximum_lag_on_syncnode: -1, master_start_timeout: 300}}
                """);
    }

    @Test
    void addressesOfPoolersAndSocketFilesAreRead() throws Exception {
        PostgresConfig usual = load(MINIMAL).postgres();
        assertFalse(usual.useUnixSocket());
        assertEquals(Optional.empty(), usual.proxyAddress());
        PostgresConfig given = load(MINIMAL
                        + "  use_unix_socket: on\n  use_unix_socket_repl: on\n  proxy_address: 10.0.0.1:6432\n")
                .postgres();
        assertTrue(given.useUnixSocket());
        assertEquals(Optional.of(new HostPort("10.0.0.1", 6432)), given.proxyAddress());
    }

    @Test
    void theServiceOfKerberosIsThatOfEveryRole() throws Exception {
        PostgresConfig config = load(MINIMAL + "  krbsrvname: pg\n").postgres();
        for (PostgresConfig.Role role : List.of(config.superuser(), config.replication(), config.rewind())) {
            assertEquals("pg", role.security().forLibpq(15).get("krbsrvname"), role.username());
        }
        assertFalse(load(MINIMAL).postgres().superuser().security().forLibpq(15).containsKey("krbsrvname"));
    }

    @Test
    void encryptionIsAskedForRoleByRole() throws Exception {
        ConfigProblems problems =
                assertThrows(ConfigProblems.class, () -> load(MINIMAL.replace("replication: {", """
                replication:
                      sslmode: verify-ca
                      sslcert: /c.crt
                      sslpassword: " x"
                      gssencmode: perhaps
                      more: {""")));
        String all = problems.getMessage();
        assertTrue(all.contains("needs sslrootcert") && all.contains("needs the other one"), all);
        assertTrue(all.contains("begins or ends with a blank") && all.contains("is none of disable, prefer"), all);

        PostgresConfig config = load(
                        MINIMAL,
                        Map.of(
                                "PATRONI_SUPERUSER_SSLMODE",
                                "verify-full",
                                "PATRONI_SUPERUSER_SSLROOTCERT",
                                "system",
                                "PATRONI_REPLICATION_SSLMODE",
                                "require"))
                .postgres();
        assertEquals(
                Map.of("sslmode", "verify-full", "sslrootcert", "system"),
                config.superuser().security().options());
        assertEquals(config.superuser(), config.rewind());
        assertEquals(
                Map.of("sslmode", "require"), config.replication().security().options());
    }

    @Test
    void aRaftPasswordIsRefusedWithoutShowingIt() {
        ConfigProblems e = assertThrows(
                ConfigProblems.class, () -> load(MINIMAL, Map.of("PATRONI_RAFT_PASSWORD", "top-secret-9")));
        assertTrue(e.getMessage().contains("environment variable PATRONI_RAFT_PASSWORD: raft.password is refused"));
        assertTrue(e.getMessage().contains("mutual TLS"));
        assertFalse(e.getMessage().contains("top-secret-9"));
    }

    @Test
    void passwordsMustBeTextAndComeFromOnePlace() {
        Problem p = only(MINIMAL.replace("top-secret-1", "0123"));
        assertEquals("postgresql.authentication.superuser.password", p.key());
        assertEquals("", p.value());
        assertTrue(p.sentence().contains("quotes"));
        assertTrue(only(MINIMAL.replace("password: top-secret-1", "password: a, password_file: /nowhere/at-all"))
                .sentence()
                .contains("keep one"));
        assertTrue(only(MINIMAL.replace("password: top-secret-1", "password_file: /nowhere/at-all"))
                .sentence()
                .contains("cannot be read"));
    }

    @Test
    void brokenFilesAreNamed() {
        assertTrue(only("scope: [x\n").sentence().contains("not YAML"));
        assertTrue(only("scope: a\nscope: b\n").sentence().contains("Duplicate"));
        assertTrue(only("# nothing\n").sentence().contains("empty"));
        assertTrue(only("- a\n").sentence().contains("map"));
        ConfigProblems e =
                assertThrows(ConfigProblems.class, () -> ConfigFile.load(dir.resolve("absent.yml"), Map.of()));
        assertTrue(e.getMessage().contains("does not exist"));
    }

    @Test
    void anAddressForOthersIsNotAllAddresses() {
        Problem p = only(MINIMAL.replace("listen: '10.0.0.1:8008'", "listen: '*:8008'"));
        assertEquals("restapi.connect_address", p.key());
    }

    @Test
    void everySettingIsOnThePage() throws Exception {
        new SettingsPageTest().everyKeyIsDescribedAndEveryDescriptionHasItsKey();
        new SettingsPageTest().thePageSaysWhatIsRead();
    }

    @Test
    void aPasswordOfSeveralLinesIsRefused() throws Exception {
        Path file = Files.writeString(dir.resolve("secret"), "one\ntwo\n");
        Problem p = only(MINIMAL.replace("password: top-secret-1", "password_file: " + file));
        assertTrue(p.sentence().contains("line break"), p::text);
    }

    @Test
    void wrongTypesAreNamedWithWhatIsExpected() {
        for (String[] wrong : new String[][] {
            {"postgresql: [a]", "postgresql", "not a map"},
            {"tags: yes", "tags", "not a map"},
            {"log: {file_num: many}", "log.file_num", "not a whole number"},
            {"log: {file_size: 1 parsec}", "log.file_size", "not a size"},
            {"log: {level: [INFO]}", "log.level", "not a text"},
            {"watchdog: {mode: maybe}", "watchdog.mode", "none of"},
            {"bootstrap: {dcs: {ttl: soon}}", "bootstrap.dcs.ttl", "not a time"},
            {"bootstrap: {dcs: []}", "bootstrap.dcs", "not a map"},
            {"bootstrap: {pg_hba: all}", "bootstrap.pg_hba", "not a list"},
            {"bootstrap: {initdb: 7}", "bootstrap.initdb", "neither a list nor a map"},
            {"scope: [x]", "scope", "not a text"},
        }) {
            String key = wrong[0].substring(0, wrong[0].indexOf(':'));
            String yaml = MINIMAL.replaceFirst("(?ms)^" + key + ":.*?(?=^\\S|\\z)", "") + wrong[0] + "\n";
            Problem p = only(yaml);
            assertEquals(wrong[1], p.key(), p::text);
            assertTrue(p.sentence().contains(wrong[2]), p::text);
            assertTrue(p.source().matches(".*n1\\.yml:\\d+"), p::text);
        }
    }

    @Test
    void anUnreadableFileIsNamed() throws Exception {
        // A directory under a file's name cannot be read by anybody, root included.
        Path conf = Files.createDirectory(dir.resolve("conf"));
        Files.createSymbolicLink(conf.resolve("a.yml"), dir.resolve("nowhere"));
        ConfigProblems e = assertThrows(ConfigProblems.class, () -> ConfigFile.load(conf, Map.of()));
        assertTrue(e.getMessage().contains(conf + ": file holds no *.yml file"), e::getMessage);
        Files.write(conf.resolve("b.yml"), new byte[] {(byte) 0xff, (byte) 0xfe, 0, 1});
        e = assertThrows(ConfigProblems.class, () -> ConfigFile.load(conf, Map.of()));
        assertTrue(e.getMessage().contains(conf.resolve("b.yml") + ": file cannot be read"), e::getMessage);
    }
}
