package dev.matriarch.agent.config;

import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.OwnFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** The certificate that a member shows to the others and to matriarchctl, and whom it lets in. */
final class TlsSection {
    static final String NO_CERTIFICATE =
            "holds no certificate that the agent may read. If this cluster has other members, this one among them"
                    + " before it lost its disk: move this file aside and join with the line that matriarchctl cluster"
                    + " token prints on one of them. For the first node of a new cluster make an authority and a"
                    + " certificate: matriarch cluster init FILE, as the agent's user (docs/tls.md)";
    static final String NO_AUTHORITY =
            "cannot be read, and tls.directory holds no certificate yet. Make one for the whole cluster, once:"
                    + " matriarch cluster authority FILE; each node is given the same file, readable for the agent's user"
                    + " (docs/tls.md)";
    private static final Duration LIFETIME = Duration.ofDays(90);
    private static final Duration SHORTEST = Duration.ofSeconds(60);

    private final Section s;

    TlsSection(Section s) {
        this.s = s;
    }

    Optional<TlsFiles> read() {
        Optional<Path> directory = s.file("directory");
        Duration lifetime = s.duration("lifetime", LIFETIME, SHORTEST);
        Optional<Path> authority = s.file("authority");
        if (s.has("directory")) {
            return own(directory, lifetime, authority);
        }
        if (s.has("authority")) {
            s.problem("authority", "is what certificates are made with here: it needs " + s.key("directory"));
        }
        if (s.has("lifetime")) {
            s.problem("lifetime", "is that of certificates that are made here: it needs " + s.key("directory"));
        }
        Optional<Path> ca = readable("ca", "the authority that the certificates of all members come from");
        Optional<Path> certificate = readable("certificate", "this member's certificate, in PEM form");
        Optional<Path> key = s.has("key") ? readable("key", "") : s.file("key").or(() -> certificate);
        Optional<String> password = s.secret("key_password");
        s.finish();
        return ca.flatMap(a -> certificate.flatMap(c -> key.map(k -> new TlsFiles(a, c, k, password))));
    }

    private Optional<TlsFiles> own(Optional<Path> directory, Duration lifetime, Optional<Path> authority) {
        for (String name : List.of("ca", "certificate", "key", "key_password", "key_password_file")) {
            if (s.has(name)) {
                s.problem(name, "is given together with " + s.key("directory") + "; keep one of them");
            }
            s.tolerate(name);
        }
        s.finish();
        Optional<TlsFiles> files = directory.map(d -> TlsFiles.own(d, lifetime, authority));
        files.filter(f -> !Files.isReadable(f.certificate()) || !Files.isReadable(f.ca()))
                .ifPresent(f -> begins(f, authority));
        return files;
    }

    /** It holds no certificate: the first one is made at the start, where an authority is given. */
    private void begins(TlsFiles files, Optional<Path> authority) {
        if (authority.isEmpty() || Files.exists(files.certificate())) {
            s.problem("directory", NO_CERTIFICATE);
        } else if (!Files.isReadable(authority.get())
                && !Files.isReadable(files.certificate().resolveSibling(OwnFiles.AUTHORITY))) {
            s.problem("authority", NO_AUTHORITY);
        }
    }

    private Optional<Path> readable(String name, String advice) {
        Optional<Path> file = s.file(name);
        if (file.isEmpty() && !s.has(name)) {
            s.problem(name, "is missing: " + advice);
        }
        if (file.isPresent() && !Files.isReadable(file.get())) {
            s.problem(name, "cannot be read; create it, readable for the agent's user");
            return Optional.empty();
        }
        return file;
    }
}
