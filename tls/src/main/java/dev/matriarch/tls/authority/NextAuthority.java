package dev.matriarch.tls.authority;

import dev.matriarch.tls.Pem;
import java.io.IOException;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.List;

/**
 * The authority that is to sign in place of another one. It is put by on every node before the first certificate of it is shown, so
 * that each of them can carry the change to its end.
 *
 * @param replaced the authorities that nobody accepts any more when the change is over
 */
public record NextAuthority(CertificateAuthority authority, List<X509Certificate> replaced) {
    public NextAuthority {
        replaced = List.copyOf(replaced);
    }

    /** @throws IOException if the file does not hold an authority and its key; the message names it */
    public static NextAuthority read(Path file) throws IOException {
        return of(CertificateAuthority.read(file), Pem.certificates(file));
    }

    /** @param pem as {@link #pem} */
    public static NextAuthority parse(String pem) throws IOException {
        return of(CertificateAuthority.parse(pem), Pem.certificates(pem, "the text that was sent"));
    }

    private static NextAuthority of(CertificateAuthority authority, List<X509Certificate> all) {
        return new NextAuthority(authority, all.subList(1, all.size()));
    }

    public String fingerprint() {
        return Fingerprint.of(authority.certificate());
    }

    /** The authority with its key, then the certificates of those that it replaces. For a file that nobody else may read. */
    public String pem() {
        return authority.pem() + PemText.of(replaced);
    }

    @Override
    public String toString() {
        return "NextAuthority[" + fingerprint() + "]";
    }
}
