package dev.matriarch.agent.certificates;

import dev.matriarch.proto.control.v1.CertificateRow;
import dev.matriarch.proto.control.v1.ChangeCertificateReply;
import dev.matriarch.proto.control.v1.ChangeCertificateRequest;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.authority.Fingerprint;
import dev.matriarch.tls.authority.NextAuthority;
import dev.matriarch.tls.authority.OwnCertificate;
import dev.matriarch.tls.authority.OwnFiles;
import dev.matriarch.tls.authority.Renewal;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What this node shows at its control port and to the store's peers, and the changes of it. Any thread.
 *
 * @param name of the member
 * @param tls absent: plain text
 * @param own absent: somebody else brings the files
 * @param takeUp has the files read now; they are in force when it returns
 */
public record ShownCertificate(String name, Optional<LiveTls> tls, Optional<OwnCertificate> own, Runnable takeUp) {
    private static final Logger LOG = LoggerFactory.getLogger(ShownCertificate.class);

    /** What it is asked for. */
    public CertificateRow row() {
        CertificateRow.Builder row = CertificateRow.newBuilder().setName(name);
        if (tls.isEmpty()) {
            return row.setSource("none").build();
        }
        X509Certificate certificate = tls.get().certificate();
        row.setSource(own.isPresent() ? "own" : "brought")
                .setSubject(certificate.getSubjectX500Principal().getName())
                .setIssuer(certificate.getIssuerX500Principal().getName())
                .setSerial(certificate.getSerialNumber().toString(16))
                .setNotBefore(certificate.getNotBefore().toInstant().getEpochSecond())
                .setNotAfter(tls.get().validUntil().getEpochSecond());
        tls.get().authorities().forEach(a -> row.addTrusted(Fingerprint.of(a)));
        if (own.isPresent()) {
            try {
                X509Certificate authority = own.get().files().authorityCertificate();
                if (!Renewal.endsWith(authority, certificate)) {
                    row.setRenewal(Renewal.at(certificate).getEpochSecond());
                }
                row.setAuthority(Fingerprint.of(authority))
                        .setAuthorityNotAfter(
                                authority.getNotAfter().toInstant().getEpochSecond())
                        .setFromAuthority(isFrom(certificate, authority))
                        .setChangesAuthority(true);
                own.get().files().next().ifPresent(next -> {
                    row.setNextAuthority(next.fingerprint());
                    next.replaced().forEach(a -> row.addReplaced(Fingerprint.of(a)));
                });
            } catch (IOException e) {
                row.setProblem(String.valueOf(e.getMessage()));
            }
        }
        return row.build();
    }

    private static boolean isFrom(X509Certificate certificate, X509Certificate authority) {
        try {
            certificate.verify(authority.getPublicKey());
            return true;
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    /** Carries out what another member asks for, and says what became of it. */
    public ChangeCertificateReply changed(ChangeCertificateRequest wanted) {
        ChangeCertificateReply.Builder answer =
                ChangeCertificateReply.newBuilder().setName(name);
        try {
            change(wanted, Instant.now()).forEach(LOG::info);
            answer.setDone(true).setSerial(row().getSerial());
        } catch (IOException | RuntimeException e) {
            LOG.warn("A change of this node's certificates was refused: {}", e.getMessage());
            answer.setProblem(String.valueOf(e.getMessage()));
        }
        return answer.build();
    }

    /**
     * @return what was done, in sentences
     * @throws IOException if it is refused; nothing was changed then, unless a file could not be written
     */
    private List<String> change(ChangeCertificateRequest wanted, Instant now) throws IOException {
        OwnCertificate mine = own.orElseThrow(() -> new IOException("the certificate of " + name
                + " is brought by somebody else (tls.certificate): renew it where it comes from"));
        OwnFiles files = mine.files();
        List<String> done = new ArrayList<>();
        if (wanted.getRenew()) {
            X509Certificate made = mine.renew(now);
            done.add("This node's certificate was made anew, as somebody asked for it: serial "
                    + made.getSerialNumber().toString(16) + ", valid until "
                    + made.getNotAfter().toInstant());
        }
        if (!wanted.getPutBy().isEmpty()) {
            NextAuthority next = NextAuthority.parse(wanted.getPutBy());
            mine.putBy(next);
            done.add("The authority " + next.fingerprint()
                    + " is accepted besides the present one, and kept to sign next");
        }
        if (!wanted.getSignWith().isEmpty()) {
            X509Certificate made = mine.signWith(wanted.getSignWith(), now);
            done.add("The authority " + wanted.getSignWith()
                    + " signs here from now on. This node's certificate was made anew: serial "
                    + made.getSerialNumber().toString(16));
        }
        if (wanted.getDropCount() > 0) {
            mine.drop(wanted.getDropList(), wanted.getSigns());
            done.add("Certificates of the authority " + String.join(", ", wanted.getDropList())
                    + " are accepted no more");
        }
        takeUp.run();
        if (!tls.orElseThrow().certificate().equals(files.certificate())
                || !tls.get().authorities().equals(files.trusted())) {
            throw new IOException(
                    "the new files in " + files.directory() + " are not taken up; the log of " + name + " says why");
        }
        return done;
    }
}
