package dev.matriarch.agent.join;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.certificates.OwnTls;
import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.LocalConfig;
import dev.matriarch.agent.config.NodeConfig;
import dev.matriarch.agent.config.WitnessConfig;
import dev.matriarch.agent.rpc.FakeLocalAgent;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.agent.rpc.RpcTransport;
import dev.matriarch.proto.control.v1.GetAuthorityReply;
import dev.matriarch.proto.control.v1.GetAuthorityRequest;
import dev.matriarch.proto.control.v1.JoinClusterReply;
import dev.matriarch.proto.control.v1.JoinClusterRequest;
import dev.matriarch.proto.control.v1.JoinServiceGrpc;
import dev.matriarch.proto.control.v1.ListTokensRequest;
import dev.matriarch.proto.control.v1.PrepareJoinReply;
import dev.matriarch.proto.control.v1.TokenServiceGrpc;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.OwnFiles;
import dev.matriarch.tls.authority.PemText;
import io.grpc.stub.StreamObserver;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code matriarch join}: what a host gets, and what it may not be or have. */
@Timeout(120)
class JoinTest {
    @TempDir
    Path dir;

    private JoinScene scene;

    @BeforeEach
    void open() throws Exception {
        scene = new JoinScene(dir);
    }

    @AfterEach
    void close() throws Exception {
        scene.close();
    }

    @Test
    void aHostWithATokenGetsItsCertificateAndItsConfiguration() throws Exception {
        JoinToken token = scene.token();
        assertEquals(List.of(scene.n1.toString()), token.addresses());
        assertEquals(0, scene.join(token, "n2"), () -> scene.said);
        Path home = dir.resolve("n2");
        Path file = home.resolve("matriarch.yml");
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
        OwnFiles files = new OwnFiles(home.resolve("tls"));
        for (String name : List.of("node.pem", "authority.pem", "ca.crt")) {
            assertEquals(
                    "rw-------",
                    PosixFilePermissions.toString(
                            Files.getPosixFilePermissions(files.directory().resolve(name))));
        }
        files.certificate().verify(scene.authority.certificate().getPublicKey());
        assertEquals(scene.authority.certificate(), files.authority().certificate());
        assertEquals(
                "O=demo,CN=n2", files.certificate().getSubjectX500Principal().getName());
        // Certificate and key fit each other, and the others accept them.
        LiveTls live = new LiveTls(TlsFiles.own(files.directory(), JoinScene.LIFE), s -> {});
        RpcTransport transport = scene.opened(new RpcTransport(Optional.of(live)));
        Peers n2 = scene.opened(new Peers(transport, "demo", "n2"));
        assertEquals(
                "used",
                TokenServiceGrpc.newBlockingStub(n2.channel(scene.n1))
                        .withDeadlineAfter(30, TimeUnit.SECONDS)
                        .listTokens(ListTokensRequest.getDefaultInstance())
                        .getTokens(0)
                        .getState());

        AgentConfig config = LocalConfig.read(Optional.of(file), Map.of()).config();
        assertEquals("n2", config.name());
        assertEquals("demo", config.scope());
        assertEquals(
                new HostPort("127.0.0.2", scene.n1.port()), config.control().listen());
        assertEquals(
                new HostPort("127.0.0.2", 7000), config.builtIn().orElseThrow().selfAddress());
        assertEquals(
                List.of(new HostPort("127.0.0.1", 7000)),
                config.builtIn().orElseThrow().partners());
        assertEquals(home.resolve("data"), config.postgres().dataDir());
        assertFalse(config.tags().containsKey("nofailover"), () -> config.tags().toString());
        assertTrue(Files.readString(file).contains("secret-1"));
        assertTrue(Files.readString(file).contains("password: \"secret-2\"")
                || Files.readString(file).contains("password: secret-2"));
        assertTrue(scene.said.contains("Now start the agent: matriarch " + file), scene.said);
        assertFalse(scene.said.contains("secret-"), scene.said);
        assertEquals("127.0.0.2:7000", scene.store.invitations().getFirst().getAddress());
        assertFalse(scene.store
                .tokens()
                .getFirst()
                .note()
                .toString()
                .contains(token.secret().toStringUtf8()));
    }

    @Test
    void aWitnessGetsItsCertificateAndNoPasswords() throws Exception {
        JoinToken token = scene.token();
        assertEquals(0, scene.join(token, "w", "--witness"), () -> scene.said);
        Path file = dir.resolve("w/witness.yml");
        assertTrue(scene.said.contains("Now start the witness: matriarch witness " + file), scene.said);
        String written = Files.readString(file);
        assertFalse(written.contains("password") || written.contains("secret-"), written);
        WitnessConfig config = WitnessConfig.load(file, Map.of());
        assertEquals("w", config.name());
        assertEquals(new HostPort("127.0.0.2", 7000), config.raft().selfAddress());
        assertEquals(List.of(new HostPort("127.0.0.1", 7000)), config.raft().partners());
        // Its agent makes it no other one at its start: the others call it by the address that stands there.
        assertEquals(
                Optional.empty(), OwnTls.of(NodeConfig.of(config)).orElseThrow().renewIfDue(Instant.now()));
        assertEquals("w", scene.store.invitations().getFirst().getName());
        assertFalse(Files.exists(dir.resolve("w/data")));
    }

    @Test
    void aListenerGetsItsDoorAndNoPasswords() throws Exception {
        JoinToken token = scene.token();
        // Another listener is nobody that a peer without a store could find it by.
        scene.store.peers = List.of(
                new JoinStore.Peer("n1", "127.0.0.1:7000", true), new JoinStore.Peer("l0", "127.0.0.9:7000", false));
        assertEquals(2, scene.join(token, "l", "--listener", "--witness"), () -> scene.said);
        assertEquals(0, scene.join(token, "l", "--listener"), () -> scene.said);
        Path file = dir.resolve("l/listener.yml");
        assertTrue(scene.said.contains("Now start the listener: matriarch listener " + file), scene.said);
        assertFalse(scene.said.contains("Before it starts"), scene.said);
        String written = Files.readString(file);
        assertFalse(written.contains("password") || written.contains("secret-"), written);
        WitnessConfig config = WitnessConfig.loadListener(file, Map.of());
        assertEquals(new HostPort("127.0.0.2", 7000), config.raft().selfAddress());
        assertEquals(List.of(new HostPort("127.0.0.1", 7000)), config.raft().partners());
        assertEquals(
                new HostPort("127.0.0.2", 8008), config.rest().orElseThrow().listen());
        assertEquals(
                Optional.empty(), OwnTls.of(NodeConfig.of(config)).orElseThrow().renewIfDue(Instant.now()));
        assertEquals("127.0.0.2:7000", scene.store.invitations().getFirst().getAddress());
    }

    /** As a member answers that knows no witnesses: it would make a member, and use the token up for it. */
    @Test
    void aMemberOfAnOlderVersionMakesNoMemberOfAWitness() throws Exception {
        JoinToken token = scene.token();
        AtomicInteger used = new AtomicInteger();
        HostPort older = JoinScene.freePort();
        scene.door(
                "n1",
                older,
                JoinScene.certified(dir.resolve("older"), "n1", scene.authority),
                Optional.empty(),
                agent -> List.of(new JoinServiceGrpc.JoinServiceImplBase() {
                    @Override
                    public void getAuthority(GetAuthorityRequest request, StreamObserver<GetAuthorityReply> reply) {
                        reply.onNext(GetAuthorityReply.newBuilder()
                                .setCertificate(PemText.of(scene.authority.certificate()))
                                .setNowMillis(System.currentTimeMillis())
                                .build());
                        reply.onCompleted();
                    }

                    @Override
                    public void prepareJoin(JoinClusterRequest request, StreamObserver<PrepareJoinReply> reply) {
                        reply.onNext(PrepareJoinReply.newBuilder()
                                .setTlsDirectory(dir.resolve("w/tls").toString())
                                .build());
                        reply.onCompleted();
                    }

                    @Override
                    public void joinCluster(JoinClusterRequest request, StreamObserver<JoinClusterReply> reply) {
                        used.incrementAndGet();
                    }
                }));
        JoinToken asked = new JoinToken(
                token.id(), token.secret(), token.authority(), List.of(older.toString()), token.expires(), "demo");
        scene.refused(asked, "w", "its version lets members in by a token, and no witness", "--witness");
        scene.refused(asked, "w", "no listener; upgrade it, or add the listener by hand", "--listener");
        assertEquals(0, used.get());
    }

    @Test
    void namesAndAddressesInUseAreRefusedAndUseNothingUp() throws Exception {
        JoinToken token = scene.token();
        scene.tell(
                FakeLocalAgent.member("n1", "primary", scene.n1.toString()),
                FakeLocalAgent.member("n3", "replica", "127.0.0.3:8009"));
        scene.refused(token, "n3", "there is a member n3 already", "--address", "127.0.0.4");
        scene.refused(token, "n2", "the address 127.0.0.3 is that of member n3", "--address", "127.0.0.3");
        scene.refused(
                token, "n2", "the address no-such-host.invalid is not known", "--address", "no-such-host.invalid");
        scene.refused(token, "n2", "this host has not the address 192.0.2.1", "--address", "192.0.2.1");
        scene.store.peers = List.of(new JoinStore.Peer("gone", "127.0.0.2:7000", true));
        scene.refused(token, "n2", "the peer gone is in the store already");
        scene.store.peers = List.of();
        scene.refused(token, "n2", "does not know its peers at the moment");
        JoinStore.Peer voter = new JoinStore.Peer("n1", "127.0.0.1:7000", true);
        scene.store.peers = List.of(voter, new JoinStore.Peer("l", "127.0.0.2:7000", false));
        scene.refused(token, "n2", "the peer l is in the store already");
        scene.store.peers = List.of(voter);
        assertEquals(0, scene.join(token, "n2"), () -> scene.said);
    }

    @Test
    void nothingIsOverwritten() throws Exception {
        JoinToken token = scene.token();
        Path data = Files.createDirectories(dir.resolve("n2/data"));
        Files.writeString(data.resolve("PG_VERSION"), "15");
        scene.refused(token, "n2", data + " holds files already, and was not changed");
        Files.delete(data.resolve("PG_VERSION"));
        Path raft = Files.createDirectories(dir.resolve("n2/raft"));
        Files.writeString(raft.resolve("identity.json"), "{}");
        scene.refused(token, "n2", raft + " holds files already, and was not changed");
        Files.delete(raft.resolve("identity.json"));
        Path file = dir.resolve("n2/matriarch.yml");
        Files.writeString(file, "mine");
        assertEquals(1, scene.join(token, "n2"));
        assertTrue(scene.said.contains(file + " exists already and was not changed"), scene.said);
        assertEquals("mine", Files.readString(file));
        Files.delete(file);
        assertEquals("open", scene.rows().getFirst().getState());
        assertEquals(0, scene.join(token, "n2"), () -> scene.said);
    }

    @Test
    void clocksFarApartAreRefused() throws Exception {
        JoinToken token = scene.token();
        scene.hostsClock = Duration.ofHours(2).plusSeconds(30);
        scene.refused(token, "n2", "the clock of this host is 2 h ahead of that of member n1");
        scene.hostsClock = Duration.ofDays(-400);
        scene.refused(token, "n2", "the clock of this host is 400 d behind that of member n1");
        // Whoever does not look himself is refused all the same.
        JoinClusterRequest request = JoinClusterRequest.newBuilder()
                .setTokenId(token.id())
                .setSecret(token.secret())
                .setName("n2")
                .setHost("127.0.0.2")
                .setNowMillis(1)
                .build();
        String why = JoinServiceGrpc.newBlockingStub(scene.peers.channel(scene.n1))
                .withDeadlineAfter(30, TimeUnit.SECONDS)
                .joinCluster(request)
                .getProblem();
        assertTrue(why.startsWith("the clock of this host is "), why);
    }

    /** The test's own deadline is that of the class. */
    @Test
    void aMemberThatStartsJustNowIsAskedAgain() throws Exception {
        JoinToken token = scene.token();
        HostPort late = JoinScene.freePort();
        JoinToken named = new JoinToken(
                token.id(), token.secret(), token.authority(), List.of(late.toString()), token.expires(), "demo");
        scene.patience = Duration.ofMillis(1);
        scene.refused(named, "n2", "no member that the token names could be used; nothing was changed:\n  " + late);
        assertTrue(scene.said.contains("Connection refused"), scene.said);

        scene.patience = Duration.ofSeconds(60);
        FutureTask<Integer> joining = new FutureTask<>(() -> scene.join(named, "n2"));
        Thread.ofPlatform().daemon().start(joining);
        while (!scene.heard.toString(StandardCharsets.UTF_8).contains("Waiting up to 60 s for a member")) {
            assertFalse(joining.isDone(), () -> scene.heard.toString(StandardCharsets.UTF_8));
            Thread.sleep(10);
        }
        scene.doorOfN1(late);
        assertEquals(0, joining.get(100, TimeUnit.SECONDS), () -> scene.said);
    }
}
