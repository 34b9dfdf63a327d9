package dev.matriarch.consul;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.consul.ConsulApi.Again;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.http.Budget;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This member as a service of its host's Consul agent, named after the cluster and tagged with its role, so that clients find
 * it by a name in DNS. No decision stands on it: what fails is logged and tried again.
 */
final class ConsulService {
    private static final Logger LOG = LoggerFactory.getLogger(ConsulService.class);
    private static final Set<String> ROLES = Set.of("primary", "master", "replica", "standby-leader");
    /** What a name may have so that the longest tag and Consul's own ending fit into a name of DNS. */
    private static final int LONGEST_NAME = 230;

    private static final Duration AT_MOST = Duration.ofSeconds(2);

    private final ConsulApi api;
    private final ConsulSettings settings;

    /** What was registered, with the token that it was registered with; empty: nothing. */
    private String registered = "";

    /** Not taken away since it was asked for; an earlier process may have registered it. */
    private boolean wanted;

    private String lastFailure = "";

    ConsulService(ConsulApi api, ConsulSettings settings) {
        this.api = api;
        this.settings = settings;
        this.wanted = settings.changeable().register();
    }

    /** A scope as the name of a service, which is to stand in DNS. */
    static String nameOf(String scope) {
        StringBuilder name = new StringBuilder();
        scope.toLowerCase(Locale.ROOT).codePoints().forEach(c -> {
            if (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
                name.appendCodePoint(c);
            } else if (c == '.' || c == '_' || c == ' ') {
                name.append('-');
            } else {
                name.append(String.format(Locale.ROOT, "u%04d", c));
            }
        });
        return name.substring(0, Math.min(LONGEST_NAME, name.length()));
    }

    /**
     * Registers this member as it is now, or takes it away, if that is not what stands already.
     *
     * @param ttl of the member's record, twice that of a lock: a service whose check has failed for five times the latter is
     *     taken away by Consul
     * @param anew Consul may have forgotten what it was told
     */
    synchronized void update(Member member, Duration ttl, boolean anew, Budget budget) {
        ConsulSettings.Changeable now = api.changeable();
        if (anew) {
            registered = "";
        }
        String role = member.role().replace('_', '-');
        boolean away = member.state().equals("stopped") || !now.register();
        try {
            if (away) {
                if (wanted) {
                    call(
                            "agent/service/deregister/"
                                    + ConsulApi.encoded(id(member)).replace("/", "%2F"),
                            "",
                            budget);
                    if (!registered.isEmpty()) {
                        LOG.info("The service {} is not registered any more", id(member));
                    }
                    registered = "";
                    wanted = false;
                }
                return;
            }
            wanted = true;
            if (!ROLES.contains(role) || !member.isRunning()) {
                return;
            }
            Optional<String> body = body(member, role, ttl, now);
            if (body.isEmpty()) {
                throw new DcsException("the addresses of this member (" + member.apiUrl()
                        + " and that of its PostgreSQL) have no host and port that Consul could be told");
            }
            String complete = body.get() + now.token().hashCode();
            if (!complete.equals(registered)) {
                call("agent/service/register", body.get(), budget);
                registered = complete;
                LOG.info("Registered {} as service {} with the tag {}", id(member), nameOf(settings.scope()), role);
            }
            lastFailure = "";
        } catch (DcsException e) {
            registered = away ? registered : "";
            if (!e.getMessage().equals(lastFailure)) {
                LOG.warn("The service {} could not be brought up to date in Consul: {}", id(member), e.getMessage());
                lastFailure = e.getMessage();
            }
        }
    }

    private String id(Member member) {
        return settings.scope() + "/" + member.name();
    }

    private void call(String path, String body, Budget budget) throws DcsException {
        Duration left = budget.left();
        Budget own = new Budget(left.compareTo(AT_MOST) < 0 ? left : AT_MOST);
        if (api.call("PUT", path, body, Again.ALLOWED, own).status() != 200) {
            throw new DcsException("it does not know " + path);
        }
    }

    /** @return empty if its addresses have no host */
    Optional<String> body(Member member, String role, Duration ttl, ConsulSettings.Changeable now) {
        URI conn;
        URI rest;
        try {
            conn = URI.create(member.connUrl());
            rest = URI.create(member.apiUrl());
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
        if (conn.getHost() == null || conn.getPort() < 0 || rest.getHost() == null) {
            return Optional.empty();
        }
        ArrayNode tags = JsonNodeFactory.instance.arrayNode();
        now.tags().stream().sorted().forEach(tags::add);
        tags.add(role);
        if (role.equals("primary")) {
            tags.add("master");
        } else if (role.equals("master")) {
            tags.add("primary");
        }
        ObjectNode check = JsonNodeFactory.instance
                .objectNode()
                .put("HTTP", rest.resolve("/" + role).toString())
                .put("Interval", settings.service().interval())
                .put(
                        "DeregisterCriticalServiceAfter",
                        ttl.multipliedBy(5).dividedBy(2).toSeconds() + "s");
        settings.service().tlsServerName().ifPresent(name -> check.put("TLSServerName", name));
        ObjectNode body = JsonNodeFactory.instance
                .objectNode()
                .put("ID", id(member))
                .put("Name", nameOf(settings.scope()))
                .put("Address", conn.getHost().replaceAll("[\\[\\]]", ""))
                .put("Port", conn.getPort())
                .put("EnableTagOverride", true);
        body.set("Tags", tags);
        body.set("Check", check);
        return Optional.of(body.toString());
    }
}
