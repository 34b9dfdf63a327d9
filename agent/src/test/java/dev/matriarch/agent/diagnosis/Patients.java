package dev.matriarch.agent.diagnosis;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.diagnosis.Finding.Severity;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.proto.control.v1.CertificateFacts;
import dev.matriarch.proto.control.v1.ClockFacts;
import dev.matriarch.proto.control.v1.ConfigurationFacts;
import dev.matriarch.proto.control.v1.DiskFacts;
import dev.matriarch.proto.control.v1.DoorFacts;
import dev.matriarch.proto.control.v1.FileFacts;
import dev.matriarch.proto.control.v1.GuardFacts;
import dev.matriarch.proto.control.v1.ListPeersReply;
import dev.matriarch.proto.control.v1.MemberFacts;
import dev.matriarch.proto.control.v1.PostgresFacts;
import dev.matriarch.proto.control.v1.RaftPeerRow;
import dev.matriarch.proto.control.v1.ReachFacts;
import dev.matriarch.proto.control.v1.StoreFacts;
import dev.matriarch.proto.control.v1.VersionFacts;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/** A cluster of three in good health, to be made ill. n1 leads and is asked. */
final class Patients {
    static final Instant NOW = Instant.parse("2026-11-21T12:00:00Z");
    static final long GB = 1L << 30;

    final TreeMap<String, MemberFacts> facts = new TreeMap<>();
    final TreeMap<String, String> silent = new TreeMap<>();
    final List<Member> members = new ArrayList<>();
    String leader = "n1";
    String config = "{\"ttl\": 5, \"loop_wait\": 1, \"retry_timeout\": 2, \"synchronous_mode\": \"quorum\"}";
    SyncState sync = new SyncState("n1", new TreeSet<>(List.of("n2", "n3")), 1);
    ListPeersReply.Builder peers = ListPeersReply.newBuilder()
            .setVoters(3)
            .setHealthy(3)
            .setFailureTolerance(1)
            .setOptimal(true);
    boolean seen = true;

    Patients() {
        for (String name : List.of("n1", "n2", "n3")) {
            members.add(member(name, "running", Map.of(), Map.of(), 5000));
            facts.put(name, healthy(name));
            peers.addPeers(RaftPeerRow.newBuilder()
                    .setName(name)
                    .setAddress("10.0.0." + name.charAt(1) + ":8010")
                    .setVoter(true)
                    .setHealthy(true));
        }
    }

    Member member(String name, String state, Map<String, Object> tags, Map<String, String> pending, long lsn) {
        return Member.named(name)
                .connUrl("postgres://10.0.0.1:5432/postgres")
                .apiUrl("http://10.0.0.1:8008/patroni")
                .rpcAddress("10.0.0." + name.charAt(1) + ":8009")
                .state(state)
                .role(name.equals("n1") ? "primary" : "replica")
                .version("0.1.0")
                .xlogLocation(new Lsn(lsn))
                .timeline(1)
                .tags(tags)
                .pendingRestart(pending)
                .build();
    }

    private static MemberFacts healthy(String name) {
        boolean leads = name.equals("n1");
        MemberFacts.Builder facts = MemberFacts.newBuilder()
                .setName(name)
                .setConfiguration(ConfigurationFacts.newBuilder()
                        .putCommon("namespace", "/service/")
                        .putCommon("watchdog.mode", "automatic")
                        .putParameters("max_wal_senders", "10")
                        .putParameters("max_replication_slots", "10")
                        .setRewind(true))
                .setVersions(VersionFacts.newBuilder()
                        .setAgent("0.1.0")
                        .setJava("25.0.1")
                        .setServer(150014)
                        .setInstalled(150014)
                        .setCollation("2.36"))
                .setPostgres(PostgresFacts.newBuilder()
                        .setRunning(true)
                        .setAsked(true)
                        .setRewindable(true)
                        .setState("running")
                        .setSystemIdentifier("74")
                        .setInRecovery(!leads)
                        .setStreaming(!leads))
                .setStore(StoreFacts.newBuilder()
                        .setKind("raft")
                        .setHealth("ok: follower of n1")
                        .setSeen(true)
                        .setInitialize("74")
                        .setLeader("n1")
                        .setConfigThere(true))
                .setGuard(GuardFacts.newBuilder()
                        .setLeads(leads)
                        .setGuarded(leads)
                        .setWatchdog("off")
                        .setWatchdogMode("automatic"))
                .addDisks(DiskFacts.newBuilder()
                        .setWhat("data directory, WAL")
                        .setPath("/data")
                        .setTotal(1000 * GB)
                        .setFree(500 * GB)
                        .setInodes(1000)
                        .setInodesFree(900))
                .addFiles(FileFacts.newBuilder()
                        .setWhat("data directory")
                        .setPath("/data")
                        .setMode(0700)
                        .setOwner("postgres")
                        .setAgentUser("postgres"))
                .addFiles(FileFacts.newBuilder()
                        .setWhat("configuration")
                        .setPath("/etc/matriarch/matriarch.yml")
                        .setMode(0640)
                        .setOwner("root")
                        .setAgentUser("postgres")
                        .setSecret(true))
                .addCertificates(CertificateFacts.newBuilder()
                        .setWhat("certificate of the control port")
                        .setPath("/etc/matriarch/tls.crt")
                        .setUntilMillis(NOW.plusSeconds(365 * 86_400L).toEpochMilli()))
                .addDoors(DoorFacts.newBuilder()
                        .setDoor("control")
                        .setListen("10.0.0.1:8009")
                        .setTls(true))
                .addDoors(DoorFacts.newBuilder()
                        .setDoor("rest")
                        .setListen("10.0.0.1:8008")
                        .setPassword(true));
        for (String other : List.of("n1", "n2", "n3")) {
            if (!other.equals(name)) {
                for (String door : List.of("control", "rest", "postgresql", "store")) {
                    facts.addReach(reach(other, door, ""));
                }
                facts.addClocks(clock(other, 2000, 500));
            }
        }
        return facts.build();
    }

    static ReachFacts reach(String other, String door, String problem) {
        return ReachFacts.newBuilder()
                .setMember(other)
                .setDoor(door)
                .setAddress("10.0.0." + other.charAt(1) + ":1")
                .setProblem(problem)
                .setMillis(3)
                .build();
    }

    static ClockFacts clock(String other, long ahead, long uncertain) {
        return ClockFacts.newBuilder()
                .setMember(other)
                .setAheadMicros(ahead)
                .setUncertainMicros(uncertain)
                .build();
    }

    Patients with(String name, UnaryOperator<MemberFacts.Builder> change) {
        facts.computeIfPresent(name, (n, old) -> change.apply(old.toBuilder()).build());
        return this;
    }

    Patients withAll(UnaryOperator<MemberFacts.Builder> change) {
        List.copyOf(facts.keySet()).forEach(name -> with(name, change));
        return this;
    }

    Patients silent(String name, String why) {
        facts.remove(name);
        silent.put(name, why);
        return this;
    }

    Patients record(Member changed) {
        members.replaceAll(m -> m.name().equals(changed.name()) ? changed : m);
        return this;
    }

    private DynamicConfig dynamic() {
        return DynamicConfigJson.parse(config);
    }

    List<Finding> findings() {
        ClusterView view = new ClusterView(
                7,
                Optional.of(new Versioned<>("74", 1)),
                Optional.of(new Versioned<>(config, 2)),
                leader.isEmpty() ? Optional.empty() : Optional.of(new Leader(leader, 3)),
                members,
                ClusterStatus.NONE,
                Optional.empty(),
                Optional.empty(),
                sync == null ? Optional.empty() : Optional.of(new Versioned<>(sync, 4)),
                Map.of());
        return Diagnosis.of(new Examination(
                "demo",
                "n1",
                NOW,
                seen ? Optional.of(view) : Optional.empty(),
                dynamic(),
                facts,
                silent,
                peers == null ? Optional.empty() : Optional.of(peers.build())));
    }

    /** The one finding of a check about a member. */
    Finding finding(String check, String member) {
        List<Finding> found = findings().stream()
                .filter(f -> f.check().equals(check) && f.member().equals(member))
                .toList();
        if (found.size() != 1) {
            throw new AssertionError(found.size() + " findings of " + check + " about '" + member + "': " + findings());
        }
        return found.getFirst();
    }

    /** No other findings, and each that is no good news says what to do. */
    void hasOnly(String... expected) {
        assertEquals(List.of(expected), ills(), () -> findings().toString());
        for (Finding finding : findings()) {
            assertEquals(finding.severity() == Severity.OK, finding.fix().isEmpty(), finding.toString());
        }
    }

    /** All that is not well, as {@code severity check member}. */
    List<String> ills() {
        return findings().stream()
                .filter(f -> f.severity() != Finding.Severity.OK)
                .map(f -> f.severity().word() + " " + f.check() + " " + f.member())
                .map(String::strip)
                .toList();
    }
}
