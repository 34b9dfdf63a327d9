package dev.matriarch.agent.rpc;

import static dev.matriarch.agent.rpc.FakeLocalAgent.config;
import static dev.matriarch.agent.rpc.FakeLocalAgent.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.agent.rpc.SwitchoverCheck.Kind;
import dev.matriarch.agent.rpc.SwitchoverCheck.Verdict;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class SwitchoverCheckTest {
    private static final Instant NOW = Instant.parse("2026-11-21T12:00:00Z");
    private static final DynamicConfig PLAIN = config(SynchronousMode.QUORUM, false);
    private static final DynamicConfig PAUSED = config(SynchronousMode.OFF, true);
    private static final PeerAnswer GOOD =
            new PeerAnswer.Answered(new Position(true, true, new Lsn(1), 1, false, 1, false));
    private static final PeerAnswer BAD =
            new PeerAnswer.Answered(new Position(true, true, new Lsn(1), 1, true, 1, false));
    private static final ClusterView VIEW = FakeDcs.view(
            5,
            "{}",
            "n1",
            List.of(member("n1", "primary", "x"), member("n2", "replica", "x"), member("n3", "replica", "x")),
            null);

    private static Verdict check(Kind kind, String leader, String candidate, String at, DynamicConfig config) {
        return check(kind, leader, candidate, at, config, VIEW, Map.of("n2", GOOD, "n3", BAD));
    }

    private static Verdict check(
            Kind kind,
            String leader,
            String candidate,
            String at,
            DynamicConfig config,
            ClusterView view,
            Map<String, PeerAnswer> answers) {
        return SwitchoverCheck.check(
                new SwitchoverCheck.Request(kind, Optional.of(leader), Optional.of(candidate), Optional.of(at)),
                view,
                config,
                answers,
                NOW);
    }

    private static void refused(int status, String message, Verdict verdict) {
        assertEquals(
                new Outcome(status, message),
                assertInstanceOf(Verdict.Refused.class, verdict).outcome());
    }

    @Test
    void refusalsInTheirOrder() {
        refused(
                400,
                "Failover could be performed only to a specific candidate",
                check(Kind.FAILOVER, "", "", "junk", PAUSED));
        refused(
                400,
                "Switchover could be performed only from a specific leader",
                check(Kind.SWITCHOVER, "", "", "junk", PAUSED));
        refused(400, "Failover can't be scheduled", check(Kind.FAILOVER, "", "n2", "junk", PAUSED));
        refused(
                400,
                "Can't schedule switchover in the paused state",
                check(Kind.SWITCHOVER, "n1", "n2", "junk", PAUSED));
        refused(
                422,
                "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601",
                check(Kind.SWITCHOVER, "n1", "n2", "junk", PLAIN));
        refused(
                400,
                "Timezone information is mandatory for the scheduled switchover",
                check(Kind.SWITCHOVER, "n1", "n2", "2026-11-22T10:00:00", PLAIN));
        refused(
                422,
                "Cannot schedule switchover in the past",
                check(Kind.SWITCHOVER, "n1", "n2", "2026-11-20 10:00+00", PLAIN));
        refused(
                400,
                "Switchover is possible only to a specific candidate in a paused state",
                check(Kind.SWITCHOVER, "n1", "", "", PAUSED));
        refused(400, "Switchover target and source are the same", check(Kind.SWITCHOVER, "n1", "n1", "", PLAIN));
        refused(412, "leader name does not match", check(Kind.SWITCHOVER, "n2", "n9", "", PLAIN));
        refused(412, "candidate does not exists", check(Kind.SWITCHOVER, "n1", "n9", "", PLAIN));
        refused(412, "Member n1 is already the leader", check(Kind.FAILOVER, "", "n1", "", PLAIN));
        refused(
                412,
                "switchover is not possible: no good candidates have been found",
                check(Kind.SWITCHOVER, "n1", "n3", "", PLAIN));
        refused(
                412,
                "failover is not possible: no good candidates have been found",
                check(Kind.FAILOVER, "", "n2", "", PLAIN, VIEW, Map.of("n2", new PeerAnswer.Unreachable("x"))));
        refused(
                412,
                "switchover is not possible: cluster does not have members except leader",
                check(
                        Kind.SWITCHOVER,
                        "n1",
                        "",
                        "",
                        PLAIN,
                        FakeDcs.view(1, "{}", "n1", List.of(member("n1", "primary", "")), null),
                        Map.of()));
    }

    @Test
    void modeOnHandsOverToSynchronousStandbysOnly() {
        DynamicConfig on = config(SynchronousMode.ON, false);
        refused(
                412,
                "candidate name does not match with sync_standby",
                check(Kind.SWITCHOVER, "n1", "n2", "", on, VIEW, Map.of("n2", GOOD)));
        refused(
                412,
                "switchover is not possible: can not find sync_standby",
                check(Kind.SWITCHOVER, "n1", "", "", on, VIEW, Map.of("n2", GOOD)));
        ClusterView synchronous = new ClusterView(
                VIEW.revision(),
                VIEW.initialize(),
                VIEW.config(),
                VIEW.leader(),
                VIEW.members(),
                VIEW.status(),
                VIEW.failover(),
                VIEW.history(),
                Optional.of(new Versioned<>(new SyncState("n1", new TreeSet<>(List.of("N2")), 0), 1)),
                VIEW.failsafe());
        assertInstanceOf(
                Verdict.Allowed.class,
                check(Kind.SWITCHOVER, "n1", "n2", "", on, synchronous, Map.of("n2", GOOD, "n3", BAD)));
        assertInstanceOf(
                Verdict.Allowed.class,
                check(Kind.SWITCHOVER, "n1", "", "", on, synchronous, Map.of("n2", GOOD, "n3", BAD)));
        assertInstanceOf(
                Verdict.Allowed.class,
                check(Kind.FAILOVER, "", "n3", "", on, synchronous, Map.of("n2", GOOD, "n3", GOOD)));
    }

    @Test
    void allowed() {
        Verdict best = check(Kind.SWITCHOVER, "n1", "", "", PLAIN);
        assertEquals(
                Optional.empty(),
                assertInstanceOf(Verdict.Allowed.class, best).key().candidate());
        Verdict failover = check(Kind.FAILOVER, "", "n2", "", PLAIN);
        assertEquals(
                Optional.empty(),
                assertInstanceOf(Verdict.Allowed.class, failover).key().leader());
    }

    @Test
    void scheduledIsNotCheckedAgainstMembers() {
        for (String at : List.of("2026-11-22T10:00:00+01:00", "2026-11-22 10:00:00+01", "2026-11-22T10:00+0100")) {
            Verdict later = check(Kind.SWITCHOVER, "n7", "n9", at, PLAIN, VIEW, Map.of());
            assertEquals(
                    Optional.of(Instant.parse("2026-11-22T09:00:00Z")),
                    assertInstanceOf(Verdict.Allowed.class, later).key().scheduledAt());
        }
    }
}
