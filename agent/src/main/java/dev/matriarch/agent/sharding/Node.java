package dev.matriarch.agent.sharding;

import dev.matriarch.agent.config.HostPort;
import dev.matriarch.dcs.Member;
import java.net.URI;
import java.util.Optional;

/**
 * A server that a group offers to the others.
 *
 * @param member its name within its group
 */
public record Node(String member, String host, int port, boolean primary) {
    /** Empty if the member does not say where its server is. */
    static Optional<Node> of(Member member, boolean primary) {
        try {
            HostPort address = HostPort.parse(URI.create(member.connUrl()).getAuthority(), 5432);
            return Optional.of(new Node(member.name(), address.host(), address.port(), primary));
        } catch (IllegalArgumentException | NullPointerException e) {
            return Optional.empty();
        }
    }

    boolean isAt(String otherHost, int otherPort) {
        return host.equals(otherHost) && port == otherPort;
    }
}
