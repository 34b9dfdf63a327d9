package dev.matriarch.agent.join;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.certificates.CertificateEndpoint;
import dev.matriarch.agent.certificates.Members;
import dev.matriarch.agent.certificates.ShownCertificate;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.rpc.FakeDcs;
import dev.matriarch.agent.rpc.FakeLocalAgent;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.agent.rpc.RpcDoor;
import dev.matriarch.agent.rpc.RpcTransport;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.CreateTokenReply;
import dev.matriarch.proto.control.v1.CreateTokenRequest;
import dev.matriarch.proto.control.v1.ListTokensRequest;
import dev.matriarch.proto.control.v1.TokenRow;
import dev.matriarch.proto.control.v1.TokenServiceGrpc;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.NodeName;
import dev.matriarch.tls.authority.OwnCertificate;
import dev.matriarch.tls.authority.OwnFiles;
import io.grpc.BindableService;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A member, n1, that lets hosts in over TLS, and {@code matriarch join} on such hosts. */
final class JoinScene {
    static final Duration LIFE = Duration.ofDays(90);
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

    final Path dir;
    private final List<AutoCloseable> open = new ArrayList<>();
    private final FakeDcs dcs = new FakeDcs();
    final FakeJoinStore store = new FakeJoinStore();
    volatile Duration membersClock = Duration.ZERO;
    Duration hostsClock = Duration.ZERO;
    final CertificateAuthority authority;
    final HostPort n1;
    final TlsFiles tls;
    private final ConfigSource source;
    final Peers peers;
    final ByteArrayOutputStream heard = new ByteArrayOutputStream();
    Duration patience = Duration.ofSeconds(60);
    String said = "";

    <T extends AutoCloseable> T opened(T one) {
        open.add(one);
        return one;
    }

    static HostPort freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            return new HostPort("127.0.0.1", free.getLocalPort());
        }
    }

    /** @param dir where members and hosts have their directories */
    JoinScene(Path dir) throws Exception {
        this.dir = dir;
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

    Peers doorOfN1(HostPort address) throws Exception {
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

    void tell(Member... members) {
        dcs.set(FakeDcs.view(5, "{}", "n1", List.of(members), null));
    }

    static TlsFiles certified(Path directory, String name, CertificateAuthority authority) throws IOException {
        OwnFiles files = new OwnFiles(directory);
        files.create();
        files.keepAuthority(authority);
        files.trust(List.of(authority.certificate()));
        files.issue(new NodeName(name, "demo", List.of("127.0.0.1")), LIFE, Instant.now());
        return TlsFiles.own(directory, LIFE);
    }

    interface More {
        List<BindableService> of(FakeLocalAgent agent);
    }

    Peers door(String name, HostPort address, TlsFiles tls, Optional<OwnCertificate> own, More more) throws Exception {
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

    void close() throws Exception {
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
    }

    TokenServiceGrpc.TokenServiceBlockingStub tokens() {
        return TokenServiceGrpc.newBlockingStub(peers.channel(n1)).withDeadlineAfter(30, TimeUnit.SECONDS);
    }

    CreateTokenReply made() {
        CreateTokenReply made = tokens().createToken(
                        CreateTokenRequest.newBuilder().setTtlSeconds(600).build());
        assertEquals("", made.getProblem());
        return made;
    }

    JoinToken token() throws IOException {
        return JoinToken.parse(made().getToken());
    }

    List<TokenRow> rows() {
        return tokens().listTokens(ListTokensRequest.getDefaultInstance()).getTokensList();
    }

    int join(JoinToken token, String name, String... more) {
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

    void refused(JoinToken token, String name, String why, String... more) {
        assertEquals(1, join(token, name, more), () -> said);
        assertTrue(said.contains(why), said);
        assertFalse(Files.exists(dir.resolve(name).resolve("matriarch.yml")), said);
        assertFalse(new OwnFiles(dir.resolve(name).resolve("tls")).isUsed());
        assertFalse(Files.exists(dir.resolve(name).resolve("matriarch.yml.joining")));
    }
}
