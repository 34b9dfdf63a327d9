package dev.matriarch.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The page at /ui: what is served, and what it promises to its readers. Streams: {@link UiStreamsTest}. */
class StatusPageTest {
    private static final List<String> FILES = List.of("/ui", "/ui/page.css", "/ui/page.js", "/ui/icon.svg");
    private static final double ENOUGH = 4.5;

    private final FakeAgent agent = new FakeAgent();
    private final Routes routes = new Routes(
            agent,
            new Access(new RestSettings("", 0, Optional.of(new RestSettings.Credentials("admin", "secret")))),
            RestSettings.Headers.NONE,
            System::nanoTime);

    @BeforeEach
    void aReplica() {
        agent.snapshot = Fixture.replica().snapshot();
        agent.panorama = new Panorama(
                "a failover now loses at most: nothing",
                List.of(
                        new Panorama.Pulse(
                                "n1",
                                "",
                                OptionalLong.of(4200),
                                true,
                                "off",
                                0,
                                "no action. I am (n1), the leader with the lock",
                                "running",
                                Map.of("raft_term", 7.0)),
                        new Panorama.Pulse(
                                "n3", "no answer in time", OptionalLong.empty(), false, "", 0, "", "", Map.of())),
                List.of(new Panorama.Event(1_795_000_000_000L, "n1", "leader", "n1 holds the leader lock", true)));
    }

    private Reply ask(String method, String path) {
        Caller caller = new Caller(InetAddress.getLoopbackAddress(), Optional.empty(), Optional.empty(), false, false);
        return routes.answer(new Request(method, path, Query.NONE, caller, null));
    }

    private static String text(Reply reply) {
        return new String(reply.body(), StandardCharsets.UTF_8);
    }

    @Test
    void theGroupsOfACitusDatabaseAreShown() {
        assertTrue(text(ask("GET", "/ui/state")).contains("\"groups\":[]"), text(ask("GET", "/ui/state")));
        agent.panorama = agent.panorama.with(
                List.of(new Panorama.Group(1, true, List.of(new Panorama.Server("n1", "10.0.0.1:5432", true)))));
        assertTrue(
                text(ask("GET", "/ui/state"))
                        .contains("\"groups\":[{\"number\":1,\"own\":true,\"servers\":[{\"member\":\"n1\","
                                + "\"address\":\"10.0.0.1:5432\",\"primary\":true}]}]"),
                text(ask("GET", "/ui/state")));
    }

    @Test
    void nothingComesFromElsewhereAndTheBrowserIsToldSo() {
        for (String file : FILES) {
            Reply reply = ask("GET", file);
            assertEquals(200, reply.status(), file);
            String policy = reply.headers().get("Content-Security-Policy");
            assertTrue(policy.startsWith("default-src 'none';"), policy);
            assertFalse(policy.contains("unsafe") || policy.contains("*") || policy.contains("http"), policy);
            assertEquals("nosniff", reply.headers().get("X-Content-Type-Options"));
            Matcher address = Pattern.compile("(?:https?:)?//[a-z0-9.]+\\.[a-z]{2,}[^'\"\\s]*")
                    .matcher(text(reply));
            while (address.find()) {
                assertEquals("http://www.w3.org/2000/svg", address.group(), file);
            }
        }
    }

    @Test
    void whatMembersSayCannotBecomeMarkup() {
        String script = text(ask("GET", "/ui/page.js"));
        assertFalse(Pattern.compile("innerHTML|outerHTML|insertAdjacent|document\\.write|eval\\(|new Function")
                .matcher(script)
                .find());
        String page = text(ask("GET", "/ui"));
        // The policy would refuse them: they must not be there at all.
        assertFalse(Pattern.compile("\\son[a-z]+=|<style|\\sstyle=|javascript:")
                .matcher(page)
                .find());
    }

    @Test
    void itIsReadOnlyAndOpenToReaders() {
        for (String method : List.of("POST", "PUT", "DELETE", "PATCH")) {
            assertEquals(501, ask(method, "/ui").status());
        }
        Reply slash = ask("GET", "/ui/");
        assertEquals(302, slash.status());
        assertEquals("../ui", slash.headers().get("Location"));
        assertEquals(404, ask("GET", "/ui/nothing").status());
        assertEquals(404, ask("GET", "/ui/../page.js").status());
    }

    @Test
    void oneKeySwitchesItOff() {
        routes.showPage(false);
        for (String file : FILES) {
            assertEquals(503, ask("GET", file).status(), "as any path that is not there");
        }
        assertFalse(routes.isStream("GET", "/ui/events"));
        routes.showPage(true);
        assertEquals(200, ask("GET", "/ui").status());
        assertTrue(routes.isStream("GET", "/ui/events"));
    }

    @Test
    void theStateIsWhatThePageShows() throws IOException {
        JsonNode state =
                JsonMapper.builder().build().readTree(ask("GET", "/ui/state").body());
        assertEquals(
                "a failover now loses at most: nothing", state.get("guarantee").asText());
        assertEquals("n1", state.get("leader").asText());
        assertEquals(3, state.at("/cluster/members").size());
        assertEquals(4200, state.at("/pulses/0/lease_millis").asInt());
        assertTrue(state.at("/pulses/0/guarded").asBoolean());
        assertEquals(7, state.at("/pulses/0/store/raft_term").asInt());
        assertEquals("no answer in time", state.at("/pulses/1/problem").asText());
        assertEquals("n1 holds the leader lock", state.at("/events/0/what").asText());
        assertEquals("n2", state.at("/sync_voters/0").asText());
    }

    @Test
    void whoCannotBeSentAStreamGetsOneEvent() {
        Reply reply = ask("GET", "/ui/events");
        assertEquals("text/event-stream", reply.contentType());
        assertTrue(text(reply).startsWith("data: {") && text(reply).endsWith("}\n\n"));
    }

    /** Texts against what they stand on, by the formula of WCAG 2. */
    @Test
    void textsHaveEnoughContrast() {
        String sheet = text(ask("GET", "/ui/page.css"));
        int dark = sheet.indexOf("prefers-color-scheme: dark");
        for (String palette : List.of(sheet.substring(0, dark), sheet.substring(dark, sheet.indexOf("}", dark)))) {
            Map<String, String> colours = new HashMap<>();
            Matcher colour = Pattern.compile("--([a-z-]+): (#[0-9a-f]{6});").matcher(palette);
            while (colour.find()) {
                colours.put(colour.group(1), colour.group(2));
            }
            for (String ground : List.of("ground", "paper")) {
                for (String ink : List.of("ink", "quiet", "accent", "leader", "sync", "replica", "warn", "bad")) {
                    contrast(colours, ink, ground);
                }
            }
            for (String tone : List.of("leader", "sync", "replica", "warn", "bad")) {
                contrast(colours, tone, tone + "-paper");
                contrast(colours, "ink", tone + "-paper");
            }
        }
    }

    private static void contrast(Map<String, String> colours, String ink, String ground) {
        double one = luminance(colours.get(ink));
        double other = luminance(colours.get(ground));
        double ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        assertTrue(ratio >= ENOUGH, ink + " on " + ground + ": " + ratio);
    }

    private static double luminance(String colour) {
        double[] weights = {0.2126, 0.7152, 0.0722};
        double sum = 0;
        for (int i = 0; i < 3; i++) {
            double c = Integer.parseInt(colour.substring(1 + 2 * i, 3 + 2 * i), 16) / 255.0;
            sum += weights[i] * (c <= 0.03928 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4));
        }
        return sum;
    }
}
