package dev.matriarch.rest;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What changes something: reads the body, has the agent do it, and says what became of it.
 *
 * <p>The outcome of a request that was understood is a sentence, or JSON for who accepts that; what is wrong with the
 * request itself is always JSON.
 */
final class Orders {
    private static final Set<String> RESTART_FIELDS =
            Set.of("schedule", "role", "postgres_version", "timeout", "restart_pending");
    private static final List<String> GROUP_EVENTS = List.of("before_demote", "before_promote", "after_promote");
    private static final Duration EVENT_TIMEOUT = Duration.ofSeconds(30);
    private static final Duration EVENT_COOLDOWN = Duration.ofSeconds(10);
    private static final Duration LONGEST_EVENT = Duration.ofMinutes(5);
    private static final Duration LONGEST_TIMEOUT = Duration.ofDays(7);
    /** Bodies are compared word for word by programs; the id is beside them. */
    private static final String ACTION = "Matriarch-Action";

    private static final String ADVICE = "nothing was done: correct the request; GET /openapi describes it";

    private final AgentView agent;
    private final Working working;

    Orders(AgentView agent, Working working) {
        this.agent = agent;
        this.working = working;
    }

    /** A body that cannot be used, and the reply that says so. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;
        private final transient Reply reply;

        Refused(int status, String... sentences) {
            super(sentences[0]);
            reply = Reply.error(status, sentences);
        }
    }

    private interface Order {
        Reply carryOut() throws Refused, Fields.BadBody;
    }

    private static Reply understood(Order order) {
        try {
            return order.carryOut();
        } catch (Refused e) {
            return e.reply;
        } catch (Fields.BadBody e) {
            return Reply.error(400, e.getMessage(), ADVICE);
        }
    }

    private static Reply reply(Request request, Answer answer) {
        Reply reply = replyWithoutId(request, answer);
        return answer.action().map(id -> reply.with(ACTION, id)).orElse(reply);
    }

    private static Reply replyWithoutId(Request request, Answer answer) {
        boolean ownFault = answer.status() == 400 || answer.status() == 422;
        if (ownFault) {
            return Reply.error(answer.status(), answer.sentence(), ADVICE);
        }
        if (!request.caller().wantsJson()) {
            return Reply.text(answer.status(), answer.sentence());
        }
        return answer.status() >= 300
                ? Reply.error(answer.status(), answer.sentence())
                : new Reply(answer.status(), Json.bytes(json -> {
                    json.writeStartObject();
                    json.writeStringField("message", answer.sentence());
                    json.writeEndObject();
                }));
    }

    // --- configuration ---

    Reply changeConfig(Request request) {
        return understood(() -> {
            byte[] body = body(request);
            Optional<String> problem = Json.problemOfObject(body);
            if (problem.isPresent()) {
                throw new Refused(
                        400, "nothing was changed: " + problem.get() + "; send a JSON object such as {\"ttl\": 30}");
            }
            String json = new String(body, StandardCharsets.UTF_8);
            return reply(request.method().equals("PATCH") ? agent.patchConfig(json) : agent.replaceConfig(json));
        });
    }

    private static Reply reply(ConfigChange change) {
        Reply reply = replyWithoutId(change);
        return change.action().map(id -> reply.with(ACTION, id)).orElse(reply);
    }

    private static Reply replyWithoutId(ConfigChange change) {
        return switch (change) {
            case ConfigChange.Done done -> new Reply(200, done.json().getBytes(StandardCharsets.UTF_8));
            case ConfigChange.Refused refused -> Reply.errors(400, refused.problems());
            case ConfigChange.NothingStored nothing ->
                Reply.error(503, "the store holds no configuration yet; start the cluster first, then ask again");
            case ConfigChange.Conflict conflict ->
                Reply.error(409, "somebody else changed the configuration first; read it again and repeat the change");
            case ConfigChange.Unavailable unavailable -> Reply.error(502, unavailable.sentence());
        };
    }

    // --- this member ---

    /** Patroni's agents obey it in their own tests on Windows only, and say this everywhere. */
    Reply terminate(Request request) {
        return reply(request, new Answer(202, "shutdown scheduled"));
    }

    Reply reload(Request request) {
        return reply(request, agent.reload());
    }

    Reply restart(Request request) {
        return understood(() -> {
            Fields fields = optionalFields(request);
            for (String name : fields.names()) {
                if (!RESTART_FIELDS.contains(name)) {
                    throw new Refused(400, "Unknown filter for the scheduled restart: " + name, ADVICE);
                }
            }
            Duration timeout = Duration.ZERO;
            Optional<String> given = fields.textOrNumber("timeout");
            if (given.isPresent()) {
                timeout = Fields.time(given.get())
                        .filter(t -> t.isPositive() && t.compareTo(LONGEST_TIMEOUT) <= 0)
                        .orElseThrow(() -> new Refused(
                                400, "Timeout should be a positive number of seconds", "7 days at most", ADVICE));
            }
            String role = fields.text("role").orElse("");
            return reply(
                    request,
                    agent.restart(new RestartWish(
                            role.equals("master") ? "primary" : role,
                            fields.textOrNumber("postgres_version").orElse(""),
                            // That it is there says it, whatever its value: so it is in Patroni.
                            fields.has("restart_pending"),
                            timeout,
                            fields.text("schedule").orElse(""))));
        });
    }

    Reply cancelRestart(Request request) {
        return reply(request, agent.cancelRestart());
    }

    Reply reinitialize(Request request) {
        return understood(() -> {
            Fields fields = optionalFields(request);
            boolean fromLeader = fields.flag("from_leader") || fields.flag("from-leader");
            return reply(request, agent.reinitialize(fields.flag("force"), fromLeader));
        });
    }

    // --- the cluster ---

    Reply switchover(Request request, boolean failover) {
        return understood(() -> {
            Fields fields = Fields.parse(body(request));
            Optional<String> candidate = fields.text("candidate");
            return reply(
                    request,
                    agent.changeLeader(new ChangeOfLeader(
                            failover,
                            fields.text("leader"),
                            candidate.isPresent() ? candidate : fields.text("member"),
                            fields.text("scheduled_at"))));
        });
    }

    /** A worker's leader tells the coordinator of what it is about to do; Patroni sends this. */
    Reply groupEvent(Request request) {
        return understood(() -> {
            Fields fields = Fields.parse(body(request));
            String type = fields.text("type").orElse("");
            if (!GROUP_EVENTS.contains(type)) {
                throw new Refused(400, "type is none of " + String.join(", ", GROUP_EVENTS), ADVICE);
            }
            String group = fields.textOrNumber("group").orElse("");
            if (!group.matches("\\d{1,9}")) {
                throw new Refused(400, "group is not the number of a group", ADVICE);
            }
            return reply(
                    request,
                    agent.leaderOfGroupChanges(new GroupEvent(
                            type,
                            Integer.parseInt(group),
                            fields.text("leader").orElse(""),
                            seconds(fields, "timeout", EVENT_TIMEOUT),
                            seconds(fields, "cooldown", EVENT_COOLDOWN))));
        });
    }

    private static Duration seconds(Fields fields, String name, Duration otherwise) throws Refused, Fields.BadBody {
        Optional<String> given = fields.textOrNumber(name);
        if (given.isEmpty()) {
            return otherwise;
        }
        return Fields.time(given.get())
                .filter(t -> t.isPositive() && t.compareTo(LONGEST_EVENT) <= 0)
                .orElseThrow(
                        () -> new Refused(400, name + " should be a positive number of seconds, 300 at most", ADVICE));
    }

    Reply cancelSwitchover(Request request) {
        return reply(request, agent.cancelSwitchover());
    }

    /** A leader that has lost the store asks this member to leave the lock alone. */
    Reply failsafe(Request request) {
        return understood(() -> {
            Fields fields = Fields.parse(body(request));
            Optional<String> name = fields.text("name").filter(n -> !n.isBlank());
            if (name.isEmpty()) {
                throw new Refused(400, "name is missing: the leader that asks", ADVICE);
            }
            Answer answer = agent.keepAwayFromLock(
                    name.get(),
                    fields.text("conn_url").orElse(""),
                    fields.text("api_url").orElse(""));
            Reply reply = reply(request, answer);
            return answer.status() == 200
                    ? reply.with("lsn", Long.toString(agent.snapshot().positionInWal()))
                    : reply;
        });
    }

    // --- bodies ---

    /** As {@code curl -X POST} sends none at all, that is as good as an empty object. */
    private Fields optionalFields(Request request) throws Refused, Fields.BadBody {
        if (!request.body().announced()) {
            return Fields.none();
        }
        byte[] body = body(request);
        return body.length == 0 ? Fields.none() : Fields.parse(body);
    }

    private byte[] body(Request request) throws Refused {
        if (!request.body().announced()) {
            throw new Refused(411, "the request has no Content-Length; send the JSON object with its length");
        }
        try {
            return working.unless(request.body()::read)
                    .orElseThrow(
                            () -> new Refused(413, "the body is longer than 1 MB; nothing was changed: send less"));
        } catch (SocketTimeoutException e) {
            throw new Refused(408, "the body did not arrive in time; nothing was changed: send it again");
        } catch (IOException e) {
            throw new Refused(400, "the body ended before its announced length; nothing was changed: send it again");
        }
    }
}
