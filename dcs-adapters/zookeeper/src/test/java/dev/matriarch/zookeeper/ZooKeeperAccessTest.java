package dev.matriarch.zookeeper;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.zookeeper.ZooKeeperSettings.Access;
import dev.matriarch.zookeeper.ZooKeeperSettings.Grant;
import dev.matriarch.zookeeper.ZooKeeperSettings.Right;
import dev.matriarch.zookeeper.ZooKeeperSettings.Tls;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.server.auth.DigestAuthenticationProvider;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real server with a port for TLS that asks for certificates, one in the clear, and users of SASL. */
@Tag("slow")
class ZooKeeperAccessTest {
    private static final Duration TTL = Duration.ofSeconds(6);
    private static final Duration BRIEF = Duration.ofSeconds(1);
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final Set<Right> ALL = EnumSet.allOf(Right.class);

    @TempDir
    static Path dir;

    private static Certificates certificates;
    private static ZooKeeperServers server;
    private static int securePort;
    private static int clusters;

    private String base;

    @BeforeAll
    static void start() throws Exception {
        certificates = new Certificates(dir.resolve("tls"));
        securePort = ZooKeeperServers.freePort();
        Path users = Files.writeString(
                dir.resolve("jaas.conf"),
                "Server { " + "org.apache.zookeeper.server.auth.DigestLoginModule required user_herd=\"s:secret\"; };");
        server = ZooKeeperServers.start(
                Files.createDirectories(dir.resolve("zookeeper")),
                List.of("""
                        tickTime=500
                        serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
                        secureClientPort=%d
                        secureClientPortAddress=127.0.0.1
                        ssl.keyStore.location=%s
                        ssl.keyStore.type=PEM
                        ssl.trustStore.location=%s
                        ssl.trustStore.type=PEM
                        authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider
                        authProvider.x509=org.apache.zookeeper.server.auth.X509AuthenticationProvider
                        """.formatted(securePort, certificates.both("server"), certificates.ca())),
                List.of("-Djava.security.auth.login.config=" + users));
    }

    @AfterAll
    static void stop() throws IOException {
        if (server != null) {
            server.close();
        }
    }

    @BeforeEach
    void another() {
        base = "/service/a" + clusters++;
    }

    private static URI secure(String host) {
        return URI.create("zk://" + host + ":" + securePort);
    }

    private ZooKeeperDcs at(URI address, Access access) throws IOException {
        return new ZooKeeperDcs(new ZooKeeperSettings(base, List.of(address), Optional.empty(), access));
    }

    private ZooKeeperDcs inTheClear(List<Grant> grants, Map<String, String> credentials) throws IOException {
        return at(server.address(0), new Access(Optional.empty(), grants, credentials));
    }

    private static Access with(Tls tls, Grant... grants) {
        return new Access(Optional.of(tls), List.of(grants), Map.of());
    }

    private static Tls tls(Path certificate) {
        return new Tls(
                true, Optional.of(certificates.ca()), Optional.of(certificate), Optional.empty(), Optional.empty());
    }

    private static Grant subject(String name, Set<Right> rights) {
        return new Grant("x509", "O=demo,CN=" + name, rights);
    }

    /** @return the epoch of the lock that it holds afterwards */
    private static long assertWorks(ZooKeeperDcs dcs) throws Exception {
        assertInstanceOf(WriteResult.Written.class, dcs.writeConfig("{}", Expected.anything(), TIMEOUT));
        long epoch = epoch(dcs.acquireLeader("n1", TTL, Long.MAX_VALUE, TIMEOUT));
        for (int i = 0; i < 3; i++) {
            assertEquals(new LeaseResult.Held(epoch), dcs.renewLeader("n1", epoch, TTL, Optional.empty(), TIMEOUT));
        }
        dcs.touchMember(member("n1", "running"), TTL, TIMEOUT);
        assertTrue(dcs.read(TIMEOUT).member("n1").isPresent());
        return epoch;
    }

    private interface Call {
        void on(ZooKeeperDcs dcs) throws DcsException;
    }

    /** However long the machine takes for it, in the end the sentence is this one. */
    private static void assertSays(ZooKeeperDcs dcs, Call call, String... words) throws Exception {
        await(SOON, String.join(" … ", words), () -> {
            String said = assertThrows(DcsException.class, () -> call.on(dcs)).getMessage();
            for (String word : words) {
                if (!said.contains(word)) {
                    throw new IOException(said);
                }
            }
            return true;
        });
    }

    @Test
    void aMemberWithACertificateHoldsItsKeysForItself() throws Exception {
        Certificates.Files2 n1 = certificates.withEncryptedKey("n1", "key word");
        Tls tls = new Tls(
                true,
                Optional.of(certificates.ca()),
                Optional.of(n1.certificate()),
                Optional.of(n1.key()),
                Optional.of("key word"));
        Access access = with(tls, subject("n1", ALL), subject("n2", Set.of(Right.READ)));
        try (ZooKeeperDcs dcs = at(secure("127.0.0.1"), access);
                ZooKeeperDcs n2 = at(secure("127.0.0.1"), with(tls(certificates.both("n2"))))) {
            long epoch = assertWorks(dcs);
            assertEquals("{}", n2.read(TIMEOUT).config().orElseThrow().value());
            List<Change> heard = new CopyOnWriteArrayList<>();
            n2.onChange(heard::add);
            dcs.writeConfig("{\"ttl\":30}", Expected.anything(), TIMEOUT);
            await(TIMEOUT, "it is told", () -> heard.contains(Change.CONFIG));
            assertSays(
                    n2,
                    d -> d.writeConfig("{}", Expected.anything(), TIMEOUT),
                    "does not let this member write " + base + "/config",
                    "gives WRITE to others",
                    "n2.pem (O=demo,CN=n2",
                    "setAcl");
            assertTrue(dcs.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
            assertSays(
                    n2,
                    d -> d.acquireLeader("n2", TTL, Long.MAX_VALUE, TIMEOUT),
                    "write " + base + "/status: the ACL of " + base + "/status gives WRITE to others");
            assertSays(
                    n2,
                    d -> d.touchMember(member("n2", "running"), TTL, TIMEOUT),
                    "make " + base + "/members/n2: the ACL of " + base + "/members gives CREATE");
        }
        assertThrows(KeeperException.NoAuthException.class, () -> Raw.get(server.address(0), base + "/config"));
    }

    @Test
    void whatIsWrongWithACertificateIsSaid() throws Exception {
        Path good = certificates.both("n3");
        Tls nobody =
                new Tls(true, Optional.of(certificates.ca()), Optional.empty(), Optional.empty(), Optional.empty());
        Tls foreign = new Tls(
                true,
                Optional.of(new Certificates(dir.resolve("foreign")).ca()),
                Optional.of(good),
                Optional.empty(),
                Optional.empty());
        List<Callable<Void>> all = List.of(
                () -> {
                    try (ZooKeeperDcs elsewhere = at(secure("localhost"), with(tls(good)))) {
                        String words = "is made for 127.0.0.1, not for localhost";
                        assertSays(elsewhere, d -> d.read(BRIEF), words);
                        assertTrue(elsewhere.health().contains(words), elsewhere::health);
                        assertSays(elsewhere, d -> d.touchMember(member("n3", "running"), TTL, BRIEF), words);
                    }
                    return null;
                },
                () -> {
                    try (ZooKeeperDcs anonymous = at(secure("127.0.0.1"), with(nobody))) {
                        assertSays(anonymous, d -> d.read(BRIEF), "asks for a client certificate", "give cert and key");
                    }
                    return null;
                },
                () -> {
                    try (ZooKeeperDcs stranger = at(secure("127.0.0.1"), with(foreign))) {
                        assertSays(stranger, d -> d.read(BRIEF), "none of the authorities in", "ca.pem");
                    }
                    return null;
                });
        try (ExecutorService together = Executors.newVirtualThreadPerTaskExecutor()) {
            for (Future<Void> each : together.invokeAll(all)) {
                each.get();
            }
        }
        Tls missing = tls(dir.resolve("there-is-none.pem"));
        assertTrue(assertThrows(IOException.class, () -> at(secure("127.0.0.1"), with(missing)))
                .getMessage()
                .contains("there-is-none.pem cannot be read"));
        Access reversed = with(tls(good), new Grant("x509", "CN=n3,O=demo", ALL));
        assertTrue(assertThrows(IOException.class, () -> at(secure("127.0.0.1"), reversed))
                .getMessage()
                .endsWith("which ZooKeeper writes as O=demo,CN=n3"));
    }

    @Test
    void withoutVerificationAnyCertificateOfTheServerIsGoodEnough() throws Exception {
        Tls careless = new Tls(
                false,
                Optional.of(new Certificates(dir.resolve("other")).ca()),
                Optional.of(certificates.both("n4")),
                Optional.empty(),
                Optional.empty());
        try (ZooKeeperDcs dcs = at(secure("localhost"), with(careless))) {
            assertWorks(dcs);
        }
    }

    @Test
    void aRenewedCertificateIsShownFromTheNextConnectionOn() throws Exception {
        Path own = new Certificates(dir.resolve("old")).both("n5");
        try (ZooKeeperDcs dcs = at(secure("127.0.0.1"), with(tls(own)))) {
            assertSays(dcs, d -> d.read(BRIEF), "refused this side's certificate");
            Files.move(certificates.both("n5-renewed"), own, StandardCopyOption.REPLACE_EXISTING);
            await(SOON, "it is let in", () -> dcs.read(BRIEF).isUnlocked());
            dcs.touchMember(member("n5", "running"), TTL, TIMEOUT);
        }
    }

    private static Grant digest(String credential) throws Exception {
        return new Grant("digest", DigestAuthenticationProvider.generateDigest(credential), ALL);
    }

    @Test
    void aUserWithAPasswordHoldsItsKeysForItself() throws Exception {
        try (ZooKeeperDcs ours = inTheClear(List.of(digest("herd:secret")), Map.of("digest", "herd:secret"));
                ZooKeeperDcs wrong = inTheClear(List.of(), Map.of("digest", "herd:guessed"));
                ZooKeeperDcs nobody = inTheClear(List.of(), Map.of())) {
            assertWorks(ours);
            assertSays(wrong, d -> d.read(TIMEOUT), "let this member read " + base + "/", "digest user herd");
            assertSays(nobody, d -> d.read(TIMEOUT), "nobody in particular: no auth_data, no cert");
            assertFalse(wrong.health().contains("guessed"), wrong::health);
        }
    }

    @Test
    void aUserOfSaslHoldsItsKeysForItself() throws Exception {
        Grant herd = new Grant("sasl", "herd", ALL);
        try (ZooKeeperDcs ours = inTheClear(List.of(herd), Map.of("sasl", "herd:s:secret"));
                ZooKeeperDcs nobody = inTheClear(List.of(), Map.of())) {
            assertWorks(ours);
            assertSays(nobody, d -> d.read(TIMEOUT), "let this member read " + base + "/");
        }
    }

    @Test
    void credentialsThatAServerTakesFromNobodyAreNamedAndNotForEver() throws Exception {
        for (Map<String, String> bad : List.of(Map.of("sasl", "herd:guessed"), Map.of("kerberos", "x:y"))) {
            try (Door door = new Door(server.address(0));
                    ZooKeeperDcs dcs = at(door.address(), new Access(Optional.empty(), List.of(), bad))) {
                assertSays(dcs, d -> d.read(BRIEF), "does not accept this member's credentials", "auth_data");
                int clients = door.clients();
                await(SOON, "they are shown again", () -> {
                    assertThrows(DcsException.class, () -> dcs.read(BRIEF));
                    return door.clients() > clients;
                });
                assertSays(dcs, d -> d.read(BRIEF), "does not accept this member's credentials", "auth_data");
                assertSays(
                        dcs,
                        d -> d.touchMember(member("n1", "running"), TTL, BRIEF),
                        "does not accept this member's credentials");
            }
        }
    }

    @Test
    void anAclThatNoServerKnowsIsNamed() throws Exception {
        try (ZooKeeperDcs dcs = inTheClear(List.of(new Grant("ip", "no address", ALL)), Map.of())) {
            assertSays(dcs, d -> d.writeConfig("{}", Expected.anything(), TIMEOUT), "set_acls");
        }
    }

    @Test
    void nobodyElseOfThisHostComesThroughTheTunnel() throws Exception {
        TlsClient tls = new TlsClient(tls(certificates.both("n6")));
        assertTrue(answerThrough(tls, Duration.ofSeconds(10), Socket::getLocalSocketAddress).length > 0);
        assertEquals(0, answerThrough(tls, Duration.ofMillis(100), s -> null).length);
        assertEquals(
                0,
                answerThrough(
                                tls,
                                Duration.ofMillis(100),
                                s -> new InetSocketAddress("127.0.0.1", s.getLocalPort() - 1))
                        .length);
    }

    /** @param said where the tunnel's client says that it comes from */
    private static byte[] answerThrough(TlsClient tls, Duration untilKnown, Function<Socket, SocketAddress> said)
            throws IOException {
        try (Tunnel tunnel = new Tunnel(tls, untilKnown);
                Socket socket = new Socket()) {
            socket.setSoTimeout((int) SOON.toMillis());
            socket.connect(tunnel.towards(secure("127.0.0.1")));
            tunnel.isOf(() -> said.apply(socket));
            // The server answers to this, whether it likes the word or not, and ends the connection.
            socket.getOutputStream().write("srvr".getBytes(StandardCharsets.US_ASCII));
            return socket.getInputStream().readAllBytes();
        }
    }
}
