package dev.matriarch.agent;

import dev.matriarch.agent.certificates.ShownCertificate;
import dev.matriarch.agent.certificates.StorePeers;
import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.ChangeCertificateReply;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import dev.matriarch.raft.PeerCertificates;
import dev.matriarch.raft.RaftStore;
import java.io.IOException;
import java.util.List;

/** The certificates of the built-in store's peers. Any thread. */
record BuiltInPeers(RaftStore store) implements StorePeers {
    @Override
    public List<Peer> peers() {
        return store.status().everybody().stream()
                .map(p -> new Peer(p.name(), p.address()))
                .toList();
    }

    @Override
    public CertificateRow row(Peer peer) throws IOException {
        return store.certificates().of(peer.address());
    }

    @Override
    public ChangeCertificateReply change(Peer peer, ChangeCertificateRequest.Builder step) throws IOException {
        return store.certificates().change(peer.address(), step);
    }

    @Override
    public void answerWith(ShownCertificate mine) {
        store.certificates().answerWith(new PeerCertificates.Own() {
            @Override
            public CertificateRow row() {
                return mine.row();
            }

            @Override
            public ChangeCertificateReply change(ChangeCertificateRequest request) {
                return mine.changed(request);
            }
        });
    }
}
