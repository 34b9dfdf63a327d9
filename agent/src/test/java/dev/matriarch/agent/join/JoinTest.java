package dev.matriarch.agent.join;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.matriarch.agent.certificates.CertificateEndpoint;
import dev.matriarch.agent.certificates.Members;
import dev.matriarch.agent.certificates.OwnTls;
import dev.matriarch.agent.certificates.ShownCertificate;
import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.LocalConfig;
import dev.matriarch.agent.config.NodeConfig;
import dev.matriarch.agent.config.WitnessConfig;
import dev.matriarch.agent.rpc.FakeDcs;
import dev.matriarch.agent.rpc.FakeLocalAgent;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.agent.rpc.RpcDoor;
import dev.matriarch.agent.rpc.RpcTransport;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.CreateTokenReply;
import dev.matriarch.proto.control.v1.CreateTokenRequest;
import dev.matriarch.proto.control.v1.GetAuthorityReply;
import dev.matriarch.proto.control.v1.GetAuthorityRequest;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.control.v1.JoinClusterReply;
import dev.matriarch.proto.control.v1.JoinClusterRequest;
import dev.matriarch.proto.control.v1.JoinServiceGrpc;
import dev.matriarch.proto.control.v1.ListTokensRequest;
import dev.matriarch.proto.control.v1.PrepareJoinReply;
import dev.matriarch.proto.control.v1.RevokeTokenReply;
import dev.matriarch.proto.control.v1.RevokeTokenRequest;
import dev.matriarch.proto.control.v1.TokenRow;
import dev.matriarch.proto.control.v1.TokenServiceGrpc;
import dev.matriarch.tls.ClientTls;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.NextAuthority;
import dev.matriarch.tls.authority.NodeName;
import dev.matriarch.tls.authority.OwnCertificate;
import dev.matriarch.tls.authority.OwnFiles;
import dev.matriarch.tls.authority.PemText;
import io.grpc.BindableService;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
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

/** {@code matriarch join} and the members' doors, with TLS between them. */
@Timeout(120)
class JoinTest {
    private static final Duration LIFE = Duration.ofDays(90);
    private static final String CONFIGURATION = """
            scope: demo
            name: n1
            state_dir: HOME/state
            restapi: {listen: "127.0.0.1:8008"}
            control: {listen: "127.0.0.1:PORT"}
            raft: {data_dir: HOME/raft, self_addr: "127.0.0.1:7000", partner_addrs: []}
            postgresql:
              listen: 127.0.0.1:5432
              data_dir: HOME/data
              authentication:
                superuser: {username: postgres, password: secret-1}
                replication: {username: replicator, password_file: HOME/replication}
            tags: {nofailover: true}
            tls: {directory: HOME/raft-tls}
            """;

    @TempDir
    Path dir;

    private final List<AutoCloseable> open = new ArrayList<>();
    private final FakeDcs dcs = new FakeDcs();
    private final FakeJoinStore store = new FakeJoinStore();
    private volatile Duration membersClock = Duration.ZERO;
    private Duration hostsClock = Duration.ZERO;
    private CertificateAuthority authority;
    private HostPort n1;
    private TlsFiles tls;
    private ConfigSource source;
    private Peers peers;
    private final ByteArrayOutputStream heard = new ByteArrayOutputStream();
    private Duration patience = Duration.ofSeconds(60);
    private String said = "";

    private <T extends AutoCloseable> T opened(T one) {
        open.add(one);
        return one;
    }

    private static HostPort freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            return new HostPort("127.0.0.1", free.getLocalPort());
        }
    }

    @BeforeEach
    void member() throws Exception {
        authority = CertificateAuthority.create("demo", Instant.now());
        n1 = freePort();
        Path home = Files.createDirectories(dir.resolve("n1"));
        Files.writeString(home.resolve("replication"), "secret-2\n");
        Path file = home.resolve("matriarch.yml");
        Files.writeString(
                file, CONFIGURATION.replace("HOME", home.toString()).replace("PORT", Integer.toString(n1.port())));
        tls = certified(home.resolve("raft-tls"), "n1", authority);
        source = new ConfigSource(Optional.of(file), Map.of());
        peers = doorOfN1(n1);
        tell(FakeLocalAgent.member("n1", "primary", n1.toString()));
    }

    private Peers doorOfN1(HostPort address) throws Exception {
        return door(
                "n1",
                address,
                tls,
                Optional.of(
                        new OwnCertificate(tls.own().orElseThrow(), new NodeName("n1", "demo", List.of("127.0.0.1")))),
                agent -> List.of(new JoinEndpoint(
                        agent,
                        store,
                        tls.own().orElseThrow(),
                        source,
                        () -> Instant.now().plus(membersClock),
                        System::nanoTime)));
    }

    private void tell(Member... members) {
        dcs.set(FakeDcs.view(5, "{}", "n1", List.of(members), null));
    }

    private static TlsFiles certified(Path directory, String name, CertificateAuthority authority) throws IOException {
        OwnFiles files = new OwnFiles(directory);
        files.create();
        files.keepAuthority(authority);
        files.trust(List.of(authority.certificate()));
        files.issue(new NodeName(name, "demo", List.of("127.0.0.1")), LIFE, Instant.now());
        return TlsFiles.own(directory, LIFE);
    }

    private interface More {
        List<BindableService> of(FakeLocalAgent agent);
    }

    private Peers door(String name, HostPort address, TlsFiles tls, Optional<OwnCertificate> own, More more)
            throws Exception {
        LiveTls live = new LiveTls(tls, sentence -> {});
        RpcTransport transport = opened(new RpcTransport(Optional.of(live), () -> JoinDoor.isAjar(store)));
        Peers known = opened(new Peers(transport, "demo", name));
        FakeLocalAgent agent = new FakeLocalAgent(name, dcs);
        Members members = new Members(agent, known, Optional.empty());
        List<BindableService> services = new ArrayList<>(more.of(agent));
        services.add(new TokenEndpoint(agent, members, known, Optional.of(store), own, address));
        services.add(new CertificateEndpoint(
                agent, members, new ShownCertificate(name, Optional.of(live), own, () -> {}), false, Optional::empty));
        opened(RpcDoor.open(
                address,
                agent,
                transport,
                known,
                json -> List.of(),
                Sharding.NONE,
                services,
                ignored -> Optional.empty()));
        return known;
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
    }

    private TokenServiceGrpc.TokenServiceBlockingStub tokens() {
        return TokenServiceGrpc.newBlockingStub(peers.channel(n1)).withDeadlineAfter(30, TimeUnit.SECONDS);
    }

    private CreateTokenReply made() {
        CreateTokenReply made = tokens().createToken(
                        CreateTokenRequest.newBuilder().setTtlSeconds(600).build());
        assertEquals("", made.getProblem());
        return made;
    }

    private JoinToken token() throws IOException {
        return JoinToken.parse(made().getToken());
    }

    private List<TokenRow> rows() {
        return tokens().listTokens(ListTokensRequest.getDefaultInstance()).getTokensList();
    }

    private int join(JoinToken token, String name, String... more) {
        return join(token.text(), name, more);
    }

    /** As a host of that name, at 127.0.0.2 unless it says otherwise. */
    private int join(String token, String name, String... more) {
        List<String> arguments = new ArrayList<>(
                List.of(token, "--name", name, "--dir", dir.resolve(name).toString()));
        arguments.addAll(Arrays.asList(more));
        if (!arguments.contains("--address")) {
            arguments.addAll(List.of("--address", "127.0.0.2"));
        }
        heard.reset();
        PrintStream stream = new PrintStream(heard, true, StandardCharsets.UTF_8);
        int code = JoinCommand.run(
                arguments.toArray(String[]::new),
                Map.of(),
                patience,
                () -> Instant.now().plus(hostsClock),
                stream,
                stream);
        said = heard.toString(StandardCharsets.UTF_8);
        return code;
    }

    private void refused(JoinToken token, String name, String why, String... more) {
        assertEquals(1, join(token, name, more), () -> said);
        assertTrue(said.contains(why), said);
        assertFalse(Files.exists(dir.resolve(name).resolve("matriarch.yml")), said);
        assertFalse(new OwnFiles(dir.resolve(name).resolve("tls")).isUsed());
        assertFalse(Files.exists(dir.resolve(name).resolve("matriarch.yml.joining")));
    }

    @Test
    void aHostWithATokenGetsItsCertificateAndItsConfiguration() throws Exception {
        JoinToken token = token();
        assertEquals(List.of(n1.toString()), token.addresses());
        assertEquals(0, join(token, "n2"), () -> said);
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
        files.certificate().verify(authority.certificate().getPublicKey());
        assertEquals(authority.certificate(), files.authority().certificate());
        assertEquals(
                "O=demo,CN=n2", files.certificate().getSubjectX500Principal().getName());
        // Certificate and key fit each other, and the others accept them.
        LiveTls live = new LiveTls(TlsFiles.own(files.directory(), LIFE), s -> {});
        RpcTransport transport = opened(new RpcTransport(Optional.of(live)));
        Peers n2 = opened(new Peers(transport, "demo", "n2"));
        assertEquals(
                "used",
                TokenServiceGrpc.newBlockingStub(n2.channel(n1))
                        .withDeadlineAfter(30, TimeUnit.SECONDS)
                        .listTokens(ListTokensRequest.getDefaultInstance())
                        .getTokens(0)
                        .getState());

        AgentConfig config = LocalConfig.read(Optional.of(file), Map.of()).config();
        assertEquals("n2", config.name());
        assertEquals("demo", config.scope());
        assertEquals(new HostPort("127.0.0.2", n1.port()), config.control().listen());
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
        assertTrue(said.contains("Now start the agent: matriarch " + file), said);
        assertFalse(said.contains("secret-"), said);
        assertEquals("127.0.0.2:7000", store.invitations().getFirst().getAddress());
        assertFalse(store.tokens()
                .getFirst()
                .note()
                .toString()
                .contains(token.secret().toStringUtf8()));
    }

    @Test
    void aWitnessGetsItsCertificateAndNoPasswords() throws Exception {
        JoinToken token = token();
        assertEquals(0, join(token, "w", "--witness"), () -> said);
        Path file = dir.resolve("w/witness.yml");
        assertTrue(said.contains("Now start the witness: matriarch witness " + file), said);
        String written = Files.readString(file);
        assertFalse(written.contains("password") || written.contains("secret-"), written);
        WitnessConfig config = WitnessConfig.load(file, Map.of());
        assertEquals("w", config.name());
        assertEquals(new HostPort("127.0.0.2", 7000), config.raft().selfAddress());
        assertEquals(List.of(new HostPort("127.0.0.1", 7000)), config.raft().partners());
        // Its agent makes it no other one at its start: the others call it by the address that stands there.
        assertEquals(
                Optional.empty(), OwnTls.of(NodeConfig.of(config)).orElseThrow().renewIfDue(Instant.now()));
        assertEquals("w", store.invitations().getFirst().getName());
        assertFalse(Files.exists(dir.resolve("w/data")));
    }

    /** As a member answers that knows no witnesses: it would make a member, and use the token up for it. */
    @Test
    void aMemberOfAnOlderVersionMakesNoMemberOfAWitness() throws Exception {
        JoinToken token = token();
        AtomicInteger used = new AtomicInteger();
        HostPort older = freePort();
        door(
                "n1",
                older,
                certified(dir.resolve("older"), "n1", authority),
                Optional.empty(),
                agent -> List.of(new JoinServiceGrpc.JoinServiceImplBase() {
                    @Override
                    public void getAuthority(GetAuthorityRequest request, StreamObserver<GetAuthorityReply> reply) {
                        reply.onNext(GetAuthorityReply.newBuilder()
                                .setCertificate(PemText.of(authority.certificate()))
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
        refused(asked, "w", "its version lets members in by a token, and no witness", "--witness");
        assertEquals(0, used.get());
    }

    @Test
    void aTokenLetsOneHostIn() throws Exception {
        JoinToken token = token();
        assertEquals(0, join(token, "n2"), () -> said);
        refused(token, "n3", "the token was used already, by n2 at 127.0.0.2 at ", "--address", "127.0.0.3");
        assertEquals("n2", rows().getFirst().getUsedBy());
        RevokeTokenReply late = tokens().revokeToken(
                        RevokeTokenRequest.newBuilder().setId(token.id()).build());
        assertFalse(late.getDone());
        assertTrue(late.getMessage().contains("was used already, by n2"), late::getMessage);
    }

    @Test
    void aWrongSecretIsToldNothingAndGuessesAreCounted() throws Exception {
        JoinToken right = token();
        JoinToken wrong = new JoinToken(
                right.id(),
                ByteString.copyFromUtf8("x".repeat(24)),
                right.authority(),
                right.addresses(),
                right.expires(),
                "demo");
        JoinToken unknown = new JoinToken(
                "00000000", right.secret(), right.authority(), right.addresses(), right.expires(), "demo");
        refused(unknown, "n2", TokenJudge.UNKNOWN);
        for (int i = 1; i < Guesses.OF_ONE_HOST; i++) {
            refused(wrong, "n2", TokenJudge.UNKNOWN);
        }
        refused(right, "n2", "too many wrong tokens were shown");
        assertEquals("open", rows().getFirst().getState());
    }

    @Test
    void anExpiredOrRevokedTokenIsRefused() throws Exception {
        JoinToken token = token();
        membersClock = Duration.ofSeconds(600 + 120);
        hostsClock = membersClock;
        refused(token, "n2", "the token expired at " + token.expires());
        membersClock = Duration.ZERO;
        hostsClock = membersClock;
        assertTrue(tokens().revokeToken(
                        RevokeTokenRequest.newBuilder().setId(token.id()).build())
                .getDone());
        refused(token, "n2", "the token was revoked at ");
        assertEquals("revoked", rows().getFirst().getState());
        assertFalse(tokens().revokeToken(
                        RevokeTokenRequest.newBuilder().setId("nothing").build())
                .getDone());
    }

    @Test
    void whileTheAuthorityIsChangedNobodyIsLetIn() throws Exception {
        JoinToken open = token();
        assertEquals(Optional.of("Open tokens for new members were revoked: 1"), JoinDoor.revokeTokens(store));
        assertEquals(Optional.empty(), JoinDoor.revokeTokens(store));
        refused(open, "n2", "the token was revoked at ");
        OwnFiles files = new OwnFiles(tls.own().orElseThrow().directory());
        files.keepNext(new NextAuthority(
                CertificateAuthority.create("demo", Instant.now()), List.of(authority.certificate())));
        CreateTokenReply refused = tokens().createToken(
                        CreateTokenRequest.newBuilder().setTtlSeconds(600).build());
        assertTrue(refused.getProblem().contains("authority is being changed"), refused::getProblem);
        files.forgetNext();
        token();
    }

    @Test
    void namesAndAddressesInUseAreRefusedAndUseNothingUp() throws Exception {
        JoinToken token = token();
        tell(
                FakeLocalAgent.member("n1", "primary", n1.toString()),
                FakeLocalAgent.member("n3", "replica", "127.0.0.3:8009"));
        refused(token, "n3", "there is a member n3 already", "--address", "127.0.0.4");
        refused(token, "n2", "the address 127.0.0.3 is that of member n3", "--address", "127.0.0.3");
        refused(token, "n2", "the address no-such-host.invalid is not known", "--address", "no-such-host.invalid");
        refused(token, "n2", "this host has not the address 192.0.2.1", "--address", "192.0.2.1");
        store.peers = List.of(new JoinStore.Peer("gone", "127.0.0.2:7000"));
        refused(token, "n2", "the peer gone is in the store already");
        store.peers = List.of();
        refused(token, "n2", "does not know its peers at the moment");
        store.peers = List.of(new JoinStore.Peer("n1", "127.0.0.1:7000"));
        assertEquals(0, join(token, "n2"), () -> said);
    }

    @Test
    void nothingIsOverwritten() throws Exception {
        JoinToken token = token();
        Path data = Files.createDirectories(dir.resolve("n2/data"));
        Files.writeString(data.resolve("PG_VERSION"), "15");
        refused(token, "n2", data + " holds files already, and was not changed");
        Files.delete(data.resolve("PG_VERSION"));
        Path raft = Files.createDirectories(dir.resolve("n2/raft"));
        Files.writeString(raft.resolve("identity.json"), "{}");
        refused(token, "n2", raft + " holds files already, and was not changed");
        Files.delete(raft.resolve("identity.json"));
        Path file = dir.resolve("n2/matriarch.yml");
        Files.writeString(file, "mine");
        assertEquals(1, join(token, "n2"));
        assertTrue(said.contains(file + " exists already and was not changed"), said);
        assertEquals("mine", Files.readString(file));
        Files.delete(file);
        assertEquals("open", rows().getFirst().getState());
        assertEquals(0, join(token, "n2"), () -> said);
    }

    @Test
    void clocksFarApartAreRefused() throws Exception {
        JoinToken token = token();
        hostsClock = Duration.ofHours(2).plusSeconds(30);
        refused(token, "n2", "the clock of this host is 2 h ahead of that of member n1");
        hostsClock = Duration.ofDays(-400);
        refused(token, "n2", "the clock of this host is 400 d behind that of member n1");
        // Whoever does not look himself is refused all the same.
        JoinClusterRequest request = JoinClusterRequest.newBuilder()
                .setTokenId(token.id())
                .setSecret(token.secret())
                .setName("n2")
                .setHost("127.0.0.2")
                .setNowMillis(1)
                .build();
        String why = JoinServiceGrpc.newBlockingStub(peers.channel(n1))
                .withDeadlineAfter(30, TimeUnit.SECONDS)
                .joinCluster(request)
                .getProblem();
        assertTrue(why.startsWith("the clock of this host is "), why);
    }

    @Test
    void anAuthorityOfAnotherClusterIsToldNothing() throws Exception {
        JoinToken token = token();
        JoinToken other =
                new JoinToken(token.id(), token.secret(), "00".repeat(32), token.addresses(), token.expires(), "other");
        refused(other, "n2", "it has the authority of another cluster");
        assertFalse(said.contains("has the authority of the token"), said);
    }

    @Test
    void whoShowsTheAuthorityWithoutACertificateOfItIsToldNothing() throws Exception {
        JoinToken token = token();
        AtomicInteger told = new AtomicInteger();
        HostPort false1 = freePort();
        TlsFiles foreign = certified(dir.resolve("foreign"), "n1", CertificateAuthority.create("demo", Instant.now()));
        door(
                "n1",
                false1,
                foreign,
                Optional.empty(),
                agent -> List.of(new JoinServiceGrpc.JoinServiceImplBase() {
                    @Override
                    public void getAuthority(GetAuthorityRequest request, StreamObserver<GetAuthorityReply> reply) {
                        reply.onNext(GetAuthorityReply.newBuilder()
                                .setCertificate(PemText.of(authority.certificate()))
                                .setNowMillis(System.currentTimeMillis())
                                .build());
                        reply.onCompleted();
                    }

                    @Override
                    public void prepareJoin(JoinClusterRequest request, StreamObserver<PrepareJoinReply> reply) {
                        told.incrementAndGet();
                    }

                    @Override
                    public void joinCluster(JoinClusterRequest request, StreamObserver<JoinClusterReply> reply) {
                        told.incrementAndGet();
                    }
                }));
        JoinToken astray = new JoinToken(
                token.id(), token.secret(), token.authority(), List.of(false1.toString()), token.expires(), "demo");
        refused(astray, "n2", "which is none of the authorities in the token");
        assertEquals(0, told.get());
        // The next address is tried.
        JoinToken both = new JoinToken(
                token.id(),
                token.secret(),
                token.authority(),
                List.of(freePort().toString(), false1.toString(), n1.toString()),
                token.expires(),
                "demo");
        assertEquals(0, join(both, "n2"), () -> said);
    }

    /** The test's own deadline is that of the class. */
    @Test
    void aMemberThatStartsJustNowIsAskedAgain() throws Exception {
        JoinToken token = token();
        HostPort late = freePort();
        JoinToken named = new JoinToken(
                token.id(), token.secret(), token.authority(), List.of(late.toString()), token.expires(), "demo");
        patience = Duration.ofMillis(1);
        refused(named, "n2", "no member that the token names could be used; nothing was changed:\n  " + late);
        assertTrue(said.contains("Connection refused"), said);

        patience = Duration.ofSeconds(60);
        FutureTask<Integer> joining = new FutureTask<>(() -> join(named, "n2"));
        Thread.ofPlatform().daemon().start(joining);
        while (!heard.toString(StandardCharsets.UTF_8).contains("Waiting up to 60 s for a member")) {
            assertFalse(joining.isDone(), () -> heard.toString(StandardCharsets.UTF_8));
            Thread.sleep(10);
        }
        doorOfN1(late);
        assertEquals(0, joining.get(100, TimeUnit.SECONDS), () -> said);
    }

    private static Status.Code code(ManagedChannel channel) {
        StatusRuntimeException refused = assertThrows(
                StatusRuntimeException.class,
                () -> ControlServiceGrpc.newBlockingStub(channel)
                        .withDeadlineAfter(30, TimeUnit.SECONDS)
                        .getCluster(GetClusterRequest.getDefaultInstance()));
        return refused.getStatus().getCode();
    }

    @Test
    void withoutATokenNobodyConnectsAndWithOneNothingElseIsOpen() throws Exception {
        RpcTransport stranger = opened(new RpcTransport(ClientTls.unverified()));
        ManagedChannel before = stranger.connect(n1);
        open.add(before::shutdownNow);
        assertEquals(Status.Code.UNAVAILABLE, code(before));
        JoinToken none = new JoinToken(
                "00000000",
                JoinToken.newSecret(),
                "00".repeat(32),
                List.of(n1.toString()),
                Instant.now().minusSeconds(5).truncatedTo(ChronoUnit.SECONDS),
                "demo");
        refused(none, "n2", "it lets nobody in without a certificate");
        assertTrue(said.contains("it expired at " + none.expires()), said);

        made();
        ManagedChannel after = stranger.connect(n1);
        open.add(after::shutdownNow);
        assertEquals(Status.Code.UNAUTHENTICATED, code(after));
        StatusRuntimeException noToken = assertThrows(
                StatusRuntimeException.class,
                () -> TokenServiceGrpc.newBlockingStub(after)
                        .withDeadlineAfter(30, TimeUnit.SECONDS)
                        .createToken(CreateTokenRequest.newBuilder()
                                .setTtlSeconds(60)
                                .build()));
        assertEquals(Status.Code.UNAUTHENTICATED, noToken.getStatus().getCode());
        assertEquals(
                "n1",
                JoinServiceGrpc.newBlockingStub(after)
                        .withDeadlineAfter(30, TimeUnit.SECONDS)
                        .getAuthority(GetAuthorityRequest.getDefaultInstance())
                        .getName());
        // A certificate that is shown is checked, ajar or not.
        TlsFiles foreign = certified(dir.resolve("foreign"), "n9", CertificateAuthority.create("demo", Instant.now()));
        OwnFiles files = new OwnFiles(foreign.own().orElseThrow().directory());
        files.trust(List.of(authority.certificate()));
        RpcTransport strange = opened(new RpcTransport(Optional.of(new LiveTls(foreign, s -> {}))));
        ManagedChannel refused = strange.connect(n1);
        open.add(refused::shutdownNow);
        assertEquals(Status.Code.UNAVAILABLE, code(refused));
        // Members come and go as before.
        assertEquals(1, rows().size());
    }

    @Test
    void aMemberThatCannotSignAsksOneThatCan() throws Exception {
        HostPort n2 = freePort();
        OwnFiles files = new OwnFiles(dir.resolve("brought"));
        certified(files.directory(), "n2", authority);
        TlsFiles brought =
                new TlsFiles(files.directory().resolve("ca.crt"), files.node(), files.node(), Optional.empty());
        Peers other = door("n2", n2, brought, Optional.empty(), agent -> List.of());
        TokenServiceGrpc.TokenServiceBlockingStub asked = TokenServiceGrpc.newBlockingStub(other.channel(n2));
        CreateTokenRequest request =
                CreateTokenRequest.newBuilder().setTtlSeconds(60).build();
        tell(FakeLocalAgent.member("n2", "primary", n2.toString()));
        assertTrue(asked.withDeadlineAfter(30, TimeUnit.SECONDS)
                .createToken(request)
                .getProblem()
                .startsWith("no member that answers can sign certificates"));
        tell(
                FakeLocalAgent.member("n1", "replica", n1.toString()),
                FakeLocalAgent.member("n2", "primary", n2.toString()));
        CreateTokenReply made = asked.withDeadlineAfter(30, TimeUnit.SECONDS).createToken(request);
        assertEquals("", made.getProblem());
        assertEquals("n1", made.getName());
        JoinToken token = JoinToken.parse(made.getToken());
        assertEquals(List.of(n1.toString()), token.addresses());
        assertEquals(0, join(token, "n3"), () -> said);
    }

    @Test
    void aTokenThatWouldLiveTooLongAndAStoreThatIsAwayAreRefused() {
        for (long ttl : new long[] {0, 9, 8 * 86_400, -1, Long.MAX_VALUE}) {
            String why = tokens().createToken(
                            CreateTokenRequest.newBuilder().setTtlSeconds(ttl).build())
                    .getProblem();
            assertTrue(why.startsWith("a token lives from 10 seconds to 7 days"), why);
        }
        store.down = true;
        String away = tokens().createToken(
                        CreateTokenRequest.newBuilder().setTtlSeconds(60).build())
                .getProblem();
        assertEquals("the store has no majority", away);
        assertEquals(
                "the store has no majority",
                tokens().listTokens(ListTokensRequest.getDefaultInstance()).getProblem());
    }
}
