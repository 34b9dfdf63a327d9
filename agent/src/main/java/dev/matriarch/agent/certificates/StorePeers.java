package dev.matriarch.agent.certificates;

import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.ChangeCertificateReply;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import java.io.IOException;
import java.util.List;

/**
 * The peers of the built-in store, asked for their certificates at the store's own port: witnesses and listeners have no other, and
 * an agent that is down is still one of them. Any thread; each call ends within four seconds.
 */
public interface StorePeers {
    /** @param address of the store's port, {@code host:port} */
    record Peer(String name, String address) {}

    /** That are in the store now, this one among them; as far as this member knows. Returns at once. */
    List<Peer> peers();

    /** @throws IOException if it does not say; the message says why */
    CertificateRow row(Peer peer) throws IOException;

    /** @throws IOException if it does not answer; the message says why, and it may have been done */
    ChangeCertificateReply change(Peer peer, ChangeCertificateRequest.Builder step) throws IOException;

    /** What this member's own peer answers from now on. */
    void answerWith(ShownCertificate mine);
}
