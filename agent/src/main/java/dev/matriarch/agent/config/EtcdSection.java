package dev.matriarch.agent.config;

import dev.matriarch.agent.config.AgentConfig.Credentials;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads {@code etcd3} or {@code etcd}, with Patroni's keys: of proxy, url, hosts, host and srv the first that is given counts. */
final class EtcdSection {
    private static final int PORT = 2379;

    private final EtcdConfig.Api api;
    private final Section s;
    private final Findings findings;

    EtcdSection(EtcdConfig.Api api, Section section, Findings findings) {
        this.api = api;
        this.s = section;
        this.findings = findings;
    }

    /** @return empty if something is wrong with it */
    Optional<EtcdConfig> read() {
        int before = findings.problems().size();
        String protocol = s.word("protocol", "http", List.of("http", "https"));
        int port = s.integer("port", PORT, 1, 65535);
        Optional<URI> proxy = url("proxy");
        Optional<URI> url = url("url");
        List<URI> hosts = new ArrayList<>();
        for (String host : s.textsOrCommas("hosts")) {
            address("hosts", host, protocol, port).ifPresent(hosts::add);
        }
        Optional<URI> host = s.text("host").flatMap(text -> address("host", text, protocol, port));
        Optional<String> srv = s.text("srv").or(() -> s.text("discovery_srv")).or(() -> s.text("srv_domain"));
        s.text("discovery_srv");
        s.text("srv_domain");
        Optional<String> suffix = s.text("srv_suffix");
        boolean proxies = s.bool("use_proxies", false) || proxy.isPresent();
        Optional<Credentials> login = login(proxy.or(() -> url));
        Optional<Path> cacert = s.file("cacert");
        Optional<Path> cert = s.file("cert");
        Optional<Path> key = s.file("key");
        Optional<String> keyPassword = s.secret("key_password");
        if (key.isPresent() && cert.isEmpty() && !s.has("cert")) {
            s.problem("key", "needs cert: the certificate that it belongs to");
        }
        s.finish();
        List<URI> addresses = proxy.or(() -> url)
                .map(u -> List.of(bare(u)))
                .orElseGet(() -> hosts.isEmpty() ? host.map(List::of).orElse(List.of()) : hosts);
        if (addresses.isEmpty() && srv.isEmpty() && findings.problems().size() == before) {
            findings.add(
                    s.key("hosts"),
                    "is missing: give the addresses of etcd's servers, such as ['10.0.0.1:2379', '10.0.0.2:2379'], or srv");
        }
        return findings.problems().size() > before
                ? Optional.empty()
                : Optional.of(
                        new EtcdConfig(api, addresses, srv, suffix, proxies, login, cacert, cert, key, keyPassword));
    }

    private Optional<URI> address(String name, String text, String protocol, int port) {
        try {
            return Optional.of(HostPort.parse(text, port).url(protocol));
        } catch (IllegalArgumentException e) {
            findings.add(s.key(name), text, "is not an address: " + e.getMessage(), Optional.empty());
            return Optional.empty();
        }
    }

    private Optional<URI> url(String name) {
        return s.text(name).flatMap(text -> {
            try {
                URI uri = URI.create(text);
                boolean web = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
                if (web && uri.getHost() != null) {
                    return Optional.of(uri);
                }
            } catch (IllegalArgumentException e) {
                // Said below, without what it holds: there may be a password in it.
            }
            findings.add(s.key(name), "is not an address such as http://10.0.0.1:2379");
            return Optional.empty();
        });
    }

    private static URI bare(URI url) {
        String host = url.getHost();
        return URI.create(url.getScheme() + "://" + host + ":" + (url.getPort() < 0 ? PORT : url.getPort()));
    }

    private Optional<Credentials> login(Optional<URI> url) {
        Optional<String> username = s.text("username");
        Optional<String> password = s.secret("password");
        Optional<String> inUrl = url.map(URI::getUserInfo);
        if (inUrl.isPresent()) {
            int colon = inUrl.get().indexOf(':');
            return Optional.of(new Credentials(
                    colon < 0 ? inUrl.get() : inUrl.get().substring(0, colon),
                    colon < 0 ? "" : inUrl.get().substring(colon + 1)));
        }
        if (username.isPresent() != password.isPresent()) {
            findings.add(
                    s.key(username.isPresent() ? "password" : "username"),
                    "is missing: give username and password, or neither");
        }
        return username.flatMap(u -> password.map(p -> new Credentials(u, p)));
    }
}
