package dev.matriarch.consul;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.consul.ConsulApi.Again;
import dev.matriarch.consul.ConsulApi.Answer;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sessions, which keys end with. Consul ends a session twice its time after its last renewal, so half of what is wanted is
 * asked for.
 */
final class ConsulSessions {
    private static final Logger LOG = LoggerFactory.getLogger(ConsulSessions.class);
    /** Times as Go writes them: {@code 10s}, {@code 1m0s}. */
    private static final Pattern LEAST = Pattern.compile("must be between \\[((?:[0-9.]+(?:ms|s|m|h))+)=");

    private static final Pattern PART = Pattern.compile("([0-9.]+)(ms|s|m|h)");
    private static final Duration LONGEST_DELAY = Duration.ofSeconds(60);

    private final ConsulApi api;
    private final ConsulSettings settings;
    private volatile Duration least = Duration.ZERO;

    ConsulSessions(ConsulApi api, ConsulSettings settings) {
        this.api = api;
        this.settings = settings;
    }

    /** The time of a session that is to last so long, in Consul's words. */
    String time(Duration ttl) {
        Duration half = Duration.ofMillis((ttl.toMillis() + 1) / 2);
        return (half.compareTo(least) < 0 ? least : half).toMillis() + "ms";
    }

    /** A member's session: its record goes with the health checks that were asked for, too. */
    String forMember(Duration ttl, Budget budget) throws DcsException {
        return create(ttl, Duration.ofMillis(1), settings.checks(), budget);
    }

    /**
     * The session of a lock. A health check may end it long before its time, while PostgreSQL still takes writes: then nobody
     * else gets the lock for a ttl.
     */
    String forLock(Duration ttl, Budget budget) throws DcsException {
        if (settings.checks().isEmpty()) {
            return create(ttl, Duration.ofMillis(1), List.of(), budget);
        }
        if (ttl.compareTo(LONGEST_DELAY) > 0) {
            LOG.warn(
                    "A ttl of {} s is longer than Consul can keep a lock back ({} s): the lock does not end with the"
                            + " checks, only with its time",
                    ttl.toSeconds(),
                    LONGEST_DELAY.toSeconds());
            return create(ttl, Duration.ofMillis(1), List.of(), budget);
        }
        return create(ttl, ttl, settings.checks(), budget);
    }

    private String create(Duration ttl, Duration delay, List<String> checks, Budget budget) throws DcsException {
        try {
            return createOnce(ttl, delay, checks, budget);
        } catch (Refusal e) {
            long millis = leastMillis(e.getMessage());
            if (millis <= least.toMillis()) {
                throw e;
            }
            least = Duration.ofMillis(millis);
            LOG.warn(
                    "Consul allows no session of less than {} ms: locks and members' records last at least {} ms",
                    millis,
                    2 * millis);
            return createOnce(ttl, delay, checks, budget);
        }
    }

    /** The shortest time of a session that Consul names as it refuses one; 0: it names none. */
    static long leastMillis(String refusal) {
        Matcher whole = LEAST.matcher(refusal);
        if (!whole.find()) {
            return 0;
        }
        double millis = 0;
        Matcher part = PART.matcher(whole.group(1));
        while (part.find()) {
            millis += Double.parseDouble(part.group(1))
                    * switch (part.group(2)) {
                        case "ms" -> 1;
                        case "s" -> 1_000;
                        case "m" -> 60_000;
                        default -> 3_600_000;
                    };
        }
        return (long) Math.ceil(millis);
    }

    private String createOnce(Duration ttl, Duration delay, List<String> checks, Budget budget) throws DcsException {
        ArrayNode ids = JsonNodeFactory.instance.arrayNode();
        checks.forEach(ids::add);
        ObjectNode body = JsonNodeFactory.instance
                .objectNode()
                .put("Name", settings.scope() + "-" + settings.member())
                .put("TTL", time(ttl))
                .put("LockDelay", delay.toMillis() + "ms")
                .put("Behavior", "delete");
        // Without them Consul would add its own: that its agent is seen by the others.
        body.set("Checks", ids);
        body.set("NodeChecks", ids);
        Answer answer = api.call("PUT", "session/create", body.toString(), Again.ALLOWED, budget);
        String id = answer.body().path("ID").asText("");
        if (id.isEmpty()) {
            throw new DcsException("Consul at " + api.address() + " created no session");
        }
        return id;
    }

    /** @return its time in Consul's words; empty if there is no such session */
    Optional<String> renew(String session, Budget budget) throws DcsException {
        if (session.isEmpty()) {
            return Optional.empty();
        }
        Answer answer = api.call("PUT", "session/renew/" + ConsulApi.encoded(session), "", Again.ALLOWED, budget);
        if (answer.status() == 404) {
            return Optional.empty();
        }
        if (!answer.body().path(0).path("ID").asText("").equals(session)) {
            throw new DcsException("Consul at " + api.address() + " answered a renewal with something else");
        }
        return Optional.of(answer.body().path(0).path("TTL").asText(""));
    }
}
