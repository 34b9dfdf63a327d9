package dev.matriarch.tls.authority;

import dev.matriarch.tls.Pem;
import dev.matriarch.tls.TlsFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The files of a node that has certificates of the cluster's own authority: whom it trusts, the authority with its key, and its
 * own certificate with its key. For the owner only; each is replaced in one step, and is on the disk when a method returns.
 */
public final class OwnFiles {
    /** The authority's certificate and its key. */
    public static final String AUTHORITY = "authority.pem";
    /** While the authority is changed: the new one, see {@link NextAuthority}. */
    public static final String NEXT = "next-authority.pem";

    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");
    private static final Set<PosixFilePermission> OWNERS_DIRECTORY = PosixFilePermissions.fromString("rwx------");

    private final Path directory;

    public OwnFiles(Path directory) {
        this.directory = directory.toAbsolutePath();
    }

    public Path directory() {
        return directory;
    }

    public Path node() {
        return directory.resolve(TlsFiles.NODE);
    }

    /** One of its files is there. */
    public boolean isUsed() {
        return Files.exists(node())
                || Files.exists(directory.resolve(AUTHORITY))
                || Files.exists(directory.resolve(TlsFiles.AUTHORITIES));
    }

    /** @throws IOException if there is none, or it cannot be used; the message names the file */
    public CertificateAuthority authority() throws IOException {
        return CertificateAuthority.read(directory.resolve(AUTHORITY));
    }

    /** That of {@link #authority}, without its key. */
    public X509Certificate authorityCertificate() throws IOException {
        return Pem.certificates(directory.resolve(AUTHORITY)).getFirst();
    }

    public List<X509Certificate> trusted() throws IOException {
        return Pem.certificates(directory.resolve(TlsFiles.AUTHORITIES));
    }

    public X509Certificate certificate() throws IOException {
        return Pem.certificates(node()).getFirst();
    }

    public void trust(Collection<X509Certificate> authorities) throws IOException {
        write(TlsFiles.AUTHORITIES, PemText.of(authorities));
    }

    public void keepAuthority(CertificateAuthority authority) throws IOException {
        write(AUTHORITY, authority.pem());
    }

    /** @return empty: no change of the authority is under way here. @throws IOException if it cannot be used */
    public Optional<NextAuthority> next() throws IOException {
        Path file = directory.resolve(NEXT);
        return Files.exists(file) ? Optional.of(NextAuthority.read(file)) : Optional.empty();
    }

    public void keepNext(NextAuthority next) throws IOException {
        write(NEXT, next.pem());
    }

    public void forgetNext() throws IOException {
        Files.deleteIfExists(directory.resolve(NEXT));
    }

    /** @param chain the node's certificate first */
    public void keepNode(List<X509Certificate> chain, KeyPair key) throws IOException {
        write(TlsFiles.NODE, PemText.of(chain) + PemText.of(key.getPrivate()));
    }

    /** Makes a certificate with a new key. */
    public X509Certificate issue(NodeName node, java.time.Duration lifetime, Instant now) throws IOException {
        KeyPair key = CertificateAuthority.newKey();
        X509Certificate made =
                authority().issue(key.getPublic(), node.name(), node.cluster(), node.hosts(), now, lifetime);
        keepNode(List.of(made), key);
        return made;
    }

    /** Makes the directory, for its owner only. Whoever is root gives it to the owner of the directory that it is made in. */
    public void create() throws IOException {
        if (!Files.isDirectory(directory)) {
            Path parent = directory.getParent();
            Files.createDirectories(parent);
            Files.createDirectory(directory, PosixFilePermissions.asFileAttribute(OWNERS_DIRECTORY));
            give(directory, Files.getOwner(parent));
        }
    }

    /** Links are not followed: who owns the directory could put one to another's file there meanwhile. */
    private static void give(Path file, UserPrincipal owner) throws IOException {
        if (!Files.getOwner(file, LinkOption.NOFOLLOW_LINKS).equals(owner)) {
            try {
                Files.getFileAttributeView(file, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                        .setOwner(owner);
            } catch (IOException e) {
                // Only root may; the owner is then who runs this, and the agent will say if it may not read.
                return;
            }
        }
    }

    private void write(String name, String text) throws IOException {
        Path draft = directory.resolve(name + ".new");
        Files.deleteIfExists(draft);
        try (FileChannel channel = FileChannel.open(
                draft,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(OWNER_ONLY))) {
            ByteBuffer buffer = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            channel.force(true);
        }
        give(draft, Files.getOwner(directory));
        Files.move(draft, directory.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
