package dev.matriarch.agent.certificates;

import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.NodeName;
import dev.matriarch.tls.authority.OwnCertificate;
import dev.matriarch.tls.authority.OwnFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Certificates of nodes on this machine, which keep their authority too. */
public final class TestCertificates {
    public static final Duration LIFE = Duration.ofDays(90);

    private TestCertificates() {}

    /** @param directory of its own, made here */
    public static ShownCertificate issued(CertificateAuthority authority, Path directory, String node)
            throws IOException {
        OwnFiles files = new OwnFiles(directory);
        files.create();
        files.keepAuthority(authority);
        files.trust(List.of(authority.certificate()));
        NodeName who = new NodeName(node, "demo", List.of("127.0.0.1"));
        files.issue(who, LIFE, Instant.now());
        TlsFiles tls = TlsFiles.own(files.directory(), LIFE);
        LiveTls live = new LiveTls(tls, refusal -> {});
        return new ShownCertificate(
                node,
                Optional.of(live),
                Optional.of(new OwnCertificate(tls.own().orElseThrow(), who)),
                () -> {
                    try {
                        live.reload(tls);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }
}
