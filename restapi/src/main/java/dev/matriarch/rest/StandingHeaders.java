package dev.matriarch.rest;

import java.util.LinkedHashMap;
import java.util.Map;

/** The headers that every answer carries; they may change. Any thread. */
final class StandingHeaders {
    private volatile RestSettings.Headers headers;

    StandingHeaders(RestSettings.Headers headers) {
        this.headers = headers;
    }

    /** From the next answer on. */
    void set(RestSettings.Headers changed) {
        headers = changed;
    }

    Reply on(Request request, Reply reply) {
        RestSettings.Headers wanted = headers;
        if (wanted.equals(RestSettings.Headers.NONE)) {
            return reply;
        }
        Map<String, String> all = new LinkedHashMap<>(wanted.always());
        if (request.caller().overTls()) {
            all.putAll(wanted.overTls());
        }
        wanted.server().ifPresent(server -> all.put("Server", server));
        all.putAll(reply.headers());
        return new Reply(reply.status(), reply.contentType(), reply.body(), all);
    }
}
