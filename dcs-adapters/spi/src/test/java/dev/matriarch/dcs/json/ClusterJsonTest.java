package dev.matriarch.dcs.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.CloneStatus;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineClaim;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.json.ClusterKeys.Stored;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class ClusterJsonTest {
    private static final Member FULL = Member.named("n1")
            .connUrl("postgres://10.0.0.2:5432/postgres")
            .apiUrl("http://10.0.0.2:8008/patroni")
            .rpcAddress("10.0.0.2:7002")
            .role("primary")
            .version("0.1.0")
            .xlogLocation(new Lsn(88080640))
            .receiveLsn(new Lsn(88080641))
            .replayLsn(new Lsn(88080642))
            .replicationState("streaming")
            .timeline(4)
            .tags(Map.of("clonefrom", true, "failover_priority", 2, "replicatefrom", "n3"))
            .pendingRestart(Map.of("max_connections", "100->200"))
            .checkpointAfterPromote(Optional.of(false))
            .paused(true)
            .build();

    @Test
    void aMembersCopySurvivesTheRoundTripAndIsToldInWords() {
        CloneStatus clone = new CloneStatus("basebackup", 1288490189, 3650722202L, 99614720, OptionalLong.of(24));
        Member member = Member.named("n2")
                .state("creating replica")
                .role("uninitialized")
                .copying(Optional.of(clone))
                .proxyUrl(Optional.of("postgres://10.0.0.2:6432/postgres"))
                .build();
        assertTrue(ClusterJson.writeMember(member).contains("\"proxy_url\":\"postgres://10.0.0.2:6432/postgres\""));
        assertEquals(member, ClusterJson.readMember("n2", ClusterJson.writeMember(member)));
        assertEquals("1.2 GB of 3.4 GB (35%), 95 MB/s, 24 s left", clone.words());
        assertEquals("10 MB", new CloneStatus("x", 10 << 20, 0, 0, OptionalLong.empty()).words());
    }

    @Test
    void memberSurvivesTheRoundTrip() {
        assertEquals(FULL, ClusterJson.readMember("n1", ClusterJson.writeMember(FULL)));
    }

    @Test
    void memberIsWrittenCompactInPatronisShape() {
        assertEquals(
                "{\"conn_url\":\"postgres://10.0.0.2:5432/postgres\",\"api_url\":\"http://10.0.0.2:8008/patroni\","
                        + "\"rpc_address\":\"10.0.0.2:7002\",\"state\":\"running\",\"role\":\"primary\","
                        + "\"version\":\"0.1.0\",\"checkpoint_after_promote\":false,"
                        + "\"tags\":{\"clonefrom\":true,\"failover_priority\":2,\"replicatefrom\":\"n3\"},"
                        + "\"pending_restart\":true,\"pending_restart_reason\":{\"max_connections\":"
                        + "{\"old_value\":\"100\",\"new_value\":\"200\"}},\"xlog_location\":88080640,"
                        + "\"receive_lsn\":88080641,\"replay_lsn\":88080642,\"replication_state\":\"streaming\","
                        + "\"timeline\":4,\"pause\":true}",
                ClusterJson.writeMember(FULL));
    }

    @Test
    void patroniMemberIsRead() {
        Member m = ClusterJson.readMember(
                "n2",
                "{\"conn_url\":\"postgres://10.0.0.2:5432/postgres\",\"api_url\":\"http://10.0.0.2:8008/patroni\","
                        + "\"state\":\"running\",\"role\":\"master\",\"version\":\"2.0.0\",\"xlog_location\":5,"
                        + "\"timeline\":3,\"something\":[1,{\"a\":2}],\"tags\":{\"nofailover\":true,\"x\":[1]}}");
        assertTrue(m.isPrimary());
        assertTrue(m.nofailover());
        assertEquals("", m.rpcAddress());
        assertEquals(Optional.of(new Lsn(5)), m.xlogLocation());
        assertEquals(OptionalInt.of(3), m.timeline());
        assertFalse(m.paused());
    }

    @Test
    void legacyMemberIsRead() {
        Member m = ClusterJson.readMember(
                "n2", "postgres://10.0.0.2:5432/postgres?application_name=http://10.0.0.2:8008/patroni");
        assertEquals("postgres://10.0.0.2:5432/postgres", m.connUrl());
        assertEquals("http://10.0.0.2:8008/patroni", m.apiUrl());
    }

    @Test
    void brokenJsonIsNothing() {
        for (String broken : List.of("", "{", "null", "[", "[1", "\"x", "7x", "{\"a\":}", "postgres://[bad")) {
            assertEquals("", ClusterJson.readMember("n", broken).state(), broken);
            assertEquals(ClusterStatus.NONE, ClusterJson.readStatus(broken), broken);
            assertFalse(ClusterKeys.isPresent(ClusterJson.readFailover("{")), broken);
            assertEquals(Optional.empty(), ClusterJson.readSync(broken), broken);
            assertEquals(Optional.empty(), ClusterJson.readHistory(broken), broken);
            assertEquals(Map.of(), ClusterJson.readFailsafe(broken), broken);
        }
        assertEquals(Optional.empty(), ClusterJson.readHistory("[[1]]"));
        assertEquals(Optional.empty(), ClusterJson.readHistory("{}"));
    }

    @Test
    void statusSurvivesTheRoundTrip() {
        var status = new ClusterStatus(
                new Lsn(88080640), Map.of("n2", new Lsn(1), "logical", new Lsn(-2)), List.of("n2", "n3"));
        assertEquals(status, ClusterJson.readStatus(ClusterJson.writeStatus(status)));
        var claimed = status.withClaim(Optional.of(new TimelineClaim(7, 1L << 40)));
        assertEquals(claimed, ClusterJson.readStatus(ClusterJson.writeStatus(claimed)));
        assertEquals("{\"optime\":0}", ClusterJson.writeStatus(ClusterStatus.NONE));
        assertEquals(new Lsn(42), ClusterJson.readStatus("42").optime());
        var wrapped = ClusterJson.readStatus(
                "{\"optime\":\"9\",\"slots\":\"{\\\"a\\\":3}\",\"retain_slots\":\"[\\\"b\\\"]\"}");
        assertEquals(new ClusterStatus(new Lsn(9), Map.of("a", new Lsn(3)), List.of("b")), wrapped);
    }

    @Test
    void failoverSurvivesTheRoundTrip() {
        var request = new FailoverRequest(
                Optional.of("n1"), Optional.of("n2"), Optional.of(Instant.parse("2026-02-04T02:00:00Z")));
        String json = ClusterJson.writeFailover(Optional.of(request));
        assertEquals("{\"leader\":\"n1\",\"member\":\"n2\",\"scheduled_at\":\"2026-02-04T02:00:00+00:00\"}", json);
        assertEquals(request, ClusterJson.readFailover(json));
        assertEquals("{}", ClusterJson.writeFailover(Optional.empty()));
        assertFalse(ClusterKeys.isPresent(ClusterJson.readFailover("{}")));
        assertEquals(
                new FailoverRequest(Optional.of("a"), Optional.of("b"), Optional.empty()),
                ClusterJson.readFailover("a:b"));
        assertEquals(
                Optional.of(Instant.parse("2026-02-04T01:00:00.5Z")),
                ClusterJson.readFailover("{\"member\":\"x\",\"scheduled_at\":\"2026-02-04T02:00:00.500000+01:00\"}")
                        .scheduledAt());
    }

    @Test
    void syncSurvivesTheRoundTrip() {
        var sync = new SyncState("n1", new TreeSet<>(Set.of("n3", "n2")), 1);
        String json = ClusterJson.writeSync(Optional.of(sync));
        assertEquals("{\"leader\":\"n1\",\"sync_standby\":\"n2,n3\",\"quorum\":1}", json);
        assertEquals(Optional.of(sync), ClusterJson.readSync(json));
        String alone = ClusterJson.writeSync(Optional.of(new SyncState("n1", new TreeSet<>(), 0)));
        assertEquals("{\"leader\":\"n1\",\"sync_standby\":null,\"quorum\":0}", alone);
        assertTrue(ClusterJson.readSync(alone).orElseThrow().voters().isEmpty());
        assertEquals(Optional.empty(), ClusterJson.readSync(ClusterJson.writeSync(Optional.empty())));
    }

    @Test
    void historySurvivesTheRoundTrip() {
        var history = new TimelineHistory(List.of(
                new TimelineHistory.Row(1, new Lsn(50331744), "no recovery", Optional.empty(), Optional.empty()),
                new TimelineHistory.Row(
                        2, new Lsn(60), "x", Optional.of("2018-01-18T16:04:46+01:00"), Optional.empty()),
                new TimelineHistory.Row(3, new Lsn(70), "y", Optional.of("2019"), Optional.of("n2")),
                new TimelineHistory.Row(4, new Lsn(80), "z", Optional.empty(), Optional.of("n1"))));
        assertEquals(Optional.of(history), ClusterJson.readHistory(ClusterJson.writeHistory(history)));
        assertEquals("[]", ClusterJson.writeHistory(TimelineHistory.EMPTY));
        assertEquals(1, ClusterJson.readHistory("[]").orElseThrow().currentTimeline());
    }

    @Test
    void failsafeSurvivesTheRoundTrip() {
        Map<String, String> urls = Map.of("n1", "http://a/patroni", "n2", "http://b/patroni");
        assertEquals(urls, ClusterJson.readFailsafe(ClusterJson.writeFailsafe(urls)));
    }

    @Test
    void viewIsAssembledFromKeys() {
        ClusterView view = ClusterKeys.view(
                99,
                Map.of(
                        "initialize", new Stored("123", 1),
                        "config", new Stored("{\"ttl\":5}", 2),
                        "leader", new Stored("n1", 3),
                        "members/n2", new Stored("{\"state\":\"running\"}", 4),
                        "members/n1", new Stored("broken", 5),
                        "optime/leader", new Stored("77", 6),
                        "failover", new Stored("{}", 7),
                        "sync", new Stored("{\"leader\":\"n1\"}", 8),
                        "history", new Stored("[]", 9),
                        "unknown", new Stored("?", 10)),
                12);
        assertEquals(99, view.revision());
        assertEquals("123", view.initialize().orElseThrow().value());
        assertEquals(2, view.config().orElseThrow().revision());
        assertEquals(12, view.leader().orElseThrow().epoch());
        assertEquals(
                List.of("n1", "n2"), view.members().stream().map(Member::name).toList());
        assertEquals(new Lsn(77), view.status().optime());
        assertEquals(7, view.failover().orElseThrow().revision());
        assertEquals(8, view.sync().orElseThrow().revision());
        assertEquals(TimelineHistory.EMPTY, view.history().orElseThrow());
        assertTrue(ClusterKeys.view(0, Map.of(), 0).isUnlocked());
    }

    @Test
    void keysBelongToChanges() {
        assertEquals(Optional.of(Change.MEMBERS), ClusterKeys.changeOf("members/x"));
        assertEquals(Optional.of(Change.LEADER), ClusterKeys.changeOf("leader"));
        assertEquals(Optional.of(Change.STATUS), ClusterKeys.changeOf("optime/leader"));
        assertEquals(Optional.empty(), ClusterKeys.changeOf("else"));
    }
}
