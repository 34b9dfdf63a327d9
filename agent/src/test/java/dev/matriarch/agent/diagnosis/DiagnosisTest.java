package dev.matriarch.agent.diagnosis;

import static dev.matriarch.agent.diagnosis.Patients.GB;
import static dev.matriarch.agent.diagnosis.Patients.clock;
import static dev.matriarch.agent.diagnosis.Patients.reach;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.diagnosis.Finding.Severity;
import dev.matriarch.proto.control.v1.MemberFacts;
import dev.matriarch.proto.control.v1.SlotFacts;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Each check with a healthy cluster and with one that is ill in this way only. */
class DiagnosisTest {
    private final Patients cluster = new Patients();

    private void ills(String... expected) {
        cluster.hasOnly(expected);
    }

    @Test
    void aHealthyClusterHasNothingButGoodNews() {
        ills();
        List<Finding> findings = cluster.findings();
        assertTrue(findings.size() > 25, findings.toString());
        assertEquals(
                findings.size(),
                findings.stream()
                        .map(f -> f.area() + " " + f.check())
                        .distinct()
                        .count(),
                "each check says once that all is well");
    }

    @Test
    void errorsComeFirst() {
        cluster.with("n3", f -> f.clearClocks().addClocks(clock("n1", 5_000_000, 1000)));
        cluster.silent("n2", "connection refused");
        List<Severity> severities =
                cluster.findings().stream().map(Finding::severity).toList();
        assertEquals(severities.stream().sorted().toList(), severities);
        assertEquals(Severity.ERROR, severities.getFirst());
    }

    // --- members ---

    @Test
    void aSilentAgentIsNamedOnceAndWithWhatToDo() {
        cluster.silent("n3", "Connection refused");
        cluster.withAll(f -> f.clearReach()
                .addReach(reach("n3", "control", "Connection refused"))
                .addReach(reach("n3", "rest", "Connection refused"))
                .addReach(reach("n3", "postgresql", "")));
        ills("error agent-answers n3");
        assertTrue(cluster.finding("agent-answers", "n3").found().contains("10.0.0.3:8009: Connection refused"));
        assertTrue(cluster.finding("agent-answers", "n3").fix().contains("systemctl status matriarch"));
    }

    @Test
    void anOlderAgentIsAWarning() {
        cluster.silent("n3", "Method not found: matriarch.control.v1.DoctorService/GetFacts");
        ills("warning agent-answers n3");
        // It could take over all the same.
        cluster.silent("n2", "Method not found: matriarch.control.v1.DoctorService/GetFacts");
        ills("warning agent-answers n2", "warning agent-answers n3");
        assertEquals("n2, n3 could take over", cluster.finding("failover", "").found());
        cluster.record(cluster.member("n2", "running", Map.of("nofailover", true), Map.of(), 5000));
        assertTrue(cluster.finding("failover", "").found().contains("not n2 (tagged nofailover)"));
    }

    @Test
    void whatCouldNotBeLookedAtIsSaid() {
        cluster.with("n2", f -> f.addUnknown("PostgreSQL: no answer within 3500 ms"));
        ills("warning looked-at n2");
        cluster.with(
                "n2",
                f -> f.clearStore().clearPostgres().clearGuard().clearVersions().clearConfiguration());
        ills("warning looked-at n2");
    }

    @Test
    void nobodyLeads() {
        cluster.leader = "";
        cluster.withAll(f -> f.setStore(f.getStoreBuilder().setLeader("")));
        cluster.with("n1", f -> f.setGuard(f.getGuardBuilder().setLeads(false)));
        ills("error leader");
        cluster.seen = false;
        assertTrue(cluster.ills().contains("error leader"));
    }

    @Test
    void aPauseIsMentioned() {
        cluster.config = "{\"pause\": true, \"synchronous_mode\": \"quorum\"}";
        ills("warning pause");
        assertEquals("matriarchctl resume demo", cluster.finding("pause", "").fix());
    }

    @Test
    void nobodyCouldTakeOver() {
        cluster.record(cluster.member("n2", "running", Map.of("nofailover", true), Map.of(), 5000));
        cluster.record(cluster.member("n3", "stopped", Map.of(), Map.of(), 5000));
        ills("error failover");
        assertTrue(cluster.finding("failover", "").found().contains("n2 (tagged nofailover), n3 (stopped)"));
        cluster.record(cluster.member("n3", "running", Map.of(), Map.of(), 5000));
        ills();
        cluster.sync = new dev.matriarch.dcs.SyncState("n1", new TreeSet<>(List.of("n2")), 1);
        ills("error failover");
        assertTrue(cluster.finding("failover", "").found().contains("n3 (no synchronous standby)"));
    }

    @Test
    void aClusterOfOneIsAWarning() {
        cluster.members.removeIf(m -> !m.name().equals("n1"));
        cluster.facts.keySet().removeIf(n -> !n.equals("n1"));
        cluster.config = "{}";
        ills("warning failover");
    }

    @Test
    void aReplicaThatDoesNotStreamOrIsFarBehind() {
        cluster.with("n2", f -> f.setPostgres(f.getPostgresBuilder().setStreaming(false)));
        ills("warning replication n2");
        Patients behind = new Patients();
        behind.with("n3", f -> f.setPostgres(f.getPostgresBuilder().setBehind(10 * GB)));
        assertEquals(List.of("warning replication n3"), behind.ills());
        assertTrue(behind.finding("replication", "n3").found().contains("10 GB behind"));
        behind.with("n2", f -> f.setPostgres(f.getPostgresBuilder().setBehind(GB)));
        assertTrue(behind.finding("failover", "").found().contains("n2 (1.0 GB behind), n3 (10 GB behind)"));
    }

    @Test
    void recordsOfDifferentTimesSayNothingOfTheLag() {
        cluster.record(cluster.member("n1", "running", Map.of(), Map.of(), 10 * GB));
        ills();
        cluster.with("n2", f -> f.clearPostgres());
        cluster.with("n3", f -> f.setPostgres(f.getPostgresBuilder().setBehind(1000)));
        ills();
    }

    @Test
    void aServerThatDoesNotRun() {
        cluster.with(
                "n2",
                f -> f.setPostgres(f.getPostgresBuilder()
                        .setRunning(false)
                        .setState("crashed")
                        .setProblem("the disk is full")));
        ills("error postgresql-runs n2");
        assertTrue(cluster.finding("postgresql-runs", "n2").found().contains("crashed; the disk is full"));
        Patients copying = new Patients();
        copying.record(copying.member("n2", "creating replica", Map.of(), Map.of(), 0));
        copying.with("n2", f -> f.setPostgres(f.getPostgresBuilder().setRunning(false)));
        assertEquals(List.of("warning postgresql-runs n2"), copying.ills());
    }

    @Test
    void aPendingRestartNamesItsParameters() {
        cluster.record(cluster.member("n2", "running", Map.of(), Map.of("max_connections", "100->200"), 5000));
        ills("warning pending-restart n2");
        assertTrue(cluster.finding("pending-restart", "n2").found().contains("max_connections 100->200"));
        assertEquals(
                "matriarchctl restart demo n2",
                cluster.finding("pending-restart", "n2").fix());
    }

    // --- configuration ---

    @Test
    void aFileWithProblemsOrNotInForce() {
        cluster.with(
                "n2",
                f -> f.setConfiguration(f.getConfigurationBuilder()
                        .addProblems("/etc/m.yml: nonsense is not a setting")
                        .addNotLoaded("tags")
                        .addNeedRestart("raft.min_timeout")));
        ills("error file n2", "warning file n2", "warning file n2");
        assertTrue(cluster.findings().getFirst().found().contains("nonsense"));
        assertTrue(cluster.findings().stream().anyMatch(f -> f.fix().equals("matriarchctl reload demo n2")));
    }

    @Test
    void whatAllSayIsSaidOnce() {
        cluster.withAll(f -> f.setConfiguration(
                f.getConfigurationBuilder().addNotUsed("loop_wait + 2 * retry_timeout is more than ttl (5 s)")));
        ills("warning values");
        cluster.facts.keySet().remove("n3");
        cluster.with("n1", f -> f.setConfiguration(f.getConfigurationBuilder().clearNotUsed()));
        assertEquals(List.of("warning values n2"), cluster.ills());
    }

    @Test
    void whatDoesNotFitTheClusterIsAnError() {
        cluster.with(
                "n2",
                f -> f.setConfiguration(
                        f.getConfigurationBuilder().addMisfits("a required watchdog needs a ttl of 10 s")));
        ills("error fits-the-cluster n2");
    }

    @Test
    void settingsThatDifferBetweenMembers() {
        cluster.with("n2", f -> f.setConfiguration(f.getConfigurationBuilder().putCommon("watchdog.mode", "off")));
        ills("warning same-everywhere");
        assertEquals(
                "watchdog.mode differs: automatic (n1, n3), off (n2)",
                cluster.finding("same-everywhere", "").found());
        cluster.with(
                "n2",
                f -> f.setConfiguration(f.getConfigurationBuilder()
                        .putCommon("watchdog.mode", "automatic")
                        .putCommon("namespace", "/other/")));
        ills("error same-everywhere");
    }

    @Test
    void tooFewSendersOrSlots() {
        cluster.withAll(f -> f.setConfiguration(f.getConfigurationBuilder()
                .putParameters("max_wal_senders", "2")
                .putParameters("max_replication_slots", "1")));
        ills("error replication-room", "error replication-room");
    }

    @Test
    void rewindWithoutChecksumsOrHints() {
        cluster.with("n1", f -> f.setPostgres(f.getPostgresBuilder().setRewindable(false)));
        ills("warning rewind n1");
    }

    private void parameter(String name, String value) {
        cluster.withAll(f -> f.setConfiguration(f.getConfigurationBuilder().putParameters(name, value)));
    }

    @Test
    void parametersThatPutDataAtRisk() {
        parameter("fsync", "off");
        parameter("synchronous_commit", "local");
        ills("error unsafe-parameters", "warning unsafe-parameters");
        parameter("fsync", "on");
        parameter("synchronous_commit", "remote_apply");
        parameter("full_page_writes", "0");
        ills("error unsafe-parameters");
        parameter("full_page_writes", "on");
        parameter("archive_mode", "on");
        ills("warning unsafe-parameters");
        parameter("archive_command", "set");
        ills();
    }

    @Test
    void theLeaderOfAStandbyClusterMayLiveOnAnArchive() {
        String remote = "{\"synchronous_mode\": \"quorum\", \"standby_cluster\": {\"host\": \"10.9.9.9\"%s}}";
        cluster.with("n1", f -> f.setPostgres(f.getPostgresBuilder().setInRecovery(true)));
        cluster.config = remote.formatted("");
        ills("warning replication n1");
        assertTrue(cluster.finding("replication", "n1").fix().endsWith("standby_cluster.host and port"));
        cluster.config = remote.formatted(", \"restore_command\": \"cp /a/%f %p\"");
        ills();
    }

    // --- clocks ---

    @Test
    void clocksThatDifferByMoreThanWasMeasured() {
        // 1.5 s apart, but the answer took 2 s: nothing is known.
        cluster.with("n1", f -> f.clearClocks().addClocks(clock("n2", 1_500_000, 1_000_000)));
        cluster.with("n2", MemberFacts.Builder::clearClocks);
        cluster.with("n3", MemberFacts.Builder::clearClocks);
        ills();
        // The other way round it was quicker.
        cluster.with("n2", f -> f.addClocks(clock("n1", -1_500_000, 1000)));
        ills("warning clock-difference");
        assertEquals(
                "the clock of n2 is 1.500 s ahead of that of n1 (measured to 0.001 s)",
                cluster.finding("clock-difference", "").found());
        cluster.with("n2", f -> f.clearClocks().addClocks(clock("n1", 60_000_000, 1000)));
        ills("error clock-difference");
        assertTrue(cluster.finding("clock-difference", "").found().startsWith("the clock of n1 is 60.000 s ahead"));
    }

    // --- versions ---

    @Test
    void versionsThatDiffer() {
        cluster.with(
                "n2",
                f -> f.setVersions(f.getVersionsBuilder().setAgent("0.2.0").setJava("26")));
        ills("warning agent-version", "warning java-version");
    }

    @Test
    void anotherMinorOrMajorVersionOfPostgres() {
        cluster.with(
                "n2",
                f -> f.setVersions(f.getVersionsBuilder().setServer(150010).setInstalled(150010)));
        ills("warning postgresql-version");
        assertTrue(cluster.finding("postgresql-version", "").found().contains("15.10 (n2), 15.14 (n1, n3)"));
        cluster.with(
                "n2",
                f -> f.setVersions(f.getVersionsBuilder().setServer(160010).setInstalled(160010)));
        ills("error postgresql-version");
    }

    @Test
    void anUpgradeThatWaitsForARestart() {
        cluster.with("n3", f -> f.setVersions(f.getVersionsBuilder().setInstalled(150015)));
        ills("warning installed-version n3");
    }

    @Test
    void hostsThatSortDifferently() {
        cluster.with("n3", f -> f.setVersions(f.getVersionsBuilder().setCollation("2.41")));
        ills("error collation-version");
        Patients stale = new Patients();
        stale.withAll(f -> f.setVersions(f.getVersionsBuilder().addStaleCollations("app (2.31, now 2.36)")));
        assertEquals(List.of("warning collation-version n1"), stale.ills());
    }

    // --- postgresql ---

    private void slot(boolean active, boolean lost, long retained) {
        cluster.with(
                "n1",
                f -> f.setPostgres(f.getPostgresBuilder()
                        .clearSlots()
                        .addSlots(SlotFacts.newBuilder()
                                .setName("old")
                                .setActive(active)
                                .setLost(lost)
                                .setRetained(retained))));
    }

    @Test
    void slotsThatHoldBackMuchWal() {
        slot(true, false, 10 * GB);
        ills();
        slot(false, false, GB / 2);
        ills();
        slot(false, false, 10 * GB);
        ills("warning slots n1");
        assertTrue(cluster.finding("slots", "n1").fix().contains("pg_drop_replication_slot('old')"));
        slot(true, false, 600 * GB);
        ills("error slots n1");
        slot(false, true, 0);
        ills("error slots n1");
    }

    @Test
    void anArchiverThatFails() {
        cluster.with(
                "n1",
                f -> f.setPostgres(f.getPostgresBuilder()
                        .setArchiving(true)
                        .setArchiveProblem("WAL file 000000010000000000000007 could not be archived")));
        ills("warning archiving n1");
    }

    // --- guard ---

    @Test
    void aLeaderWithoutAGuard() {
        cluster.with("n1", f -> f.setGuard(f.getGuardBuilder().setGuarded(false)));
        ills("error guard n1");
    }

    @Test
    void aRequiredWatchdogThatIsNotThere() {
        cluster.with(
                "n2",
                f -> f.setGuard(f.getGuardBuilder()
                        .setWatchdogMode("required")
                        .setWatchdog("failed")
                        .setWatchdogDevice("/dev/watchdog")));
        ills("error watchdog n2");
        assertTrue(cluster.finding("watchdog", "n2").fix().startsWith("modprobe softdog"));
        cluster.with(
                "n2",
                f -> f.setGuard(f.getGuardBuilder().setDeviceThere(true).setWatchdogProblem("permission denied")));
        assertTrue(cluster.finding("watchdog", "n2").found().endsWith("permission denied"));
        cluster.with("n2", f -> f.setGuard(f.getGuardBuilder().setWatchdog("active")));
        ills();
    }

    @Test
    void aHeartThatBeatsLateAndWritesThatHang() {
        cluster.with("n2", f -> f.setGuard(f.getGuardBuilder().setLateMillis(2000)));
        ills("warning heartbeat n2");
        cluster.with("n2", f -> f.setGuard(f.getGuardBuilder().setLateMillis(4000)));
        ills("error heartbeat n2");
        cluster.with(
                "n2", f -> f.setGuard(f.getGuardBuilder().setLateMillis(0).setWriteProblem("no space left on device")));
        ills("error writes n2");
    }
}
