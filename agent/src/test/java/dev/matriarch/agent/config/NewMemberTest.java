package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The configuration that a joining host is given. */
class NewMemberTest {
    @TempDir
    Path dir;

    private Path home;

    @BeforeEach
    void certificates() throws Exception {
        home = Files.createDirectories(dir.resolve("n1"));
        for (String file : List.of("tls/node.pem", "tls/ca.crt", "rewind")) {
            Files.createDirectories(home.resolve(file).getParent());
            Files.writeString(home.resolve(file), "secret-3\n");
        }
    }

    private LocalConfig model(String more) throws Exception {
        Path file = home.resolve("matriarch.yml");
        Files.writeString(file, """
                scope: main
                name: n1
                state_dir: HOME/state
                restapi: {listen: "10.0.0.1:8008", connect_address: "10.0.0.1:8008", authentication: {username: u, password: secret-4}}
                control: {listen: "10.0.0.1:8019", connect_address: "10.0.0.1:8019"}
                raft: {data_dir: HOME/raft, self_addr: "10.0.0.1:7001", bind_addr: "0.0.0.0:7001", partner_addrs: ["10.0.0.3:7001"], min_timeout: 0.6}
                bootstrap: {dcs: {ttl: 5, loop_wait: 1, retry_timeout: 2}}
                postgresql:
                  listen: 10.0.0.1,localhost:5432
                  connect_address: 10.0.0.1:5432
                  proxy_address: 10.0.0.1:6432
                  data_dir: HOME/data
                  pgpass: HOME/pgpass
                  parameters: {unix_socket_directories: HOME, shared_buffers: 64MB}
                  authentication:
                    superuser: {username: postgres, password: "0123"}
                    replication: {username: replicator, password: secret-2}
                    rewind: {username: rewinder, password_file: HOME/rewind}
                tls: {directory: HOME/tls, lifetime: 3600, authority: /run/secrets/authority}
                tags: {nofailover: true, replicatefrom: n9}
                ctl: {endpoints: ["10.0.0.1:8019"]}
                """.replace("HOME", home.toString()) + more);
        return LocalConfig.read(Optional.of(file), Map.of());
    }

    private NewMember made(LocalConfig model, String host, Optional<Path> directory) throws IOException {
        return NewMember.of(
                NodeKind.MEMBER,
                model,
                Optional.of(home.resolve("matriarch.yml")),
                "n2",
                host,
                directory,
                List.of("10.0.0.1:7001", "10.0.0.3:7001"));
    }

    private LocalConfig read(NewMember made) throws Exception {
        Path file = dir.resolve("read.yml");
        Files.writeString(file, made.text());
        return LocalConfig.read(Optional.of(file), Map.of());
    }

    @Test
    void itIsTheSameButForNameAddressesAndWhatIsOfOneHost() throws Exception {
        NewMember made = made(model(""), "10.0.0.2", Optional.empty());
        LocalConfig local = read(made);
        AgentConfig config = local.config();
        assertEquals("n2", config.name());
        assertEquals("10.0.0.2:8008", config.rest().listen().toString());
        assertEquals("10.0.0.2:8019", config.control().connectAddress().toString());
        RaftConfig raft = config.builtIn().orElseThrow();
        assertEquals("10.0.0.2:7001", raft.selfAddress().toString());
        assertEquals("0.0.0.0:7001", raft.bindAddress().toString());
        assertEquals(
                List.of("10.0.0.1:7001", "10.0.0.3:7001"),
                raft.partners().stream().map(HostPort::toString).toList());
        assertEquals(600, raft.electionTimeoutMin().toMillis());
        assertEquals(List.of("10.0.0.2", "localhost"), config.postgres().listenHosts());
        assertEquals("10.0.0.2:5432", config.postgres().connectAddress().toString());
        assertEquals(
                "10.0.0.2:6432", local.tree().at("/postgresql/proxy_address").asText());
        assertFalse(local.tree().has("tags"));
        assertFalse(local.tree().has("ctl"));
        // It gets the present one with its certificate.
        assertFalse(local.tree().at("/tls").has("authority"));
        assertEquals(
                "0123",
                local.tree().at("/postgresql/authentication/superuser/password").asText());
        assertEquals(
                "secret-3",
                local.tree().at("/postgresql/authentication/rewind/password").asText());
        assertFalse(local.tree().at("/postgresql/authentication/rewind").has("password_file"));
        assertEquals(
                "secret-4", local.tree().at("/restapi/authentication/password").asText());
        assertEquals(home.resolve("data"), config.postgres().dataDir());
        assertEquals(home.resolve("tls"), made.tlsDirectory());
        assertEquals(
                List.of("state", "raft", "tls", "data").stream()
                        .map(home::resolve)
                        .toList(),
                made.emptyDirectories());
    }

    @Test
    void allOfItMovesToAnotherDirectory() throws Exception {
        Path to = dir.resolve("n2");
        Files.createDirectories(to.resolve("tls"));
        Files.copy(home.resolve("tls/node.pem"), to.resolve("tls/node.pem"));
        Files.copy(home.resolve("tls/ca.crt"), to.resolve("tls/ca.crt"));
        NewMember made = made(model("watchdog: {mode: 'off'}\n"), "10.0.0.2", Optional.of(to));
        assertFalse(made.text().contains(home.toString()), made::text);
        AgentConfig config = read(made).config();
        assertEquals(to.resolve("state"), config.stateDir());
        assertEquals(to.resolve("raft"), config.builtIn().orElseThrow().dataDir());
        assertEquals(to.resolve("data"), config.postgres().dataDir());
        assertEquals(to.resolve("pgpass"), config.postgres().pgpass());
        assertTrue(made.text().contains("unix_socket_directories: " + to + "\n"), made::text);
        assertEquals(
                List.of("state", "raft", "tls", "data").stream()
                        .map(to::resolve)
                        .toList(),
                made.emptyDirectories());
    }

    @Test
    void aWitnessIsToldNothingOfPostgres() throws Exception {
        Path to = dir.resolve("w");
        Files.createDirectories(to.resolve("tls"));
        Files.copy(home.resolve("tls/node.pem"), to.resolve("tls/node.pem"));
        Files.copy(home.resolve("tls/ca.crt"), to.resolve("tls/ca.crt"));
        LocalConfig model =
                model("citus: {group: 1, database: shop, coordinator: [\"10.0.0.9:8019\"]}\nlog: {level: WARNING}\n");
        NewMember made = NewMember.of(
                NodeKind.WITNESS,
                model,
                Optional.of(home.resolve("matriarch.yml")),
                "w",
                "10.0.0.4",
                Optional.of(to),
                List.of("10.0.0.1:7001", "10.0.0.3:7001"));
        for (String word : List.of("secret", "password", "0123", "postgres", "restapi", "ttl", home.toString())) {
            assertFalse(made.text().contains(word), made::text);
        }
        Path file = dir.resolve("witness.yml");
        Files.writeString(file, made.text());
        WitnessConfig config = WitnessConfig.load(file, Map.of());
        assertEquals("w", config.name());
        assertEquals(model.config().storeName(), config.storeName());
        assertFalse(config.storeName().equals("main"));
        assertEquals("10.0.0.4:7001", config.raft().selfAddress().toString());
        assertEquals("0.0.0.0:7001", config.raft().bindAddress().toString());
        assertEquals(2, config.raft().partners().size());
        assertEquals(600, config.raft().electionTimeoutMin().toMillis());
        assertEquals(to.resolve("raft"), config.raft().dataDir());
        assertEquals(to.resolve("state"), config.stateDir());
        assertEquals(
                Optional.of(to.resolve("tls")),
                config.tls().flatMap(t -> t.own()).map(o -> o.directory()));
        assertEquals(List.of("state", "raft", "tls").stream().map(to::resolve).toList(), made.emptyDirectories());
    }

    @Test
    void aListenerGetsTheDoorWithoutOrders() throws Exception {
        Path to = dir.resolve("l");
        Files.createDirectories(to.resolve("tls"));
        Files.copy(home.resolve("tls/node.pem"), to.resolve("tls/node.pem"));
        Files.copy(home.resolve("tls/ca.crt"), to.resolve("tls/ca.crt"));
        LocalConfig plain = model("");
        ObjectNode door = plain.tree().withObjectProperty("restapi");
        door.put("certfile", home.resolve("tls/node.pem").toString())
                .put("cafile", home.resolve("tls/ca.crt").toString())
                .put("verify_client", "optional")
                .put("keyfile_password", "secret-5")
                .put("allowlist", "10.0.0.0/8")
                .put("allowlist_include_members", true)
                .put("thread_pool_size", 5)
                .put("ui", true)
                .putObject("https_extra_headers")
                .put("Strict-Transport-Security", "max-age=1");
        NewMember made = NewMember.of(
                NodeKind.LISTENER,
                plain,
                Optional.of(home.resolve("matriarch.yml")),
                "l",
                "10.0.0.4",
                Optional.of(to),
                List.of("10.0.0.1:7001", "10.0.0.3:7001"));
        for (String word : List.of("secret", "password", "0123", "postgres", "ttl", home.toString())) {
            assertFalse(made.text().contains(word), made::text);
        }
        Path file = dir.resolve("listener.yml");
        Files.writeString(file, made.text());
        WitnessConfig config = WitnessConfig.loadListener(file, Map.of());
        assertEquals("10.0.0.4:7001", config.raft().selfAddress().toString());
        assertEquals(2, config.raft().partners().size());
        RestConfig rest = config.rest().orElseThrow();
        assertEquals("10.0.0.4:8008", rest.listen().toString());
        assertEquals("10.0.0.4:8008", rest.connectAddress().toString());
        assertEquals(to.resolve("tls/node.pem"), rest.tls().orElseThrow().certfile());
        assertEquals(RestConfig.VerifyClient.OPTIONAL, rest.tls().orElseThrow().verifyClient());
        assertEquals(1, rest.answers().headersOverTls().size());
        assertEquals(List.of("state", "raft", "tls").stream().map(to::resolve).toList(), made.emptyDirectories());
    }

    @Test
    void addressesOfIpv6HaveTheirBrackets() throws Exception {
        AgentConfig config = read(made(model(""), "fd00::2", Optional.empty())).config();
        assertEquals("[fd00::2]:8008", config.rest().connectAddress().toString());
        assertEquals(
                "[fd00::2]:7001", config.builtIn().orElseThrow().selfAddress().toString());
        assertEquals("[fd00::2]:5432", config.postgres().connectAddress().toString());
    }

    @Test
    void aPasswordThatCannotBeReadIsNamed() throws Exception {
        LocalConfig model = model("");
        Files.delete(home.resolve("rewind"));
        String why = assertThrows(IOException.class, () -> made(model, "10.0.0.2", Optional.empty()))
                .getMessage();
        assertTrue(why.startsWith("the password in " + home.resolve("rewind") + " cannot be read"), why);
    }
}
