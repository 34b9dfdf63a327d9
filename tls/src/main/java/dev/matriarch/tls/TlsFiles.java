package dev.matriarch.tls;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/**
 * Where a member's or a person's certificate is kept.
 *
 * @param ca the authorities that the other side's certificate must come from
 * @param certificate one's own, with those between it and the authority after it
 * @param key its private key; may be the same file
 * @param keyPassword of an encrypted key
 * @param own if the files are made here, by the cluster's own authority; absent: somebody else brings them
 */
public record TlsFiles(Path ca, Path certificate, Path key, Optional<String> keyPassword, Optional<Own> own) {
    /** The authorities that are trusted, in a directory of files that are made here. */
    public static final String AUTHORITIES = "ca.crt";
    /** This node's certificate and its key, in one file, so that both change in one step. */
    public static final String NODE = "node.pem";

    /**
     * @param directory holds all files
     * @param lifetime of each certificate of a node
     * @param authority what a node begins with whose directory holds no certificate; absent: it does not begin by itself
     */
    public record Own(Path directory, Duration lifetime, Optional<Path> authority) {}

    public TlsFiles {
        Objects.requireNonNull(ca, "ca");
        Objects.requireNonNull(certificate, "certificate");
        Objects.requireNonNull(key, "key");
        Objects.requireNonNull(own, "own");
    }

    /** Brought by somebody else. */
    public TlsFiles(Path ca, Path certificate, Path key, Optional<String> keyPassword) {
        this(ca, certificate, key, keyPassword, Optional.empty());
    }

    /** Made here. */
    public static TlsFiles own(Path directory, Duration lifetime) {
        return own(directory, lifetime, Optional.empty());
    }

    /** Made here, by an authority that is given. @param authority see {@link Own} */
    public static TlsFiles own(Path directory, Duration lifetime, Optional<Path> authority) {
        Path node = directory.resolve(NODE);
        return new TlsFiles(
                directory.resolve(AUTHORITIES),
                node,
                node,
                Optional.empty(),
                Optional.of(new Own(directory, lifetime, authority)));
    }

    @Override
    public String toString() {
        return "TlsFiles[" + certificate + "]";
    }
}
