package dev.matriarch.etcd;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.http.TlsFiles;
import dev.matriarch.etcd.EtcdCluster.Again;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Users, certificates and discovery, with real servers where there are such. */
@Tag("slow")
class EtcdAccessTest {
    @TempDir
    Path dir;

    private static EtcdSettings as(EtcdServers servers, Optional<EtcdSettings.Login> login, TlsFiles tls) {
        return new EtcdSettings("/service/access/", servers.addresses(), Optional.empty(), false, login, tls);
    }

    private static Optional<EtcdSettings.Login> login(String user, String password) {
        return Optional.of(new EtcdSettings.Login(user, password));
    }

    private static void call(EtcdApi api, String path, ObjectNode body) throws DcsException {
        api.call(path, body, Again.FORBIDDEN, new Budget(TIMEOUT));
    }

    @Test
    void usersLogInAndTheirTokensAreReplacedWhenTheyEnd() throws Exception {
        try (EtcdServers servers = EtcdServers.start(dir.resolve("etcd"), 1)) {
            try (EtcdApi admin = new EtcdApi(as(servers, Optional.empty(), TlsFiles.NONE))) {
                for (String user : List.of("root", "matriarch")) {
                    call(admin, "auth/role/add", Requests.object().put("name", user));
                    call(
                            admin,
                            "auth/user/add",
                            Requests.object().put("name", user).put("password", "s3cret"));
                    call(
                            admin,
                            "auth/user/grant",
                            Requests.object().put("user", user).put("role", user));
                }
                ObjectNode grant = Requests.object().put("name", "matriarch");
                grant.putObject("perm")
                        .put("permType", "READWRITE")
                        .put("key", Requests.encoded("/service/access/"))
                        .put("range_end", Requests.encoded(Requests.afterPrefix("/service/access/")));
                call(admin, "auth/role/grant", grant);
                call(admin, "auth/enable", Requests.object());
            }
            try (EtcdDcs nobody = new EtcdDcs(as(servers, Optional.empty(), TlsFiles.NONE));
                    EtcdDcs wrong = new EtcdDcs(as(servers, login("matriarch", "wrong"), TlsFiles.NONE));
                    EtcdDcs dcs = new EtcdDcs(as(servers, login("matriarch", "s3cret"), TlsFiles.NONE))) {
                String refused = assertThrows(DcsException.class, () -> nobody.read(TIMEOUT))
                        .getMessage();
                assertTrue(refused.contains("username"), refused);
                refused = assertThrows(DcsException.class, () -> wrong.read(TIMEOUT))
                        .getMessage();
                assertTrue(refused.contains("does not let matriarch in"), refused);
                assertTrue(!refused.contains("wrong"), refused);

                Duration ttl = Duration.ofSeconds(60);
                long epoch = epoch(dcs.acquireLeader("n1", ttl, Long.MAX_VALUE, TIMEOUT));
                List<Change> heard = new CopyOnWriteArrayList<>();
                dcs.onChange(heard::add);
                // Its tokens live in its memory.
                servers.kill(0);
                servers.start(0);
                servers.awaitAnswers();
                assertEquals(new LeaseResult.Held(epoch), dcs.renewLeader("n1", epoch, ttl, Optional.empty(), TIMEOUT));
                await(Duration.ofSeconds(20), "the watch is allowed in again", () -> {
                    dcs.writeConfig("{}", Expected.anything(), TIMEOUT);
                    return heard.contains(Change.CONFIG);
                });
                wrong.login(login("matriarch", "s3cret"));
                assertEquals("n1", wrong.read(TIMEOUT).leader().orElseThrow().name(), "a reloaded password counts");
            }
        }
    }

    private static void order(URI server, String path, String body) throws Exception {
        int status = Door.pass(server, new Door.Request("PUT", "/v2/auth/" + path, body))
                .orElseThrow()
                .status();
        assertTrue(status == 200 || status == 201, path + ": HTTP " + status);
    }

    @Test
    void usersOfTheOlderApiNameThemselvesWithEachRequest() throws Exception {
        try (EtcdServers servers = EtcdServers.start(dir.resolve("etcd"), 1, "http", EtcdServers.V2)) {
            // It takes its time to compare a password, with each request.
            Duration patient = Duration.ofSeconds(60);
            URI server = servers.address(0);
            order(server, "users/root", "{\"user\":\"root\",\"password\":\"r00t\"}");
            // As the documentation says.
            order(
                    server,
                    "roles/matriarch",
                    "{\"role\":\"matriarch\",\"permissions\":{\"kv\":{\"read\":[\"/service/access/*\"],"
                            + "\"write\":[\"/service/access/*\"]}}}");
            order(
                    server,
                    "users/matriarch",
                    "{\"user\":\"matriarch\",\"password\":\"s3cret\",\"roles\":[\"matriarch\"]}");
            order(server, "roles/guest", "{\"role\":\"guest\",\"permissions\":{\"kv\":{\"read\":[],\"write\":[]}}}");
            order(server, "enable", "");
            try (EtcdV2Dcs nobody = new EtcdV2Dcs(as(servers, Optional.empty(), TlsFiles.NONE));
                    EtcdV2Dcs wrong = new EtcdV2Dcs(as(servers, login("matriarch", "wrong"), TlsFiles.NONE));
                    EtcdV2Dcs dcs = new EtcdV2Dcs(as(servers, login("matriarch", "s3cret"), TlsFiles.NONE))) {
                String refused = assertThrows(DcsException.class, () -> nobody.read(patient))
                        .getMessage();
                assertTrue(refused.contains("give username"), refused);
                refused = assertThrows(DcsException.class, () -> wrong.read(patient))
                        .getMessage();
                assertTrue(refused.contains("check username"), refused);
                assertFalse(refused.contains("wrong"), refused);
                Duration ttl = Duration.ofSeconds(60);
                long epoch = epoch(dcs.acquireLeader("n1", ttl, Long.MAX_VALUE, patient));
                assertEquals(new LeaseResult.Held(epoch), dcs.renewLeader("n1", epoch, ttl, Optional.empty(), patient));
                List<Change> heard = new CopyOnWriteArrayList<>();
                dcs.onChange(heard::add);
                await(patient, "the watch is allowed in", () -> {
                    dcs.writeConfig("{}", Expected.anything(), patient);
                    return heard.contains(Change.CONFIG);
                });
                wrong.login(login("matriarch", "s3cret"));
                assertEquals("n1", wrong.read(patient).leader().orElseThrow().name(), "a reloaded password counts");
            }
        }
    }

    private void openssl(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("openssl"));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve("openssl.log").toFile())
                .start();
        assertTrue(process.waitFor(30, TimeUnit.SECONDS));
        assertEquals(0, process.exitValue(), () -> {
            try {
                return command + Files.readString(dir.resolve("openssl.log"));
            } catch (java.io.IOException e) {
                return e.toString();
            }
        });
    }

    private void certificate(String name, String... subjectAlternative) throws Exception {
        Path extension = Files.writeString(
                dir.resolve(name + ".ext"), subjectAlternative.length == 0 ? "" : subjectAlternative[0] + "\n");
        openssl(
                "req",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-subj",
                "/CN=" + name,
                "-keyout",
                file(name + ".key"),
                "-out",
                file(name + ".csr"));
        openssl(
                "x509",
                "-req",
                "-in",
                file(name + ".csr"),
                "-CA",
                file("ca.pem"),
                "-CAkey",
                file("ca.key"),
                "-CAcreateserial",
                "-days",
                "2",
                "-out",
                file(name + ".pem"),
                "-extfile",
                extension.toString());
    }

    private String file(String name) {
        return dir.resolve(name).toString();
    }

    @Test
    void bothSidesShowTheirCertificates() throws Exception {
        openssl(
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=authority",
                "-keyout",
                file("ca.key"),
                "-out",
                file("ca.pem"));
        certificate("server", "subjectAltName=IP:127.0.0.1");
        certificate("client");
        List<String> tls = List.of(
                "--cert-file=" + file("server.pem"),
                "--key-file=" + file("server.key"),
                "--trusted-ca-file=" + file("ca.pem"),
                "--client-cert-auth=true",
                "--enable-v2=true");
        TlsFiles complete = new TlsFiles(
                Optional.of(dir.resolve("ca.pem")),
                Optional.of(dir.resolve("client.pem")),
                Optional.of(dir.resolve("client.key")));
        openssl("pkcs8", "-topk8", "-in", file("client.key"), "-passout", "pass:k3y", "-out", file("client.enc"));
        TlsFiles encrypted = new TlsFiles(
                complete.authorities(),
                complete.certificate(),
                Optional.of(dir.resolve("client.enc")),
                Optional.of("k3y"));
        assertFalse(encrypted.toString().contains("k3y"), encrypted.toString());
        TlsFiles anonymous = new TlsFiles(Optional.of(dir.resolve("ca.pem")), Optional.empty(), Optional.empty());
        try (EtcdServers servers = EtcdServers.start(dir.resolve("etcd"), 1, "https", tls);
                EtcdDcs dcs = new EtcdDcs(as(servers, Optional.empty(), complete));
                EtcdV2Dcs older = new EtcdV2Dcs(as(servers, Optional.empty(), encrypted));
                EtcdDcs unknown = new EtcdDcs(as(servers, Optional.empty(), anonymous));
                EtcdDcs untrusting = new EtcdDcs(as(servers, Optional.empty(), TlsFiles.NONE))) {
            await(Duration.ofSeconds(30), "it answers", () -> dcs.read(TIMEOUT).isUnlocked());
            assertInstanceOf(WriteResult.Written.class, dcs.writeConfig("{}", Expected.absent(), TIMEOUT));
            assertTrue(older.read(TIMEOUT).config().isEmpty(), "each API has keys of its own");
            assertThrows(DcsException.class, () -> unknown.read(Duration.ofSeconds(2)));
            String why = assertThrows(DcsException.class, () -> untrusting.read(Duration.ofSeconds(2)))
                    .getMessage();
            assertTrue(why.contains("PKIX"), why);
        }
        assertThrows(
                java.io.IOException.class,
                () -> new TlsFiles(Optional.of(dir.resolve("ca.key")), Optional.empty(), Optional.empty()).context());
    }

    @Test
    void dnsNamesTheServers() {
        Map<String, List<String>> records = Map.of(
                "_etcd-client-blue._tcp.example.com",
                List.of("0 0 2379 a.example.com.", "0 0 2380 b.example.com."),
                "_etcd-ssl-blue._tcp.example.com",
                List.of("0 0 1 c.example.com."));
        SrvRecords srv = new SrvRecords(
                new EtcdSettings.Discovery("example.com", Optional.of("blue")),
                name -> records.getOrDefault(name, List.of()));
        assertEquals(
                List.of(URI.create("http://a.example.com:2379"), URI.create("http://b.example.com:2380")),
                srv.look().clients());
        SrvRecords peers = new SrvRecords(
                new EtcdSettings.Discovery("example.com", Optional.empty()),
                name -> name.equals("_etcd-server._tcp.example.com") ? List.of("0 0 2380 a.example.com.") : List.of());
        assertEquals(new SrvRecords.Found(List.of(), List.of(URI.create("http://a.example.com:2380"))), peers.look());
        SrvRecords none =
                new SrvRecords(new EtcdSettings.Discovery("example.com", Optional.empty()), name -> List.of());
        assertEquals(new SrvRecords.Found(List.of(), List.of()), none.look());
    }
}
