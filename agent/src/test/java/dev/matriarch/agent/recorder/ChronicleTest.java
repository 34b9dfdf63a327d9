package dev.matriarch.agent.recorder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Store;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Versioned;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChronicleTest {
    private static final Instant BEGUN = Instant.parse("2026-11-21T06:00:00Z");
    private static final Decision QUIET =
            Decision.idle("no action. I am (n2), a secondary, and following a leader (n1)");

    @TempDir
    private Path directory;

    private final Observation base;
    private long second;

    ChronicleTest() throws Exception {
        base = new Arbitrary(5).of(Observation.class);
    }

    private Observation seen(Store store) {
        second++;
        return new Observation(
                second * 1_000_000_000L,
                BEGUN.plusSeconds(second),
                "n2",
                base.tags(),
                store,
                base.lease(),
                base.postgres(),
                base.settings(),
                base.situation(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                base.watchdog());
    }

    private static Store led(String leader, long epoch, int config) {
        ClusterView empty = ClusterView.empty();
        return new Store.Known(new ClusterView(
                epoch,
                empty.initialize(),
                Optional.of(new Versioned<>("{}", config)),
                leader.isEmpty() ? Optional.empty() : Optional.of(new Leader(leader, epoch)),
                List.of(),
                empty.status(),
                empty.failover(),
                empty.history(),
                empty.sync(),
                empty.failsafe()));
    }

    private record Step(Observation seen, Decision decided) {}

    private List<Step> aFailover() {
        return List.of(
                new Step(seen(led("n1", 1, 3)), QUIET),
                new Step(seen(led("n1", 1, 3)), QUIET),
                new Step(seen(new Store.Unreachable("no answer")), Decision.idle("the store does not answer")),
                new Step(seen(led("n1", 1, 3)), QUIET),
                new Step(seen(led("", 1, 3)), Decision.idle("not promoted: n3 is 16 bytes ahead")),
                new Step(seen(led("", 1, 3)), Decision.idle("not promoted: n3 is 32 bytes ahead")),
                new Step(seen(led("", 1, 3)), new Decision.AcquireLease("acquiring the free lock")),
                new Step(seen(led("n2", 2, 3)), new Decision.RenewLease(2, "heartbeat")),
                new Step(seen(led("n2", 2, 4)), new Decision.RenewLease(2, "heartbeat")));
    }

    private static List<String> told(List<Event> events) {
        return events.stream().map(e -> e.kind().word() + ": " + e.what()).toList();
    }

    private static final List<String> STORY = List.of(
            "agent: the agent starts (Matriarch 0.1.0)",
            "store: the configuration store does not answer: no answer",
            "store: the configuration store answers again",
            "leader: nobody holds the leader lock; it was n1's",
            "decision: not promoted: n3 is 16 bytes ahead",
            "decision: acquiring the free lock",
            "leader: n2 holds the leader lock (epoch 2)",
            "cluster: the cluster-wide configuration changed (revision 4)");

    @Test
    void changesAreToldOnceAndQuietHeartbeatsNot() {
        Chronicle chronicle = new Chronicle(BEGUN, "0.1.0", Optional.empty());
        aFailover().forEach(s -> chronicle.record(s.seen(), s.decided()));
        assertEquals(STORY, told(chronicle.since(BEGUN, 100)));
        assertEquals(STORY.subList(6, 8), told(chronicle.since(BEGUN, 2)));
        assertEquals(STORY.subList(6, 8), told(chronicle.since(BEGUN.plusSeconds(8), 100)));
        assertEquals("acquiring the free lock", chronicle.lastDecision());
    }

    @Test
    void anAgentThatStartsAgainTellsOfBeforeOutOfTheFlightRecorder() throws Exception {
        List<Step> steps = aFailover();
        String header = "{\"flight_recorder\":1,\"matriarch\":\"0.1.0\",\"started\":\"" + BEGUN + "\"}";
        try (Segments files = new Segments(directory, 1 << 20, header)) {
            Journal journal = new Journal(files::write);
            for (Step s : steps) {
                journal.step(0, s.seen(), s.decided());
            }
            journal.finish();
        }
        Instant again = BEGUN.plus(Duration.ofHours(1));
        Chronicle chronicle = new Chronicle(again, "0.1.0", Optional.of(directory), Duration.ofSeconds(30));
        List<String> told = new ArrayList<>(STORY);
        told.add(STORY.getFirst());
        assertEquals(told, told(chronicle.since(BEGUN, 100)));
        assertEquals(List.of(STORY.getFirst()), told(chronicle.since(again, 100)));
    }

    @Test
    void whatPeopleAskedForIsToldAndRecorded() throws Exception {
        String order = "action 3f9c01ab: restart n2 is asked for";
        Event asked = new Event(BEGUN.plusSeconds(1), Event.Kind.ORDER, false, order);
        Chronicle first = new Chronicle(BEGUN, "0.1.0", Optional.of(directory));
        try (FlightRecorder recorder = new FlightRecorder(directory, 1 << 20, "0.1.0", "demo", "n2")) {
            first.keep(recorder::note);
            first.note(asked);
        }
        assertEquals(List.of("order: " + order), told(first.since(BEGUN.plusSeconds(1), 100)));
        Chronicle again = new Chronicle(BEGUN.plusSeconds(9), "0.1.0", Optional.of(directory), Duration.ofSeconds(30));
        assertEquals("order: " + order, told(again.since(BEGUN, 100)).getFirst());
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        new Replay()
                .run(
                        new PrintWriter(out, true),
                        new PrintWriter(err, true),
                        directory.toString(),
                        "",
                        "",
                        "all",
                        "text");
        assertTrue(out.toString().contains("2026-11-21T06:00:01Z " + order), out::toString);
        assertFalse(out.toString().contains("damaged"), out::toString);
    }

    @Test
    void anOrderThatIsRefusedTwiceIsToldTwice() {
        Chronicle chronicle = new Chronicle(BEGUN, "0.1.0", Optional.empty());
        Decision refused = new Decision.WriteFailover(Optional.empty(), 7, "no healthy members found");
        chronicle.record(seen(led("n2", 2, 3)), refused);
        chronicle.record(seen(led("n2", 2, 3)), new Decision.RenewLease(2, "heartbeat"));
        chronicle.record(seen(led("n2", 2, 3)), refused);
        assertEquals(3, chronicle.since(BEGUN, 100).size());
    }

    @Test
    void onlyTheLatestAreKept() {
        Chronicle chronicle = new Chronicle(BEGUN, "0.1.0", Optional.empty());
        for (int i = 0; i < 2 * Chronicle.MOST; i++) {
            chronicle.record(seen(led(i % 2 == 0 ? "n1" : "n2", i, 3)), QUIET);
        }
        assertEquals(Chronicle.MOST, chronicle.since(BEGUN, 10_000).size());
    }
}
