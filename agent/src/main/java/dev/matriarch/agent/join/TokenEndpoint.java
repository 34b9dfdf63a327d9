package dev.matriarch.agent.join;

import dev.matriarch.agent.certificates.Members;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.rpc.ForwardMark;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.CreateTokenReply;
import dev.matriarch.proto.control.v1.CreateTokenRequest;
import dev.matriarch.proto.control.v1.ListTokensReply;
import dev.matriarch.proto.control.v1.ListTokensRequest;
import dev.matriarch.proto.control.v1.RevokeTokenReply;
import dev.matriarch.proto.control.v1.RevokeTokenRequest;
import dev.matriarch.proto.control.v1.TokenRow;
import dev.matriarch.proto.control.v1.TokenServiceGrpc;
import dev.matriarch.proto.store.v1.TokenNote;
import dev.matriarch.tls.authority.Fingerprint;
import dev.matriarch.tls.authority.OwnCertificate;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tokens, for people. Calls run on the door's virtual threads and take up to about ten seconds. */
public final class TokenEndpoint extends TokenServiceGrpc.TokenServiceImplBase {
    static final Duration SHORTEST = Duration.ofSeconds(10);
    static final Duration LONGEST = Duration.ofDays(7);
    private static final Logger LOG = LoggerFactory.getLogger(TokenEndpoint.class);
    private static final Duration FORWARDED = Duration.ofSeconds(8);
    private static final String OTHER_STORE =
            "tokens need the built-in store, and this cluster's keys are in another one. Write the new member's"
                    + " configuration on its host, and certify it there: docs/tls.md";

    private final LocalAgent agent;
    private final Members members;
    private final Peers peers;
    private final Optional<JoinStore> store;
    private final Optional<OwnCertificate> own;
    private final HostPort address;

    /**
     * @param store absent: the cluster's keys are in another one than the built-in
     * @param own absent: this member has no authority's key
     * @param address of this member's control port, for the others
     */
    public TokenEndpoint(
            LocalAgent agent,
            Members members,
            Peers peers,
            Optional<JoinStore> store,
            Optional<OwnCertificate> own,
            HostPort address) {
        this.agent = agent;
        this.members = members;
        this.peers = peers;
        this.store = store;
        this.own = own;
        this.address = address;
    }

    private static <T> void answer(StreamObserver<T> to, T reply) {
        to.onNext(reply);
        to.onCompleted();
    }

    @Override
    public void createToken(CreateTokenRequest request, StreamObserver<CreateTokenReply> reply) {
        boolean forwarded = ForwardMark.isForwarded();
        CreateTokenReply made;
        try {
            made = create(request, forwarded);
        } catch (IOException | DcsException | RuntimeException e) {
            LOG.warn("No token was made: {}", e.getMessage());
            made = CreateTokenReply.newBuilder()
                    .setName(agent.name())
                    .setProblem(String.valueOf(e.getMessage()))
                    .build();
        }
        answer(reply, made);
    }

    private CreateTokenReply create(CreateTokenRequest request, boolean forwarded) throws IOException, DcsException {
        JoinStore book = store.orElseThrow(() -> new IOException(OTHER_STORE));
        Duration ttl = Duration.ofSeconds(request.getTtlSeconds());
        if (ttl.compareTo(SHORTEST) < 0 || ttl.compareTo(LONGEST) > 0) {
            throw new IOException("a token lives from " + SHORTEST.toSeconds() + " seconds to " + LONGEST.toDays()
                    + " days, not for " + request.getTtlSeconds() + " seconds");
        }
        List<Member> known = agent.view().map(ClusterView::members).orElse(List.of());
        SortedMap<String, CertificateRow> rows = members.rows(known);
        if (own.isEmpty()) {
            if (forwarded) {
                throw new IOException(agent.name() + " cannot sign certificates");
            }
            return elsewhere(request, known, rows);
        }
        X509Certificate authority = own.get().files().authorityCertificate();
        Instant now = Instant.now();
        if (!now.isBefore(authority.getNotAfter().toInstant())
                || !own.get().files().trusted().contains(authority)) {
            throw new IOException("the authority in " + own.get().files().directory()
                    + " has expired, or is none of those that this member trusts; docs/tls.md, \"The authority\"");
        }
        if (own.get().files().next().isPresent()) {
            throw new IOException("the cluster's authority is being changed, and a token holds the authority; end the"
                    + " change first: matriarchctl cert rotate --authority");
        }
        String fingerprint = Fingerprint.of(authority);
        book.forgetThoseBefore(now.minus(TokenJudge.REMEMBERED));
        JoinToken token = new JoinToken(
                JoinToken.newId(),
                JoinToken.newSecret(),
                fingerprint,
                addresses(known, rows, fingerprint),
                // As exactly as the token says it.
                now.plus(ttl).truncatedTo(ChronoUnit.SECONDS),
                agent.scope());
        boolean added = book.add(
                token.id(),
                TokenNote.newBuilder()
                        .setSecretHash(JoinToken.hash(token.secret()))
                        .setMadeBy(agent.name())
                        .setMadeMillis(now.toEpochMilli())
                        .setExpiresMillis(token.expires().toEpochMilli())
                        .build());
        if (!added) {
            throw new IOException("the token's number was taken; try again");
        }
        LOG.info("A token for a new member was made: {}, valid until {}", token.id(), token.expires());
        agent.noteOrder("join: token " + token.id() + " was made, valid until " + token.expires());
        return CreateTokenReply.newBuilder()
                .setName(agent.name())
                .setToken(token.text())
                .setId(token.id())
                .setExpires(token.expires().getEpochSecond())
                .build();
    }

    /** This member first: it answers now. */
    private List<String> addresses(List<Member> known, SortedMap<String, CertificateRow> rows, String authority) {
        List<String> addresses = new ArrayList<>(List.of(address.toString()));
        known.stream()
                .filter(m -> !m.name().equals(agent.name()) && signs(rows.get(m.name())))
                .filter(m -> rows.get(m.name()).getAuthority().equals(authority))
                .map(Member::rpcAddress)
                .filter(a -> !addresses.contains(a))
                .forEach(addresses::add);
        return addresses;
    }

    private static boolean signs(CertificateRow row) {
        return row != null
                && row.getSource().equals("own")
                && !row.getAuthority().isEmpty();
    }

    /** By a member that can sign. */
    private CreateTokenReply elsewhere(
            CreateTokenRequest request, List<Member> known, SortedMap<String, CertificateRow> rows) throws IOException {
        List<String> failures = new ArrayList<>();
        for (Member other : known) {
            if (!signs(rows.get(other.name()))) {
                continue;
            }
            Peers.Heard<CreateTokenReply> heard = peers.ask(
                            List.of(other),
                            FORWARDED,
                            channel -> TokenServiceGrpc.newFutureStub(channel)
                                    .withInterceptors(peers.forwarded())
                                    .withDeadlineAfter(FORWARDED.toNanos(), TimeUnit.NANOSECONDS)
                                    .createToken(request),
                            CreateTokenReply::getName)
                    .get(other.name());
            if (heard.reply().isPresent()) {
                return heard.reply().get();
            }
            failures.add(other.name() + ": " + heard.whyNot());
        }
        if (!failures.isEmpty()) {
            throw new IOException("no member that can sign made a token: " + String.join("; ", failures));
        }
        boolean plain = rows.values().stream().allMatch(r -> r.getSource().equals("none"));
        throw new IOException(
                plain
                        ? "the members' control ports have no TLS, so that a new host could not tell them from others. Make"
                                + " an authority first, with: matriarch cluster init; docs/tls.md"
                        : "no member that answers can sign certificates (tls.directory): they are brought by somebody else."
                                + " Bring one for the new host as well: docs/tls.md");
    }

    @Override
    public void listTokens(ListTokensRequest request, StreamObserver<ListTokensReply> reply) {
        ListTokensReply.Builder answer = ListTokensReply.newBuilder().setScope(agent.scope());
        try {
            Instant now = Instant.now();
            store.orElseThrow(() -> new IOException(OTHER_STORE))
                    .latestTokens()
                    .forEach(t -> answer.addTokens(row(t, now)));
        } catch (IOException | DcsException | RuntimeException e) {
            answer.setProblem(String.valueOf(e.getMessage()));
        }
        answer(reply, answer.build());
    }

    private static TokenRow row(JoinStore.Token token, Instant now) {
        TokenNote note = token.note();
        return TokenRow.newBuilder()
                .setId(token.id())
                .setMadeBy(note.getMadeBy())
                .setMade(note.getMadeMillis() / 1000)
                .setExpires(note.getExpiresMillis() / 1000)
                .setState(TokenJudge.state(note, now))
                .setUsedBy(note.getUsedBy())
                .setUsedAddress(note.getUsedAddress())
                .setUsed(note.getUsedMillis() / 1000)
                .build();
    }

    @Override
    public void revokeToken(RevokeTokenRequest request, StreamObserver<RevokeTokenReply> reply) {
        RevokeTokenReply.Builder answer = RevokeTokenReply.newBuilder();
        try {
            answer.setMessage(revoke(request.getId())).setDone(true);
        } catch (IOException | DcsException | RuntimeException e) {
            answer.setMessage(String.valueOf(e.getMessage()));
        }
        answer(reply, answer.build());
    }

    private String revoke(String id) throws IOException, DcsException {
        JoinStore book = store.orElseThrow(() -> new IOException(OTHER_STORE));
        JoinStore.Token token = book.latestTokens().stream()
                .filter(t -> t.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IOException("there is no token " + id + "; matriarchctl cluster token --list"));
        Instant now = Instant.now();
        if (!token.note().getUsedBy().isEmpty()) {
            throw new IOException("the token " + id + " was used already, by "
                    + token.note().getUsedBy() + " at " + token.note().getUsedAddress()
                    + ". To take that member out again: matriarchctl raft remove-peer; its certificate counts until it"
                    + " ends, or until the authority is changed: matriarchctl cert rotate --authority");
        }
        if (token.note().getRevokedMillis() == 0
                && !book.change(
                        token,
                        token.note().toBuilder()
                                .setRevokedMillis(now.toEpochMilli())
                                .build())) {
            throw new IOException("the token " + id + " has just changed; look, and try again");
        }
        LOG.info("The token {} was revoked", id);
        agent.noteOrder("join: token " + id + " was revoked");
        return "the token " + id + " lets nobody in any more";
    }
}
