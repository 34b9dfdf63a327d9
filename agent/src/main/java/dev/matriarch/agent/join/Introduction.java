package dev.matriarch.agent.join;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.agent.rpc.RpcTransport;
import dev.matriarch.proto.control.v1.GetAuthorityReply;
import dev.matriarch.proto.control.v1.GetAuthorityRequest;
import dev.matriarch.proto.control.v1.JoinClusterReply;
import dev.matriarch.proto.control.v1.JoinClusterRequest;
import dev.matriarch.proto.control.v1.JoinServiceGrpc;
import dev.matriarch.proto.control.v1.PrepareJoinReply;
import dev.matriarch.tls.ClientTls;
import dev.matriarch.tls.Handshakes;
import dev.matriarch.tls.Pem;
import dev.matriarch.tls.authority.Fingerprint;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.ConnectException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A connection to one member, whose authority was found to be that of the token before anything else was said. Blocking; each
 * call has its own deadline.
 */
final class Introduction implements AutoCloseable {
    private static final Duration ASK = Duration.ofSeconds(6);
    private static final Duration JOIN = Duration.ofSeconds(25);

    private final RpcTransport transport;
    private final ManagedChannel channel;
    private final HostPort address;
    private final String name;
    private final X509Certificate authority;

    private Introduction(
            RpcTransport transport, ManagedChannel channel, HostPort address, String name, X509Certificate authority) {
        this.transport = transport;
        this.channel = channel;
        this.address = address;
        this.name = name;
        this.authority = authority;
    }

    /** There is no way to this member, or it is another one; whoever else the token names may still do. */
    static class Unfit extends Exception {
        private static final long serialVersionUID = 1L;

        Unfit(String why) {
            super(why);
        }
    }

    /** It may answer soon: it starts, is busy, or the network is away for a moment. Nothing has happened. */
    static final class Silent extends Unfit {
        private static final long serialVersionUID = 1L;

        Silent(String why) {
            super(why);
        }
    }

    /** What a member says before it is verified. */
    private record Stranger(X509Certificate authority, Instant clock, String name) {}

    /**
     * @param here this host's clock
     * @throws Unfit if this member cannot be used
     * @throws IOException if no member will do: the clocks are too far apart
     */
    static Introduction to(HostPort address, JoinToken token, Instant here) throws Unfit, IOException {
        Stranger stranger = ask(address, token, here);
        String shown = Fingerprint.of(stranger.authority());
        if (!shown.equals(token.authority())) {
            throw new Unfit("it has the authority of another cluster (SHA-256 " + shown + ", the token says "
                    + token.authority() + "); nothing was told to it");
        }
        // Before the handshake that would fail for it, with less to say.
        Optional<String> apart = Newcomer.clocksApart("member " + stranger.name(), stranger.clock(), "this host", here);
        if (apart.isPresent()) {
            throw new IOException(apart.get());
        }
        RpcTransport transport =
                new RpcTransport(ClientTls.trusting(java.util.List.of(stranger.authority()), "the token"));
        return new Introduction(transport, transport.connect(address), address, stranger.name(), stranger.authority());
    }

    private static Stranger ask(HostPort address, JoinToken token, Instant here) throws Unfit, IOException {
        try (RpcTransport transport = new RpcTransport(ClientTls.unverified())) {
            ManagedChannel channel = transport.connect(address);
            try {
                GetAuthorityReply reply = JoinServiceGrpc.newBlockingStub(channel)
                        .withDeadlineAfter(ASK.toMillis(), TimeUnit.MILLISECONDS)
                        .getAuthority(GetAuthorityRequest.getDefaultInstance());
                return new Stranger(
                        Pem.certificates(reply.getCertificate(), "the answer of " + address)
                                .getFirst(),
                        Instant.ofEpochMilli(reply.getNowMillis()),
                        reply.getName());
            } catch (StatusRuntimeException e) {
                throw unfit(e, words(e, token, here));
            } finally {
                channel.shutdownNow();
            }
        }
    }

    private static Unfit unfit(StatusRuntimeException e, String why) {
        boolean silent = e.getStatus().getCode() == Status.Code.DEADLINE_EXCEEDED;
        for (Throwable cause = e.getStatus().getCause(); cause != null; cause = cause.getCause()) {
            silent |= cause instanceof ConnectException;
        }
        return silent ? new Silent(why) : new Unfit(why);
    }

    private static String words(StatusRuntimeException e, JoinToken token, Instant here) {
        if (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED) {
            return "it cannot sign certificates, or runs a version that knows no tokens";
        }
        String why = Peers.reason(e);
        // The refusal itself may be lost: nothing else was asked on this connection before.
        boolean cut = e.getStatus().getCode() == Status.Code.UNAVAILABLE && Handshakes.cut(e);
        if (cut
                || why.contains("certificate_required")
                || why.contains("bad_certificate")
                || why.contains("asks for a client certificate")
                || why.contains("certificate (tls.certificate)")) {
            return (cut ? "it cut the connection without a word (" + why + "): perhaps " : "")
                    + "it lets nobody in without a certificate, as it has no token that anybody could show: the token is"
                    + " another cluster's, or it ended"
                    + (here.isAfter(token.expires()) ? ": it expired at " + token.expires() + " by its own word" : "")
                    + ". Another one: matriarchctl cluster token";
        }
        return why;
    }

    String member() {
        return name + " at " + address;
    }

    X509Certificate authority() {
        return authority;
    }

    /** @throws Unfit if this member does not answer; nothing has happened */
    PrepareJoinReply prepare(JoinClusterRequest request) throws Unfit {
        try {
            return stub(ASK.multipliedBy(2)).prepareJoin(request);
        } catch (StatusRuntimeException e) {
            throw unfit(e, Peers.reason(e));
        }
    }

    /** @throws IOException if there is no answer: whether the token was used up is not known */
    JoinClusterReply join(JoinClusterRequest request) throws IOException {
        try {
            return stub(JOIN).joinCluster(request);
        } catch (StatusRuntimeException e) {
            throw new IOException(
                    member() + " has not answered (" + Peers.reason(e)
                            + "). Whether the token was used up is not known: try again, and with another one if it was",
                    e);
        }
    }

    private JoinServiceGrpc.JoinServiceBlockingStub stub(Duration timeout) {
        return JoinServiceGrpc.newBlockingStub(channel).withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        channel.shutdownNow();
        transport.close();
    }
}
