package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.matriarch.proto.control.v1.HistoryRow;
import dev.matriarch.proto.watch.v1.Event;
import dev.matriarch.proto.watch.v1.EventsReply;
import dev.matriarch.proto.watch.v1.EventsRequest;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code timeline}: what happened in the cluster, in one row. */
class TimelineTest {
    private static final Instant NOON = Instant.parse("2026-11-21T12:00:00Z");

    private FakeAgent agent;

    @BeforeEach
    void start() throws IOException {
        agent = new FakeAgent().start();
        agent.shown.events = EventsReply.newBuilder()
                .addEvents(event(0, "n2", "decision", "acquiring the free lock"))
                .addEvents(event(10, "n2", "leader", "n2 holds the leader lock (epoch 2)"))
                .putUnreachable("n3", "connection refused")
                .build();
    }

    @AfterEach
    void stop() {
        agent.close();
    }

    private static Event event(int millis, String member, String kind, String what) {
        return Event.newBuilder()
                .setAtMillis(NOON.toEpochMilli() + millis)
                .setMember(member)
                .setKind(kind)
                .setWhat(what)
                .build();
    }

    @Test
    void eventsAreLinesAndWhoIsMissingIsNamed() {
        CtlRun run = CtlRun.of(agent, "", "timeline");
        assertEquals(0, run.code(), run.err());
        assertTrue(run.out().contains("n2  n2 holds the leader lock (epoch 2)"), run.out());
        assertFalse(run.out().contains("acquiring"), "decisions are shown with --all");
        assertTrue(run.err().contains("n3") && run.err().contains("connection refused"), run.err());
        assertTrue(CtlRun.of(agent, "", "timeline", "--all").out().contains("acquiring the free lock"));
    }

    @Test
    void programsGetAnObjectThatStaysTheSame() throws IOException {
        CtlRun run = CtlRun.of(agent, "", "timeline", "--since", "2026-11-21T11:00Z", "-o", "json");
        JsonNode json = JsonMapper.builder().build().readTree(run.out());
        assertEquals("demo", json.get("cluster").asText());
        assertEquals("2026-11-21T11:00:00Z", json.get("since").asText());
        assertEquals("2026-11-21T12:00:00.010Z", json.at("/events/0/time").asText());
        assertEquals("n2", json.at("/events/0/member").asText());
        assertEquals("leader", json.at("/events/0/kind").asText());
        assertEquals(
                "n2 holds the leader lock (epoch 2)", json.at("/events/0/event").asText());
        assertEquals("connection refused", json.at("/unreachable/n3").asText());
        EventsRequest asked = (EventsRequest) agent.asked.stream()
                .filter(EventsRequest.class::isInstance)
                .findFirst()
                .orElseThrow();
        assertEquals(Instant.parse("2026-11-21T11:00:00Z").toEpochMilli(), asked.getSinceMillis());
        assertFalse(asked.getOwn());
    }

    @Test
    void endsOfTimelinesStandAmongThem() {
        HistoryRow row = HistoryRow.newBuilder()
                .setTimeline(1)
                .setLsn(0x5000160)
                .setTimestamp("2026-11-21T12:00:00.005+00:00")
                .setNewLeader("n2")
                .build();
        HistoryRow old =
                row.toBuilder().setTimestamp("2026-11-20T12:00:00+00:00").build();
        List<TimelineCommand.Line> lines =
                TimelineCommand.lines(null, agent.shown.events.getEventsList(), List.of(old, row), NOON, true);
        assertEquals(
                List.of(
                        "acquiring the free lock",
                        "timeline 1 ended at 0/5000160, n2 opened the next",
                        "n2 holds the leader lock (epoch 2)"),
                lines.stream().map(TimelineCommand.Line::what).toList());
    }

    @Test
    void howFarBackIsALengthOrATime() {
        assertEquals(NOON.minusSeconds(90), TimelineCommand.since("90s", NOON));
        assertEquals(NOON.minusSeconds(1800), TimelineCommand.since("30 min", NOON));
        assertEquals(NOON.minusSeconds(172_800), TimelineCommand.since("2d", NOON));
        assertEquals(NOON, TimelineCommand.since("2026-11-21T13:00+01:00", NOON));
        assertThrows(CtlException.class, () -> TimelineCommand.since("yesterday", NOON));
    }
}
