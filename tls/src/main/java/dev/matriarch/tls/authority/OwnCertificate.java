package dev.matriarch.tls.authority;

import dev.matriarch.tls.TlsFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
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
     * Makes the first one, if there is none and an authority was given to begin with. One that is in the directory already comes first:
     * the cluster's authority may have been changed since.
     *
     * @return what was done, in a sentence; empty: nothing
     * @throws IOException if the authority cannot be used; the message names the file
     */
    public synchronized Optional<String> beginIfEmpty(Instant now) throws IOException {
        if (own.authority().isEmpty() || Files.exists(files.node())) {
            return Optional.empty();
        }
        boolean alone = !Files.exists(files.directory().resolve(OwnFiles.AUTHORITY));
        if (alone) {
            CertificateAuthority given =
                    CertificateAuthority.read(own.authority().get());
            files.create();
            files.keepAuthority(given);
        }
        if (!Files.exists(files.directory().resolve(TlsFiles.AUTHORITIES))) {
            files.trust(List.of(files.authorityCertificate()));
        }
        return Optional.of("This node's first certificate was made, by the authority in "
                + (alone ? own.authority().get() : files.directory()) + ": " + words(checked(files.authority(), now)));
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

    /**
     * Keeps an authority for {@link #signWith}, and accepts its certificates from now on. May be repeated.
     *
     * @throws IOException if another one is put by already; nothing was changed then
     */
    public synchronized void putBy(NextAuthority next) throws IOException {
        Optional<NextAuthority> present = files.next();
        if (present.isPresent() && !present.get().fingerprint().equals(next.fingerprint())) {
            throw new IOException("another new authority is put by already, in "
                    + files.directory().resolve(OwnFiles.NEXT) + ": "
                    + present.get().fingerprint());
        }
        // In this order: an authority that is accepted and that nobody has would stay in the file for ever.
        if (present.isEmpty()) {
            files.keepNext(next);
        }
        X509Certificate authority = next.authority().certificate();
        if (!files.trusted().contains(authority)) {
            List<X509Certificate> both = new ArrayList<>(files.trusted());
            both.add(authority);
            files.trust(both);
        }
    }

    /**
     * Lets the authority that was put by sign from now on, this node's certificate first. May be repeated.
     *
     * @param fingerprint of it
     * @throws IOException if it is not the one that was put by, or is not accepted here
     */
    public synchronized X509Certificate signWith(String fingerprint, Instant now) throws IOException {
        if (!Fingerprint.of(files.authorityCertificate()).equals(fingerprint)) {
            CertificateAuthority next = files.next()
                    .filter(n -> n.fingerprint().equals(fingerprint))
                    .orElseThrow(() ->
                            new IOException("the authority " + fingerprint + " is not put by in " + files.directory()))
                    .authority();
            usable(next, now);
            files.keepAuthority(next);
        }
        return checked(files.authority(), now);
    }

    /**
     * Ends the change: accepts the replaced authorities no more, and no longer keeps the new one twice. May be repeated.
     *
     * @param signs fingerprint of the authority that has to sign here by now
     * @param replaced fingerprints
     * @throws IOException if another one signs; nothing was changed then
     */
    public synchronized void drop(Collection<String> replaced, String signs) throws IOException {
        if (!Fingerprint.of(files.authorityCertificate()).equals(signs) || replaced.contains(signs)) {
            throw new IOException("the authority " + signs + " does not sign here: " + files.directory());
        }
        List<X509Certificate> left = files.trusted().stream()
                .filter(a -> !replaced.contains(Fingerprint.of(a)))
                .toList();
        if (!left.equals(files.trusted())) {
            files.trust(left);
        }
        files.forgetNext();
    }

    private X509Certificate checked(CertificateAuthority authority, Instant now) throws IOException {
        usable(authority, now);
        return files.issue(node, own.lifetime(), now);
    }

    private void usable(CertificateAuthority authority, Instant now) throws IOException {
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
    }

    private static String words(X509Certificate made) {
        return "serial " + made.getSerialNumber().toString(16) + ", valid until "
                + made.getNotAfter().toInstant();
    }
}
