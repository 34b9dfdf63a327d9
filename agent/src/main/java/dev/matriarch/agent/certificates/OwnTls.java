package dev.matriarch.agent.certificates;

import dev.matriarch.agent.config.NodeConfig;
import dev.matriarch.tls.TlsFiles;
import dev.matriarch.tls.authority.NodeName;
import dev.matriarch.tls.authority.OwnCertificate;
import java.util.Optional;

/** The certificate that a node makes for itself, if its configuration says so. */
public final class OwnTls {
    private OwnTls() {}

    public static Optional<OwnCertificate> of(NodeConfig config) {
        return config.tls().flatMap(TlsFiles::own).map(own -> new OwnCertificate(own, name(config)));
    }

    static NodeName name(NodeConfig config) {
        return new NodeName(config.name(), config.scope(), config.hosts());
    }
}
