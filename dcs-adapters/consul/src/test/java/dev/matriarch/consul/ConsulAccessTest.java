package dev.matriarch.consul;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import dev.matriarch.consul.ConsulSettings.Changeable;
import dev.matriarch.consul.ConsulSettings.Consistency;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.TlsFiles;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokens, certificates, datacenters, the least time of a session, and members as services: on real servers. */
@Tag("slow")
class ConsulAccessTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String ROOT = "b1gs33cr-3333-4444-5555-666666666666";
    private static final Duration TTL = Duration.ofSeconds(20);

    @TempDir
    Path dir;

    private static Changeable with(String token, boolean register, String... tags) {
        return new Changeable(
                Optional.ofNullable(token), Optional.empty(), Consistency.DEFAULT, register, List.of(tags));
    }

    private static Member as(String role, String state) {
        Member m = member("n 1", state);
        return m.but().state(state).role(role).build();
    }

    @Test
    void whatATokenMayNotDoIsSaidAndNeverTakenForAnEmptyStore() throws Exception {
        String acl = ", \"acl\": {\"enabled\": true, \"default_policy\": \"deny\", \"tokens\": {\"master\": \"" + ROOT
                + "\", \"agent\": \"" + ROOT + "\"}}";
        try (ConsulServers servers = ConsulServers.start(dir.resolve("consul"), 1, acl, ROOT)) {
            URI address = servers.address(0);
            // As docs/external-stores.md asks for it.
            String rules =
                    "key_prefix \"service/demo/\" { policy = \"write\" } session_prefix \"\" { policy = \"write\" }"
                            + " service \"demo\" { policy = \"write\" }";
            servers.ask(
                    0,
                    "PUT",
                    "acl/policy",
                    JSON.createObjectNode().put("Name", "m").put("Rules", rules).toString());
            JsonNode token = JSON.readTree(servers.ask(0, "PUT", "acl/token", "{\"Policies\": [{\"Name\": \"m\"}]}"));
            String secret = token.path("SecretID").asText();
            assertFalse(secret.isEmpty(), token::toString);
            try (ConsulDcs dcs = new ConsulDcs(ConsulContractTest.settings(address, "demo", "n1", with(secret, true)));
                    ConsulDcs nobody =
                            new ConsulDcs(ConsulContractTest.settings(address, "demo", "n2", with(null, false)));
                    ConsulDcs wrong = new ConsulDcs(ConsulContractTest.settings(
                            address, "demo", "n3", with("11111111-2222-3333-4444-555555555555", false)))) {
                assertTrue(dcs.read(TIMEOUT).isUnlocked());
                long epoch = epoch(dcs.acquireLeader("n1", TTL, Long.MAX_VALUE, TIMEOUT));
                dcs.touchMember(as("primary", "running"), TTL, TIMEOUT);
                assertTrue(
                        servers.ask(0, "GET", "agent/services", "").contains("demo/n 1"),
                        "the token is enough for the service");
                assertInstanceOf(WriteResult.Written.class, dcs.writeConfig("{}", Expected.absent(), TIMEOUT));
                for (ConsulDcs refused : List.of(nobody, wrong)) {
                    String why = assertThrows(DcsException.class, () -> refused.read(TIMEOUT))
                            .getMessage();
                    assertTrue(why.contains("token"), why);
                    assertFalse(why.contains("2222"), why);
                    assertThrows(DcsException.class, () -> refused.acquireLeader("n3", TTL, Long.MAX_VALUE, TIMEOUT));
                    assertThrows(DcsException.class, () -> refused.touchMember(as("replica", "running"), TTL, TIMEOUT));
                }
                assertThrows(DcsException.class, () -> nobody.renewLeader("n1", epoch, TTL, Optional.empty(), TIMEOUT));
                wrong.change(with(secret, false));
                assertEquals("n1", wrong.read(TIMEOUT).leader().orElseThrow().name(), "a reloaded token counts");

                // As Consul does when it has expired. It says nothing of the lock: that may be held still.
                String other = JSON.readTree(servers.ask(0, "PUT", "acl/token", "{\"Policies\": [{\"Name\": \"m\"}]}"))
                        .path("SecretID")
                        .asText();
                servers.ask(0, "DELETE", "acl/token/" + token.path("AccessorID").asText(), "");
                String why = assertThrows(
                                DcsException.class, () -> dcs.renewLeader("n1", epoch, TTL, Optional.empty(), TIMEOUT))
                        .getMessage();
                assertTrue(why.contains("token"), why);
                assertThrows(DcsException.class, () -> dcs.read(TIMEOUT));
                dcs.change(with(other, true));
                assertEquals(new LeaseResult.Held(epoch), dcs.renewLeader("n1", epoch, TTL, Optional.empty(), TIMEOUT));
            }
        }
    }

    @Test
    void aMemberIsAServiceWithItsRoleAndACheckOfIt() throws Exception {
        AtomicReference<String> checked = new AtomicReference<>("");
        HttpServer rest = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        rest.createContext("/", exchange -> {
            checked.set(exchange.getRequestURI().getPath());
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        rest.start();
        try (ConsulServers servers = ConsulServers.start(dir.resolve("consul"), 1);
                ConsulDcs dcs = new ConsulDcs(ConsulContractTest.settings(
                        servers.address(0), "My_Cluster é", "n 1", with(null, true, "z", "a")))) {
            String api = "http://127.0.0.1:" + rest.getAddress().getPort() + "/patroni";
            dcs.touchMember(at(api, as("replica", "starting")), TTL, TIMEOUT);
            assertEquals("{}", servers.ask(0, "GET", "agent/services", "").strip(), "only who runs is one");
            dcs.touchMember(at(api, as("replica", "running")), TTL, TIMEOUT);
            JsonNode service =
                    JSON.readTree(servers.ask(0, "GET", "agent/services", "")).path("My_Cluster é/n 1");
            assertEquals("my-cluster-u0233", service.path("Service").asText());
            assertEquals("[\"a\",\"z\",\"replica\"]", service.path("Tags").toString());
            assertEquals("127.0.0.1", service.path("Address").asText());
            assertEquals(5432, service.path("Port").asInt());
            assertTrue(service.path("EnableTagOverride").asBoolean());
            await(
                    Duration.ofSeconds(20),
                    "Consul finds it healthy",
                    () -> servers.ask(0, "GET", "health/service/my-cluster-u0233?tag=replica&passing", "")
                                    .contains("5432")
                            && checked.get().equals("/replica"));

            dcs.touchMember(at(api, as("primary", "running")), TTL, TIMEOUT);
            service = JSON.readTree(servers.ask(0, "GET", "agent/services", "")).path("My_Cluster é/n 1");
            assertEquals(
                    "[\"a\",\"z\",\"primary\",\"master\"]", service.path("Tags").toString());
            await(
                    Duration.ofSeconds(20),
                    "it is asked for its new role",
                    () -> checked.get().equals("/primary"));
            dcs.change(with(null, true, "b"));
            dcs.touchMember(at(api, as("primary", "running")), TTL, TIMEOUT);
            assertTrue(servers.ask(0, "GET", "agent/services", "").contains("\"b\""), "reloaded tags count");
            dcs.touchMember(at(api, as("primary", "stopped")), TTL, TIMEOUT);
            assertEquals("{}", servers.ask(0, "GET", "agent/services", "").strip(), "who stops is none");
            dcs.touchMember(at(api, as("replica", "running")), TTL, TIMEOUT);
            dcs.change(with(null, false));
            dcs.touchMember(at(api, as("replica", "running")), TTL, TIMEOUT);
            assertEquals("{}", servers.ask(0, "GET", "agent/services", "").strip(), "nor who does not want to be");
            assertEquals("a".repeat(230), ConsulService.nameOf("a".repeat(300)));
        } finally {
            rest.stop(0);
        }
    }

    private static Member at(String apiUrl, Member m) {
        return m.but().apiUrl(apiUrl).build();
    }

    private void openssl(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("openssl"));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve("openssl.log").toFile())
                .start();
        assertTrue(process.waitFor(30, TimeUnit.SECONDS));
        assertEquals(0, process.exitValue(), command::toString);
    }

    private String file(String name) {
        return dir.resolve(name).toString();
    }

    private void certificate(String name, String extension) throws Exception {
        Path extensions = Files.writeString(dir.resolve(name + ".ext"), extension + "\n");
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
                extensions.toString());
    }

    @Test
    void bothSidesShowTheirCertificatesAndSessionsAreNoShorterThanConsulAllows() throws Exception {
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
        // Its name is not that of the address: only who does not look accepts it.
        certificate("server", "subjectAltName=DNS:elsewhere.example.com");
        certificate("client", "");
        int https = ConsulServers.freePort();
        String more =
                (", \"addresses\": {\"https\": \"127.0.0.1\"}, \"verify_incoming_https\": true, \"ca_file\": \"%s\","
                                + " \"cert_file\": \"%s\", \"key_file\": \"%s\", \"datacenter\": \"north\"")
                        .formatted(file("ca.pem"), file("server.pem"), file("server.key"));
        try (ConsulServers servers =
                ConsulServers.start(dir.resolve("consul"), 1, more, "", ", \"https\": " + https, "5s")) {
            assertEquals(0, servers.leader());
            URI address = URI.create("https://127.0.0.1:" + https);
            TlsFiles complete = new TlsFiles(
                    Optional.of(dir.resolve("ca.pem")),
                    Optional.of(dir.resolve("client.pem")),
                    Optional.of(dir.resolve("client.key")));
            TlsFiles anonymous = new TlsFiles(Optional.empty(), Optional.empty(), Optional.empty());
            try (ConsulDcs strict = new ConsulDcs(over(address, complete, true, "north"));
                    ConsulDcs lenient = new ConsulDcs(over(address, complete, false, "north"));
                    ConsulDcs unknown = new ConsulDcs(over(address, anonymous, false, "north"));
                    ConsulDcs lost = new ConsulDcs(over(address, complete, false, "south"))) {
                String why = assertThrows(DcsException.class, () -> strict.read(Duration.ofSeconds(2)))
                        .getMessage();
                assertTrue(why.contains("127.0.0.1"), why);
                assertThrows(DcsException.class, () -> unknown.read(Duration.ofSeconds(2)));
                assertTrue(lenient.read(TIMEOUT).isUnlocked());
                assertThrows(DcsException.class, () -> lost.read(Duration.ofSeconds(2)), "no such datacenter");
                long sent = System.nanoTime();
                long epoch = epoch(lenient.acquireLeader("n1", Duration.ofSeconds(4), Long.MAX_VALUE, TIMEOUT));
                epoch(lenient.renewLeader("n1", epoch, Duration.ofSeconds(4), Optional.empty(), TIMEOUT));
                await(
                        Duration.ofSeconds(25),
                        "it ends",
                        () -> lenient.read(TIMEOUT).isUnlocked());
                assertTrue(System.nanoTime() - sent >= 10_000_000_000L, "later than asked for, never earlier");
            }
        }
    }

    private static ConsulSettings over(URI address, TlsFiles tls, boolean verify, String datacenter) {
        return new ConsulSettings(
                "service/tls/",
                "tls",
                "n1",
                address,
                tls,
                verify,
                List.of(),
                new ConsulSettings.Service("5s", Optional.empty()),
                new Changeable(Optional.empty(), Optional.of(datacenter), Consistency.CONSISTENT, false, List.of()));
    }

    @Test
    void aTokenThatNoHeaderMayHoldEndsNothingAndIsNotShown() throws Exception {
        URI nobody = URI.create("http://127.0.0.1:" + ConsulServers.freePort());
        try (ConsulDcs dcs =
                new ConsulDcs(ConsulContractTest.settings(nobody, "demo", "n1", with("s3cret\n", false)))) {
            String why =
                    assertThrows(DcsException.class, () -> dcs.read(TIMEOUT)).getMessage();
            assertTrue(why.contains("check token"), why);
            assertFalse((why + dcs.health()).contains("s3cret"), why);
        }
    }

    @Test
    void whatIsNoConsulIsNotTakenForAnEmptyOne() throws Exception {
        HttpServer other = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        AtomicReference<Integer> status = new AtomicReference<>(404);
        other.createContext("/", exchange -> {
            byte[] text = "<html>nothing here</html>".getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(status.get(), text.length);
            exchange.getResponseBody().write(text);
            exchange.close();
        });
        other.start();
        URI address = URI.create("http://127.0.0.1:" + other.getAddress().getPort());
        Duration brief = Duration.ofMillis(300);
        try (ConsulDcs dcs =
                new ConsulDcs(ConsulContractTest.settings(address, "demo", "n1", ConsulContractTest.PLAIN))) {
            for (int answer : List.of(404, 200, 409, 500, 502, 503)) {
                status.set(answer);
                assertThrows(DcsException.class, () -> dcs.read(brief), "status " + answer);
                assertThrows(DcsException.class, () -> dcs.acquireLeader("n1", TTL, Long.MAX_VALUE, brief));
                assertThrows(DcsException.class, () -> dcs.renewLeader("n1", 7, TTL, Optional.empty(), brief));
                assertThrows(DcsException.class, () -> dcs.releaseLeader("n1", 7, Optional.empty(), brief));
                assertThrows(DcsException.class, () -> dcs.writeConfig("{}", Expected.absent(), brief));
                assertThrows(DcsException.class, () -> dcs.touchMember(as("replica", "running"), TTL, brief));
            }
            assertTrue(dcs.health().startsWith("no answer") || dcs.health().startsWith("ok"), dcs::health);
        } finally {
            other.stop(0);
        }
    }
}
