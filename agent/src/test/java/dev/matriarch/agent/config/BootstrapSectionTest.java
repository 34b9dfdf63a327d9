package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BootstrapSectionTest {
    @TempDir
    Path dir;

    private BootstrapConfig load(String bootstrap, Map<String, String> environment) throws Exception {
        Path file = Files.writeString(dir.resolve("m.yml"), """
                scope: demo
                name: n1
                restapi: {listen: '10.0.0.1:8008'}
                raft: {data_dir: /tmp/r, self_addr: '10.0.0.1:2222'}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: /tmp/data
                  authentication:
                    replication: {username: replicator, password: r}
                """ + bootstrap);
        return ConfigFile.load(file, environment).bootstrap();
    }

    private BootstrapConfig load(String bootstrap) throws Exception {
        return load(bootstrap, Map.of());
    }

    private String problem(String bootstrap) {
        return assertThrows(ConfigProblems.class, () -> load(bootstrap)).getMessage();
    }

    @Test
    void aMethodOfOnesOwnIsReadWithItsArguments() throws Exception {
        BootstrapConfig c = load("""
                bootstrap:
                  method: pitr
                  pitr:
                    command: /usr/bin/restore 'two words'
                    stanza: demo
                    retries: 3
                    recovery_conf:
                      restore_command: cp /archive/%f %p
                      recovery_target_action: promote
                      recovery_target_inclusive: false
                  other: {command: /bin/true, no_params: true}
                  post_init: /setup --quick
                """);
        BootstrapConfig.Method method = c.method().orElseThrow();
        assertEquals("pitr", method.name());
        assertEquals(List.of("/usr/bin/restore", "two words"), method.command());
        assertEquals(List.of("--stanza=demo", "--retries=3"), method.arguments());
        assertEquals(
                Map.of(
                        "restore_command",
                        "cp /archive/%f %p",
                        "recovery_target_action",
                        "promote",
                        "recovery_target_inclusive",
                        "off"),
                method.recoveryConf());
        assertEquals(List.of("/setup", "--quick"), c.postBootstrap());
    }

    @Test
    void withoutAMethodItIsInitdb() throws Exception {
        assertEquals(Optional.empty(), load("bootstrap: {method: initdb}\n").method());
        assertEquals(Optional.empty(), load("").method());
        assertEquals(List.of(), load("bootstrap: {post_bootstrap: ''}\n").postBootstrap());
    }

    @Test
    void whatCannotWorkIsNamed() {
        assertTrue(problem("bootstrap: {method: nowhere}\n").contains("bootstrap.nowhere has to be a map"));
        assertTrue(problem("bootstrap: {method: m, m: {command: \"/x 'a\"}}\n").contains("not closed"));
        assertTrue(
                problem("bootstrap: {method: m, m: {command: /x, list: [a]}}\n").contains("fits on a command line"));
        assertTrue(problem("bootstrap: {method: m, m: {command: /x, keep_existing_recovery_conf: true,"
                        + " recovery_conf: {restore_command: x}}}\n")
                .contains("keep one of them"));
        assertTrue(problem("bootstrap: {initdb: [{pwfile: /x}]}\n").contains("pwfile, which the agent itself sets"));
        assertTrue(problem("bootstrap: {initdb: [nosync]}\n").contains("nosync"));
        assertTrue(problem("bootstrap: {users: {a: {options: [\"superuser'\"]}}}\n")
                .contains("no role attribute"));
        assertTrue(problem("bootstrap: {post_init: /a, post_bootstrap: /b}\n").contains("older name"));
        assertTrue(problem("bootstrap: {metod: x}\n").contains("bootstrap.method"));
    }

    @Test
    void rolesComeFromTheEnvironmentToo() throws Exception {
        BootstrapConfig c = load(
                "bootstrap: {users: {app: {password: a, options: [createdb, 'connection limit 5']}}}\n",
                Map.of("PATRONI_AppUser_PASSWORD", "p", "PATRONI_AppUser_OPTIONS", "createdb, createrole"));
        assertEquals(
                List.of("createdb", "connection limit 5"), c.users().get("app").options());
        assertEquals(Optional.of("p"), c.users().get("AppUser").password());
        assertEquals(List.of("createdb", "createrole"), c.users().get("AppUser").options());
    }
}
