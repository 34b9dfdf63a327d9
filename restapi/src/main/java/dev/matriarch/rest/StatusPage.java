package dev.matriarch.rest;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * The page at {@code /ui}: three fixed files, and the state that they show. It only reads. Nothing of it comes from
 * anywhere else, and the headers forbid the browser to fetch anything from anywhere else.
 */
final class StatusPage {
    static final String PATH = "/ui";
    static final String STREAM = PATH + "/events";

    private static final String POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
            + " img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static final Map<String, String> HEADERS = headers();
    private static final Map<String, Reply> FILES = Map.of(
            PATH,
            file("page.html", "text/html; charset=utf-8"),
            PATH + "/page.css",
            file("page.css", "text/css; charset=utf-8"),
            PATH + "/page.js",
            file("page.js", "text/javascript; charset=utf-8"),
            PATH + "/icon.svg",
            file("icon.svg", "image/svg+xml"));

    private final AgentView agent;
    private final LongSupplier nanoTime;

    StatusPage(AgentView agent, LongSupplier nanoTime) {
        this.agent = agent;
        this.nanoTime = nanoTime;
    }

    private static Map<String, String> headers() {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("Content-Security-Policy", POLICY);
        headers.put("X-Content-Type-Options", "nosniff");
        headers.put("Referrer-Policy", "no-referrer");
        headers.put("Cache-Control", "no-cache");
        return java.util.Collections.unmodifiableMap(headers);
    }

    static Map<String, String> securityHeaders() {
        return HEADERS;
    }

    private static Reply file(String name, String type) {
        try (InputStream in = StatusPage.class.getResourceAsStream("ui/" + name)) {
            return new Reply(200, type, in.readAllBytes(), HEADERS);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Reply reply(Request request) {
        String path = request.path();
        if (path.equals(PATH + "/")) {
            return Reply.text(302, "it is at " + PATH).with("Location", ".." + PATH);
        }
        if (path.equals(PATH + "/state")) {
            return new Reply(200, Reply.JSON, state(), HEADERS);
        }
        if (path.equals(STREAM)) {
            // For those that cannot be sent a stream, such as HTTP/1.0: one event, and what they ask next is another.
            return new Reply(200, UiStreams.TYPE, UiStreams.event(state()), HEADERS);
        }
        return Optional.ofNullable(FILES.get(path))
                .orElseGet(() -> Reply.error(404, "the status page has no " + path + "; it begins at " + PATH));
    }

    /** What the page shows now, as JSON. Returns at once. */
    byte[] state() {
        Snapshot snapshot = agent.snapshot();
        return UiDocument.bytes(
                snapshot, agent.vitals(), agent.panorama(), nanoTime.getAsLong(), System.currentTimeMillis());
    }
}
