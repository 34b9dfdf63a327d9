package dev.matriarch.agent.certificates;

import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.NodeConfig;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.Fingerprint;
import dev.matriarch.tls.authority.OwnFiles;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * {@code matriarch cluster init FILE}: a new authority, and this node's certificate of it; with {@code --authority} another
 * node's authority instead of a new one.
 */
final class ClusterInit {
    private static final Duration LIFETIME = Duration.ofDays(90);

    private final Map<String, String> environment;
    private final PrintStream out;

    ClusterInit(Map<String, String> environment, PrintStream out) {
        this.environment = environment;
        this.out = out;
    }

    /**
     * @param given a file with an authority and its key; absent: that of {@code tls.authority}, or a new one
     * @throws IOException if it is refused; the message says why, and nothing was changed
     */
    void run(Path file, Optional<Path> given, Instant now) throws IOException, ConfigProblems {
        NodeConfig config = NodeConfig.load(file, environment);
        if (config.tls().isPresent() && config.tls().get().own().isEmpty()) {
            throw new IOException(
                    file + " names certificates that you bring yourself (tls.ca, tls.certificate): with them"
                            + " there is nothing to make. Remove them to have certificates made here");
        }
        OwnFiles files = new OwnFiles(config.ownDirectory());
        if (files.isUsed()) {
            throw new IOException(files.directory() + " holds certificates already, and was not changed."
                    + " A certificate is made anew with matriarchctl cert rotate; to begin again move the"
                    + " directory aside");
        }
        Optional<Path> from = given.or(() -> config.tls().flatMap(TlsFiles::own).flatMap(TlsFiles.Own::authority));
        CertificateAuthority authority = from.isPresent()
                ? CertificateAuthority.read(from.get())
                : CertificateAuthority.create(config.scope(), now);
        Instant end = authority.certificate().getNotAfter().toInstant();
        if (!now.isBefore(end)) {
            throw new IOException("the authority in " + from.orElseThrow() + " has expired at " + end
                    + ": nobody would accept a certificate of it. Look at the clock, or take another one");
        }
        Optional<TlsSectionText> section = config.tls().isPresent()
                ? Optional.empty()
                : Optional.of(TlsSectionText.prepared(file, files.directory(), environment));
        try {
            files.create();
            files.keepAuthority(authority);
            files.trust(List.of(authority.certificate()));
            files.issue(
                    OwnTls.name(config),
                    config.tls()
                            .flatMap(TlsFiles::own)
                            .map(TlsFiles.Own::lifetime)
                            .orElse(LIFETIME),
                    now);
            if (section.isPresent()) {
                section.get().takeUp();
            }
        } catch (IOException | RuntimeException e) {
            if (section.isPresent()) {
                section.get().discard();
            }
            throw e;
        }
        out.println("Cluster " + config.scope() + ", node " + config.name() + ": "
                + (from.isPresent() ? "certificate" : "authority and certificate") + " made in " + files.directory());
        section.ifPresent(s -> out.println(s.file() + " has a section tls now"));
        out.println("SHA-256 of the authority: " + Fingerprint.of(authority.certificate()));
    }
}
