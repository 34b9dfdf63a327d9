package dev.matriarch.raft;

import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.ChangeCertificateReply;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import dev.matriarch.proto.control.v1.GetCertificateRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;

/**
 * The certificates of the store's peers, asked for and changed on the store's own port, where both sides of each connection have shown
 * theirs: a witness has no other. Any thread.
 */
public final class PeerCertificates {
    private static final Duration TIMEOUT = Duration.ofSeconds(4);

    /** What this peer answers to the others. Called on a thread of the call. */
    public interface Own {
        CertificateRow row();

        ChangeCertificateReply change(ChangeCertificateRequest request);
    }

    private final String scope;
    private final boolean secured;
    private final PeerRpc rpc;
    private volatile Optional<Own> own = Optional.empty();

    PeerCertificates(RaftStoreSettings settings, PeerRpc rpc) {
        this.scope = settings.scope();
        this.secured = settings.tls().isPresent();
        this.rpc = rpc;
    }

    /** From now on. Until then, and without TLS, the others are told that there is nothing to see. */
    public void answerWith(Own mine) {
        own = Optional.of(mine);
    }

    /** @throws IOException if the peer does not say; the message says why. Takes four seconds at most, as the other */
    public CertificateRow of(String address) throws IOException {
        return asked(() -> rpc.certificate(
                address, GetCertificateRequest.newBuilder().setScope(scope).build(), TIMEOUT));
    }

    public ChangeCertificateReply change(String address, ChangeCertificateRequest.Builder request) throws IOException {
        if (!secured) {
            throw new IOException("the store's connections have no TLS");
        }
        return asked(
                () -> rpc.changeCertificate(address, request.setScope(scope).build(), TIMEOUT));
    }

    private interface Call<R> {
        R made() throws StoreStartException;
    }

    private static <R> R asked(Call<R> call) throws IOException {
        try {
            return call.made();
        } catch (StatusRuntimeException e) {
            throw new IOException(
                    switch (e.getStatus().getCode()) {
                        case UNIMPLEMENTED -> "it runs an older version, which does not know this question";
                        case DEADLINE_EXCEEDED -> "no answer in time";
                        default -> reason(e.getStatus());
                    },
                    e);
        } catch (StoreStartException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    private static String reason(Status status) {
        Throwable cause = status.getCause();
        while (cause != null && cause.getCause() != null) {
            cause = cause.getCause();
        }
        if (cause != null && cause.getMessage() != null) {
            return cause.getMessage();
        }
        return status.getDescription() == null ? status.getCode().name() : status.getDescription();
    }

    CertificateRow answer(GetCertificateRequest request) throws IOException {
        return ours(request.getScope()).row();
    }

    ChangeCertificateReply answer(ChangeCertificateRequest request) throws IOException {
        if (!secured) {
            throw new IOException("this peer's store has no TLS");
        }
        return ours(request.getScope()).change(request);
    }

    private Own ours(String asked) throws IOException {
        if (!asked.equals(scope)) {
            throw new IOException("this is a peer of cluster '" + scope + "', not of '" + asked + "'");
        }
        return own.orElseThrow(() -> new IOException("it has just started; try again"));
    }
}
