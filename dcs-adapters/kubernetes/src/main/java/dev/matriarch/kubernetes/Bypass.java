package dev.matriarch.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks for the API servers themselves, to ask them past their service: what stands between may swallow connections to a server that
 * has died for a while. Any thread.
 */
final class Bypass {
    private static final Logger LOG = LoggerFactory.getLogger(Bypass.class);
    static final Duration FRESH = Duration.ofSeconds(10);
    private static final Duration MOST = Duration.ofSeconds(1);
    private static final String SERVERS = "/api/v1/namespaces/default/endpoints/kubernetes";

    private final KubernetesApi api;
    private final long freshNanos;
    private boolean asked;
    private long askedAt;
    private boolean forbidden;

    /** @param fresh for how long an answer is used */
    Bypass(KubernetesApi api, Duration fresh) {
        this.api = api;
        this.freshNanos = fresh.toNanos();
    }

    /** Asks where they are, unless it has just been done, and for a small part of the time. What cannot be had changes nothing. */
    synchronized void look(Budget budget) {
        long now = System.nanoTime();
        if (forbidden || asked && now - askedAt < freshNanos) {
            return;
        }
        asked = true;
        askedAt = now;
        try {
            api.servers(found(api.get(SERVERS, budget.part(MOST))));
        } catch (Refusal e) {
            // Any other refusal passes, such as 401 while a token is renewed.
            if (e.code() == Refusal.FORBIDDEN) {
                LOG.warn(
                        "The API servers' addresses cannot be had; their service is used (bypass_api_service needs the right to"
                                + " get the endpoints kubernetes in namespace default): {}",
                        e.getMessage());
                forbidden = true;
                api.serviceOnly();
            } else {
                LOG.debug("the API servers' addresses are not known: {}", e.getMessage());
            }
        } catch (IllegalArgumentException | DcsException e) {
            LOG.debug("the API servers' addresses are not known: {}", e.toString());
        }
    }

    private List<URI> found(JsonNode endpoints) {
        List<URI> found = new ArrayList<>();
        for (JsonNode subset : endpoints.path("subsets")) {
            int port = subset.path("ports").path(0).path("port").asInt(443);
            for (JsonNode address : subset.path("addresses")) {
                String ip = address.path("ip").asText("");
                String host = ip.contains(":") ? "[" + ip + "]" : ip;
                found.add(URI.create(api.service().getScheme() + "://" + host + ":" + port + "/"));
            }
        }
        return found;
    }
}
