package dev.matriarch.tls.authority;

import java.util.List;

/**
 * Whom a certificate is made for.
 *
 * @param hosts names and addresses by which others call it
 */
public record NodeName(String name, String cluster, List<String> hosts) {
    public NodeName {
        hosts = List.copyOf(hosts);
    }
}
