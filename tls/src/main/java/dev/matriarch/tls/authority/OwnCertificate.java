package dev.matriarch.tls.authority;

import dev.matriarch.tls.TlsFiles;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Optional;

/** A node's certificate of the cluster's own authority, made anew in time. Any thread. */
public final class OwnCertificate {
    private final TlsFiles.Own own;
    private final OwnFiles files;
    private final NodeName node;

    public OwnCertificate(TlsFiles.Own own, NodeName node) {
        this.own = own;
        this.files = new OwnFiles(own.directory());
        this.node = node;
    }

    public OwnFiles files() {
        return files;
    }

    /**
     * Makes it anew if it is time.
     *
     * @return what was done, in a sentence; empty: nothing
     * @throws IOException if it is time and it cannot be done; the message says why
     */
    public synchronized Optional<String> renewIfDue(Instant now) throws IOException {
        X509Certificate present = files.certificate();
        Optional<String> why = Renewal.due(present, node.hosts(), files.authorityCertificate(), now);
        if (why.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of("This node's certificate was made anew, as " + why.get() + ": "
                + words(checked(files.authority(), now)));
    }

    /** Makes it anew, whatever its age. */
    public synchronized X509Certificate renew(Instant now) throws IOException {
        return checked(files.authority(), now);
    }

    private X509Certificate checked(CertificateAuthority authority, Instant now) throws IOException {
        Instant end = authority.certificate().getNotAfter().toInstant();
        if (!now.isBefore(end)) {
            throw new IOException("the cluster's authority in " + files.directory() + " has expired at " + end
                    + "; look at the clock; what to do then: docs/tls.md, \"The authority\"");
        }
        if (!files.trusted().contains(authority.certificate())) {
            throw new IOException("the authority in " + files.directory().resolve(OwnFiles.AUTHORITY)
                    + " is none of those in " + files.directory().resolve(TlsFiles.AUTHORITIES)
                    + ": others would refuse a certificate of it. Correct one of the two files");
        }
        return files.issue(node, own.lifetime(), now);
    }

    private static String words(X509Certificate made) {
        return "serial " + made.getSerialNumber().toString(16) + ", valid until "
                + made.getNotAfter().toInstant();
    }
}
