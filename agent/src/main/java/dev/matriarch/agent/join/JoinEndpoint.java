package dev.matriarch.agent.join;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.LocalConfig;
import dev.matriarch.agent.config.NewMember;
import dev.matriarch.agent.config.NodeKind;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.agent.rpc.OnlyWithCertificate;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.proto.control.v1.GetAuthorityReply;
import dev.matriarch.proto.control.v1.GetAuthorityRequest;
import dev.matriarch.proto.control.v1.JoinClusterReply;
import dev.matriarch.proto.control.v1.JoinClusterRequest;
import dev.matriarch.proto.control.v1.JoinServiceGrpc;
import dev.matriarch.proto.control.v1.PrepareJoinReply;
import dev.matriarch.proto.store.v1.Invitation;
import dev.matriarch.proto.store.v1.TokenNote;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.CertificateRequest;
import dev.matriarch.tls.authority.OwnFiles;
import dev.matriarch.tls.authority.PemText;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.security.PublicKey;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a host is answered that has a token and no certificate. Only on members that can sign. Calls run on the door's virtual
 * threads and take up to about ten seconds.
 */
public final class JoinEndpoint extends JoinServiceGrpc.JoinServiceImplBase {
    /** How long the store lets the new peer in after its token was used. */
    static final Duration INVITED = Duration.ofDays(1);

    private static final Logger LOG = LoggerFactory.getLogger(JoinEndpoint.class);

    private final LocalAgent agent;
    private final JoinStore store;
    private final TlsFiles.Own own;
    private final ConfigSource source;
    private final Supplier<Instant> wall;
    private final LongSupplier nanos;
    private final Guesses guesses = new Guesses();

    public JoinEndpoint(LocalAgent agent, JoinStore store, TlsFiles.Own own, ConfigSource source) {
        this(agent, store, own, source, Instant::now, System::nanoTime);
    }

    /**
     * @param wall this member's clock
     * @param nanos a monotonic one
     */
    JoinEndpoint(
            LocalAgent agent,
            JoinStore store,
            TlsFiles.Own own,
            ConfigSource source,
            Supplier<Instant> wall,
            LongSupplier nanos) {
        this.agent = agent;
        this.store = store;
        this.own = own;
        this.source = source;
        this.wall = wall;
        this.nanos = nanos;
    }

    /** Why somebody is not let in, for him. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;

        Refused(String why) {
            super(why);
        }
    }

    private record Judged(JoinStore.Token token, NewMember made, String peerAddress, List<String> peers) {}

    @Override
    public void getAuthority(GetAuthorityRequest request, StreamObserver<GetAuthorityReply> reply) {
        try {
            reply.onNext(GetAuthorityReply.newBuilder()
                    .setCertificate(PemText.of(files().authorityCertificate()))
                    .setNowMillis(wall.get().toEpochMilli())
                    .setName(agent.name())
                    .build());
            reply.onCompleted();
        } catch (IOException e) {
            LOG.warn("A new host asked for the authority, which cannot be read: {}", e.getMessage());
            // The path is nothing for strangers.
            reply.onError(Status.INTERNAL
                    .withDescription("its authority cannot be read; its log says why")
                    .asRuntimeException());
        }
    }

    private OwnFiles files() {
        return new OwnFiles(own.directory());
    }

    @Override
    public void prepareJoin(JoinClusterRequest request, StreamObserver<PrepareJoinReply> reply) {
        PrepareJoinReply.Builder answer = PrepareJoinReply.newBuilder();
        try {
            Judged judged = judged(request, OnlyWithCertificate.caller());
            answer.setTlsDirectory(judged.made().tlsDirectory().toString())
                    .setWitness(request.getWitness())
                    .setListener(request.getListener());
            judged.made().emptyDirectories().forEach(d -> answer.addEmptyDirectories(d.toString()));
        } catch (Refused | IOException | DcsException | RuntimeException e) {
            answer.setProblem(refusal(request, e));
        }
        reply.onNext(answer.build());
        reply.onCompleted();
    }

    @Override
    public void joinCluster(JoinClusterRequest request, StreamObserver<JoinClusterReply> reply) {
        JoinClusterReply answer;
        try {
            answer = join(request, OnlyWithCertificate.caller());
        } catch (Refused | IOException | DcsException | RuntimeException e) {
            answer = JoinClusterReply.newBuilder()
                    .setProblem(refusal(request, e))
                    .build();
        }
        reply.onNext(answer);
        reply.onCompleted();
    }

    private static String refusal(JoinClusterRequest request, Exception e) {
        LOG.warn("A host that calls itself {} was not let in: {}", shown(request), e.getMessage());
        return String.valueOf(e.getMessage());
    }

    /** Strangers write it: short, and nothing that a terminal would understand. */
    private static String shown(JoinClusterRequest request) {
        String who = request.getName() + " at " + request.getHost();
        return who.substring(0, Math.min(who.length(), 200)).replaceAll("[^A-Za-z0-9._: -]", "?");
    }

    private Judged judged(JoinClusterRequest request, String caller) throws Refused, IOException, DcsException {
        Optional<String> tooMany = guesses.refusal(caller, nanos.getAsLong());
        if (tooMany.isPresent()) {
            throw new Refused(tooMany.get());
        }
        JoinStore.Token token = known(request, caller);
        Instant now = wall.get();
        refuseIf(TokenJudge.objection(token.note(), now));
        refuseIf(Newcomer.clocksApart(
                "member " + agent.name(), now, "this host", Instant.ofEpochMilli(request.getNowMillis())));
        ClusterView view = agent.view()
                .orElseThrow(() -> new Refused(agent.name() + " has not seen the cluster since it started; try again"));
        refuseIf(new Newcomer(request.getName(), request.getHost())
                .objection(view.members(), store.peers(), store.invitations(), now));
        LocalConfig model = source.current();
        AgentConfig config = model.config();
        int port = config.builtIn()
                .orElseThrow(() -> new Refused("the built-in store is not in use on " + agent.name()))
                .selfAddress()
                .port();
        List<String> peers = store.peers().stream()
                .filter(JoinStore.Peer::voter)
                .map(JoinStore.Peer::address)
                .toList();
        if (peers.isEmpty()) {
            throw new Refused("the store of " + agent.name() + " does not know its peers at the moment; try again");
        }
        Optional<Path> directory =
                request.getDirectory().isEmpty() ? Optional.empty() : Optional.of(Path.of(request.getDirectory()));
        if (directory.isPresent() && !directory.get().isAbsolute()) {
            throw new Refused("the directory " + directory.get() + " is not an absolute path");
        }
        NewMember made = NewMember.of(
                kind(request), model, source.file(), request.getName(), request.getHost(), directory, peers);
        return new Judged(token, made, new HostPort(request.getHost(), port).toString(), peers);
    }

    private static NodeKind kind(JoinClusterRequest request) {
        if (request.getListener()) {
            return NodeKind.LISTENER;
        }
        return request.getWitness() ? NodeKind.WITNESS : NodeKind.MEMBER;
    }

    private static void refuseIf(Optional<String> why) throws Refused {
        if (why.isPresent()) {
            throw new Refused(why.get());
        }
    }

    /** Whoever does not know the secret is told nothing, not even whether there is such a token. */
    private JoinStore.Token known(JoinClusterRequest request, String caller) throws Refused, DcsException {
        Optional<JoinStore.Token> found = named(store.tokens(), request).or(Optional::empty);
        if (found.isEmpty()) {
            // It may have been made a moment ago, on another member.
            found = named(store.latestTokens(), request);
        }
        if (found.isEmpty() || !TokenJudge.isSecret(found.get().note(), request.getSecret())) {
            guesses.wrong(caller, nanos.getAsLong());
            throw new Refused(TokenJudge.UNKNOWN);
        }
        return found.get();
    }

    private static Optional<JoinStore.Token> named(List<JoinStore.Token> tokens, JoinClusterRequest request) {
        return tokens.stream().filter(t -> t.id().equals(request.getTokenId())).findFirst();
    }

    private JoinClusterReply join(JoinClusterRequest request, String caller) throws Refused, IOException, DcsException {
        Judged judged = judged(request, caller);
        PublicKey key = CertificateRequest.key(request.getCertificateRequest());
        OwnFiles files = files();
        CertificateAuthority authority = files.authority();
        List<X509Certificate> trusted = files.trusted();
        if (!trusted.contains(authority.certificate())) {
            throw new Refused("the authority of " + agent.name()
                    + " is none of those that it trusts; correct that there, or try another member's token");
        }
        Instant now = wall.get();
        X509Certificate made =
                authority.issue(key, request.getName(), agent.scope(), List.of(request.getHost()), now, own.lifetime());
        TokenNote used = judged.token().note().toBuilder()
                .setUsedBy(request.getName())
                .setUsedAddress(request.getHost())
                .setUsedMillis(now.toEpochMilli())
                .build();
        boolean first = store.redeem(
                judged.token(),
                used,
                Invitation.newBuilder()
                        .setName(request.getName())
                        .setAddress(judged.peerAddress())
                        .setUntilMillis(now.plus(INVITED).toEpochMilli())
                        .build());
        if (!first) {
            throw new Refused(
                    "the token was used or revoked at this very moment. Another one: matriarchctl cluster" + " token");
        }
        String words = request.getName() + " at " + request.getHost() + ": certificate "
                + made.getSerialNumber().toString(16) + ", valid until "
                + made.getNotAfter().toInstant();
        String whom = "a new " + kind(request).word();
        LOG.info("The token {} let {} in, {}", judged.token().id(), whom, words);
        agent.noteOrder("join: token " + judged.token().id() + " let " + whom + " in, " + words);
        return JoinClusterReply.newBuilder()
                .setCertificate(PemText.of(made))
                .setTrusted(PemText.of(trusted))
                .setAuthority(authority.pem())
                .setConfiguration(judged.made().text())
                .addAllPeers(judged.peers())
                .build();
    }
}
