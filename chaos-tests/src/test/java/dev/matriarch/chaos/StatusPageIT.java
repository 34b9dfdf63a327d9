package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * The status page in a real browser, fed by a replica's agent, while the leader is lost and another takes over.
 *
 * <p>With {@code -Dmatriarch.docs=write} the pictures that it takes become those of the documentation.
 */
class StatusPageIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(20);
    /** The leader's records last as long as its lease; then the others elect. */
    private static final Duration FAILOVER = Duration.ofSeconds(40);

    private static Cluster cluster;
    private static Browser browser;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @BeforeAll
    static void up() {
        cluster = Cluster.start(Cluster.Profile.APPLIANCE, 3);
        browser = Browser.start();
    }

    @AfterAll
    static void down() {
        if (browser != null) {
            browser.close();
        }
        if (cluster != null) {
            cluster.close();
        }
    }

    private static Path pictures() {
        boolean write = "write".equals(System.getProperty("matriarch.docs"));
        return Cluster.top().resolve(write ? "docs/images" : "chaos-tests/target/images");
    }

    private static void shows(String selector, String text, Duration deadline) {
        Await.until(
                selector + " shows '" + text + "'; it shows '" + browser.text(selector) + "'",
                deadline,
                () -> browser.text(selector).contains(text));
    }

    private static int count(String selector) {
        return browser.value("document.querySelectorAll('" + selector + "').length")
                .asInt();
    }

    @Test
    void aFailoverIsSeenAsItHappens() throws Exception {
        Node leader = cluster.awaitWhole(WHOLE);
        Node watched = cluster.othersThan(leader).getFirst();
        browser.look(1120, 860, false, false);
        browser.open(watched.rest() + "/ui");
        before(leader, watched);
        reachableByKeyboard();
        readableOnAPhone();

        browser.look(1120, 860, false, true);
        Faults.HOST.strike(leader);
        shows("#notices", "from the agent of " + leader, SOON);
        shows("#headline", leader + " leads, but does not answer", SOON);
        assertTrue(browser.text("#members li[data-member=" + leader + "]").contains("does not answer"));
        assertEquals(
                "live",
                browser.value("document.querySelector('#connection').dataset.state")
                        .asText());
        browser.screenshot(pictures().resolve("status-page-during.webp"));

        Node promoted = cluster.awaitPrimaryOtherThan(leader, FAILOVER);
        after(leader, promoted);
        leader.startAgent();
        cluster.awaitWhole(WHOLE);
        Await.until("all is well again", SOON, () -> browser.text("#notices").isEmpty() && count("#peers tr") == 3);
        switchedOff(watched);
        assertEquals(List.of(), refusedOrFailed());
    }

    private static void before(Node leader, Node watched) {
        shows("#headline", leader + " leads, timeline 1", SOON);
        shows("#guarantee", "A failover now loses at most: nothing", SOON);
        shows("#scope", "demo", SOON);
        shows("#identity", "seen by " + watched, SOON);
        Set<String> members = new TreeSet<>();
        browser.value("[...document.querySelectorAll('#members li')].map(m => m.dataset.member + ' ' + m.dataset.role)")
                .forEach(m -> members.add(m.asText()));
        Set<String> expected = new TreeSet<>();
        cluster.nodes().forEach(n -> expected.add(n + (n == leader ? " leader" : " quorum_standby")));
        assertEquals(expected, members);
        String ofLeader = "#members li[data-member=" + leader + "]";
        shows(ofLeader, "Guardarmed", SOON);
        assertTrue(browser.text(ofLeader + " .plot strong").matches("\\d\\.\\d s"), browser.text(ofLeader));
        for (Node replica : cluster.othersThan(leader)) {
            String ofReplica = "#members li[data-member=" + replica + "]";
            assertTrue(browser.text(ofReplica).contains("Behind the leader"), browser.text(ofReplica));
            assertTrue(browser.text(ofReplica).contains("Streaming"), browser.text(ofReplica));
        }
        assertEquals(3, count("#topology .node"));
        assertEquals(2, count("#topology .edge.sync"));
        assertTrue(browser.text("#topology desc").startsWith(leader + " leads."));
        Await.until("the store's peers are there", SOON, () -> count("#peers tr") == 3);
        String raftLeaders = "[...document.querySelectorAll('#peers tr')]"
                + ".filter(r => r.children[1].textContent === 'leader').length";
        Await.until("one of them leads", SOON, () -> browser.value(raftLeaders).asInt() == 1);
        shows("#events", "holds the leader lock", SOON);
        // The plots need a while to become curves.
        String curve = "document.querySelector('" + ofLeader + " .curve').getAttribute('d').split('L').length";
        Await.until("the lease is plotted", SOON, () -> browser.value(curve).asInt() > 24);
        Await.until(
                "there is nothing to notice",
                SOON,
                () -> browser.text("#notices").isEmpty());
        assertTrue(browser.text("#spoken").contains(leader + " leads"));
        browser.screenshot(pictures().resolve("status-page-before.webp"));
    }

    private static void reachableByKeyboard() {
        List<String> reached = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            browser.key("Tab");
            JsonNode focused = browser.value("(a => a.id || a.className || a.getAttribute('aria-labelledby')"
                    + " || a.getAttribute('href'))(document.activeElement)");
            reached.add(focused.asText());
            assertTrue(
                    browser.value("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
                                    .asDouble()
                            >= 2,
                    "focus is seen on " + reached);
        }
        assertEquals(List.of("skip", "hold", "scroll", "cluster"), reached);
        browser.value("document.querySelector('#hold').focus()");
        browser.key("Enter");
        shows("#connection", "Held at", SOON);
        browser.key("Enter");
        shows("#connection", "Live", SOON);
        browser.value("document.activeElement.blur()");
        // Whoever listens instead of looking: each has a name, and each region a heading.
        assertEquals(0, count("img:not([alt]), svg:not([aria-hidden]):not([role=img]), button:empty"));
        assertEquals(
                "polite",
                browser.value("document.querySelector('#spoken').ariaLive").asText());
        assertEquals("en", browser.value("document.documentElement.lang").asText());
    }

    private static void readableOnAPhone() {
        browser.look(360, 740, true, true);
        Await.until(
                "nothing is wider than a phone",
                SOON,
                () -> browser.value("document.documentElement.scrollWidth").asInt() <= 360);
        assertTrue(browser.value("document.querySelector('#hold').getBoundingClientRect().height")
                        .asDouble()
                >= 44);
        browser.screenshot(pictures().resolve("status-page-phone.webp"));
    }

    private static void after(Node lost, Node promoted) {
        shows("#headline", promoted + " leads, timeline 2", SOON);
        shows("#spoken", promoted + " leads", SOON);
        assertEquals(
                "leader",
                browser.value("document.querySelector('#members li').dataset.role")
                        .asText());
        shows("#events", promoted + " holds the leader lock", SOON);
        shows("#events", lost + " is no longer heard of", SOON);
        shows("#members li[data-member=" + promoted + "]", "Guardarmed", SOON);
        // What all of them saw is told once.
        assertEquals(
                1,
                browser.value("[...document.querySelectorAll('.event')]" + ".filter(e => e.textContent.includes('"
                                + promoted + " holds the leader lock')).length")
                        .asInt());
        browser.look(1120, 860, false, false);
        shows("#topology desc", promoted + " leads", SOON);
        browser.screenshot(pictures().resolve("status-page-after.webp"));
    }

    /** One key, and a reload: the page goes, and says so to who has it open. */
    private static void switchedOff(Node node) throws IOException {
        String before = Files.readString(node.config());
        try {
            String without = before.replaceFirst("(?m)^restapi:\\s*$", "restapi:\n  ui: false");
            assertFalse(without.equals(before));
            Files.writeString(node.config(), without);
            reload(node);
            Await.until("it is not there", SOON, () -> Http.status(node.rest() + "/ui", SOON) == 503);
            shows("#connection", "No connection", SOON);
        } finally {
            Files.writeString(node.config(), before);
        }
        reload(node);
        shows("#connection", "Live", SOON);
    }

    private static void reload(Node node) {
        Commands.run(SOON, "kill", "-HUP", Long.toString(node.requireAgent())).expectSuccess();
    }

    /** That the stream was refused while the page was switched off is no complaint. */
    private static List<String> refusedOrFailed() {
        return browser.complaints().stream()
                .filter(c -> !c.contains("/ui/events"))
                .toList();
    }
}
