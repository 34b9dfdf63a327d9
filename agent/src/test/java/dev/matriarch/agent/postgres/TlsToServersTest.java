package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.ConnectionSecurity;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.PostgresConfig.Role;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Servers that let roles in by their certificates only. */
@ExtendWith(Unprivileged.class)
class TlsToServersTest {
    private static final String KEY_PASSWORD = "a key's = password";

    /** A certificate authority and what it has signed, made by openssl. */
    private record Authority(Path directory) {
        static Authority make(Path directory) throws Exception {
            Authority a = new Authority(Files.createDirectory(directory));
            a.openssl(
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=test authority",
                    "-keyout",
                    a.file("ca.key"),
                    "-out",
                    a.file("ca.crt"));
            Files.writeString(directory.resolve("ca.cnf"), """
                    [ca]
                    default_ca=all
                    [all]
                    database=%1$s/index
                    default_md=sha256
                    default_crl_days=2
                    """.formatted(directory));
            Files.writeString(directory.resolve("index"), "");
            return a;
        }

        String file(String name) {
            return directory.resolve(name).toString();
        }

        void openssl(String... arguments) throws Exception {
            List<String> command = new ArrayList<>(List.of("openssl"));
            command.addAll(List.of(arguments));
            Path output = Files.createTempFile(directory, "openssl", ".log");
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            assertTrue(process.waitFor(30, TimeUnit.SECONDS));
            assertEquals(0, process.exitValue(), command + ": " + Files.readString(output));
        }

        /**
         * Of a server the name is its address: libpq looks for addresses among the other names only from version 15 on.
         *
         * @param key as openssl calls its kind: rsa:2048, or ec
         */
        void issue(String name, String key, Optional<String> password) throws Exception {
            List<String> request = new ArrayList<>(List.of(
                    "req", "-new", "-newkey", key, "-subj", "/CN=" + (name.equals("server") ? "127.0.0.1" : name)));
            if (key.equals("ec")) {
                request.addAll(List.of("-pkeyopt", "ec_paramgen_curve:prime256v1"));
            }
            request.addAll(List.of("-nodes", "-keyout", file(name + ".key"), "-out", file(name + ".csr")));
            openssl(request.toArray(String[]::new));
            if (password.isPresent()) {
                openssl(
                        "pkcs8",
                        "-topk8",
                        "-v2",
                        "aes256",
                        "-passout",
                        "pass:" + password.get(),
                        "-in",
                        file(name + ".key"),
                        "-out",
                        file(name + ".locked"));
                Files.move(
                        directory.resolve(name + ".locked"),
                        directory.resolve(name + ".key"),
                        StandardCopyOption.REPLACE_EXISTING);
            }
            Path names = Files.writeString(directory.resolve(name + ".ext"), "subjectAltName=IP:127.0.0.1\n");
            openssl(
                    "x509",
                    "-req",
                    "-in",
                    file(name + ".csr"),
                    "-CA",
                    file("ca.crt"),
                    "-CAkey",
                    file("ca.key"),
                    "-CAcreateserial",
                    "-days",
                    "2",
                    "-extfile",
                    names.toString(),
                    "-out",
                    file(name + ".crt"));
            Files.setPosixFilePermissions(
                    directory.resolve(name + ".key"), PosixFilePermissions.fromString("rw-------"));
        }

        void revocations() throws Exception {
            openssl(
                    "ca",
                    "-config",
                    file("ca.cnf"),
                    "-keyfile",
                    file("ca.key"),
                    "-cert",
                    file("ca.crt"),
                    "-gencrl",
                    "-out",
                    file("ca.crl"));
        }

        Role role(String name, Optional<String> password) {
            return new Role(
                    name,
                    Optional.empty(),
                    new ConnectionSecurity(
                            Map.of(
                                    "sslmode", "verify-full",
                                    "sslcert", file(name + ".crt"),
                                    "sslkey", file(name + ".key"),
                                    "sslrootcert", file("ca.crt"),
                                    "sslcrl", file("ca.crl")),
                            password));
        }
    }

    private static PostgresConfig with(PostgresConfig c, Role superuser, Role replication) {
        return new PostgresConfig(
                c.listenHosts(),
                c.port(),
                c.connectAddress(),
                c.dataDir(),
                c.binDir(),
                c.pgpass(),
                superuser,
                replication,
                superuser,
                c.parameters(),
                List.of("hostssl all all 127.0.0.1/32 cert", "hostssl replication all 127.0.0.1/32 cert"),
                c.pgIdent(),
                c.handling(),
                c.basebackupOptions(),
                c.replicaMethods(),
                c.proxyAddress(),
                c.places(),
                c.files(),
                c.making());
    }

    private static Map<String, String> parameters(TestServers servers, Authority authority) {
        Map<String, String> parameters = new HashMap<>(TestServers.parameters(servers.root()));
        parameters.putAll(Map.of(
                "ssl",
                "on",
                "ssl_cert_file",
                authority.file("server.crt"),
                "ssl_key_file",
                authority.file("server.key"),
                "ssl_ca_file",
                authority.file("ca.crt"),
                "logging_collector",
                "on",
                "log_filename",
                "server.log"));
        return parameters;
    }

    @Test
    void rolesAreLetInByTheirCertificatesAndRevokedServersAreNot() throws Exception {
        try (TestServers servers = new TestServers()) {
            Authority authority = Authority.make(servers.root().resolve("tls"));
            authority.issue("server", "ec", Optional.empty());
            authority.issue("postgres", "ec", Optional.empty());
            authority.issue("replicator", "rsa:2048", Optional.of(KEY_PASSWORD));
            authority.revocations();
            Role superuser = authority.role("postgres", Optional.empty());
            Role replication = authority.role("replicator", Optional.of(KEY_PASSWORD));

            PostgresConfig a = with(servers.config("a"), superuser, replication);
            PostgresServer primary = servers.server(a, "a");
            primary.initdb(TestServers.bootstrap(), TestServers.LONG);
            primary.configuration().write(parameters(servers, authority), null, Optional.of(""));
            primary.start(TestServers.LONG);
            primary.awaitReady(TestServers.LONG);
            primary.createRoles(TestServers.bootstrap(), TestServers.LONG);
            TestServers.slot(primary, "b");

            PostgresConfig b = with(servers.config("b"), superuser, replication);
            PostgresServer replica = servers.server(b, "b");
            replica.replicaCreation().create(Optional.of(TestServers.upstream("a", a)), TestServers.LONG, p -> {});
            replica.configuration()
                    .write(parameters(servers, authority), TestServers.upstream("a", a), Optional.of(""));
            replica.start(TestServers.LONG);
            replica.awaitReady(TestServers.LONG);
            TestServers.await(
                    replica,
                    "streaming",
                    s -> s.status().filter(x -> x.streaming()).isPresent());
            assertTrue(
                    replica.checkDivergence(TestServers.upstream("a", a), TestServers.LONG)
                            instanceof Divergence.NotDiverged);
            for (PostgresConfig config : List.of(a, b)) {
                assertNowhere(config.dataDir().resolve("postgresql.conf"), KEY_PASSWORD);
            }
            theWriteCheckLeavesNoLineInTheLog(primary, a.dataDir().resolve("log/server.log"));

            // The server's certificate was stolen.
            authority.openssl(
                    "ca",
                    "-config",
                    authority.file("ca.cnf"),
                    "-keyfile",
                    authority.file("ca.key"),
                    "-cert",
                    authority.file("ca.crt"),
                    "-revoke",
                    authority.file("server.crt"));
            authority.revocations();
            primary.stop(StopMode.FAST, TestServers.LONG);
            primary.start(TestServers.LONG);
            String problem = TestServers.await(
                            primary, "refusal", s -> s.problem().contains("revoked"))
                    .problem();
            assertTrue(problem.contains("revoked"), problem);
        }
    }

    /** It comes once a second, and knocks without ever beginning to speak TLS. */
    private static void theWriteCheckLeavesNoLineInTheLog(PostgresServer primary, Path log) throws Exception {
        for (int i = 0; i < 3; i++) {
            primary.writeCheck().run(TestServers.LONG);
        }
        primary.configuration().reload();
        TestServers.await(primary, "the line of the reload", s -> read(log).contains("received SIGHUP"));
        assertNowhere(log, "could not accept");
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static void assertNowhere(Path file, String text) throws IOException {
        assertFalse(Files.readString(file).contains(text));
    }

    @Test
    void keysAreReadInAllTheirFormsAndOthersNamed() throws Exception {
        Path root = Unprivileged.directory();
        try {
            Authority authority = Authority.make(root.resolve("tls"));
            authority.issue("plain", "rsa:2048", Optional.empty());
            authority.issue("locked", "ec", Optional.of(KEY_PASSWORD));
            authority.openssl(
                    "rsa", "-traditional", "-in", authority.file("plain.key"), "-out", authority.file("old.key"));
            assertEquals(
                    ServerTls.privateKey(root.resolve("tls/plain.key"), new char[0]),
                    ServerTls.privateKey(root.resolve("tls/old.key"), new char[0]));
            assertEquals(
                    "EC",
                    ServerTls.privateKey(root.resolve("tls/locked.key"), KEY_PASSWORD.toCharArray())
                            .getAlgorithm());
            IOException e = assertThrows(
                    IOException.class,
                    () -> ServerTls.privateKey(root.resolve("tls/locked.key"), "wrong".toCharArray()));
            assertTrue(e.getMessage().contains("locked.key") && !e.getMessage().contains("wrong"), e.getMessage());
            assertThrows(IOException.class, () -> ServerTls.privateKey(root.resolve("tls/plain.crt"), new char[0]));
        } finally {
            DataDirectory.deleteTree(root, false);
        }
    }

    @Test
    void eachVersionIsToldOnlyWhatItsLibpqKnows() {
        ConnectionSecurity all = new ConnectionSecurity(
                Map.of(
                        "sslmode",
                        "require",
                        "channel_binding",
                        "require",
                        "sslcrldir",
                        "/d",
                        "sslnegotiation",
                        "direct"),
                Optional.of("secret"));
        assertEquals(Map.of("sslmode", "require"), all.forLibpq(11));
        assertEquals(Map.of("sslmode", "require", "gssencmode", "disable"), all.forLibpq(12));
        assertEquals(5, all.forLibpq(17).size());
        assertEquals(Optional.empty(), all.keyPasswordForLibpq(12));
        assertFalse((all + "" + new Role("r", Optional.of("secret"), all)).contains("secret"));
    }
}
