package dev.matriarch.agent.diagnosis;

import static dev.matriarch.agent.diagnosis.Patients.GB;
import static dev.matriarch.agent.diagnosis.Patients.NOW;
import static dev.matriarch.agent.diagnosis.Patients.clock;
import static dev.matriarch.agent.diagnosis.Patients.reach;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.diagnosis.Finding.Severity;
import dev.matriarch.proto.control.v1.CertificateFacts;
import dev.matriarch.proto.control.v1.FileFacts;
import dev.matriarch.proto.control.v1.MemberFacts;
import dev.matriarch.proto.control.v1.RaftPeerRow;
import dev.matriarch.proto.control.v1.SlotFacts;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Each check with a healthy cluster and with one that is ill in this way only. */
class DiagnosisTest {
    private final Patients cluster = new Patients();

    private void ills(String... expected) {
        assertEquals(List.of(expected), cluster.ills(), () -> cluster.findings().toString());
        for (Finding finding : cluster.findings()) {
            assertEquals(finding.severity() == Severity.OK, finding.fix().isEmpty(), finding.toString());
        }
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

    // --- certificates and doors ---

    private void certificateUntil(long days) {
        cluster.with(
                "n2",
                f -> f.clearCertificates()
                        .addCertificates(CertificateFacts.newBuilder()
                                .setWhat("certificate of the control port")
                                .setPath("/c.pem")
                                .setUntilMillis(NOW.plusSeconds(days * 86_400).toEpochMilli())));
    }

    @Test
    void certificatesThatExpire() {
        certificateUntil(31);
        ills();
        certificateUntil(20);
        ills("warning certificate n2");
        certificateUntil(3);
        ills("error certificate n2");
        certificateUntil(-1);
        ills("error certificate n2");
        assertTrue(cluster.finding("certificate", "n2").found().contains("has expired on 2026-11-20T12:00:00Z"));
        cluster.with(
                "n2",
                f -> f.clearCertificates()
                        .addCertificates(CertificateFacts.newBuilder()
                                .setPath("/c.pem")
                                .setProblem("/c.pem holds no certificate")));
        ills("error certificate n2");
    }

    @Test
    void doorsThatAreOpenToAnybody() {
        cluster.withAll(f -> {
            f.getDoorsBuilder(0).setTls(false);
            f.getDoorsBuilder(1).setPassword(false);
            return f;
        });
        ills("warning doors", "warning doors");
        cluster.withAll(f -> {
            f.getDoorsBuilder(0).setLoopback(true);
            f.getDoorsBuilder(1).setLoopback(true);
            return f;
        });
        ills();
    }

    // --- disk ---

    private void room(String what, long total, long free) {
        cluster.with("n2", f -> {
            f.getDisksBuilder(0).setWhat(what).setTotal(total).setFree(free);
            return f;
        });
    }

    @Test
    void disksThatFill() {
        room("data directory", 1000 * GB, 60 * GB);
        ills();
        room("data directory", 1000 * GB, 40 * GB);
        ills("warning disk-space n2");
        room("data directory", 1000 * GB, 4 * GB);
        ills("error disk-space n2");
        room("data directory", 10 * GB, GB / 8);
        ills("error disk-space n2");
        room("data directory", GB / 2, GB / 5);
        ills();
        room("data directory", GB / 2, GB / 10);
        ills("warning disk-space n2");
        room("data directory", GB / 2, GB / 25);
        ills("error disk-space n2");
        room("store", GB / 8, GB / 9);
        ills();
        room("store", GB, GB / 2);
        ills();
        room("store", GB, GB / 8);
        ills("warning disk-space n2");
        assertTrue(cluster.finding("disk-space", "n2").found().contains("128 MB free of 1.0 GB (13%)"));
    }

    @Test
    void inodesThatRunOutAndADiskThatDoesNotAnswer() {
        cluster.with("n2", f -> {
            f.getDisksBuilder(0).setInodesFree(40);
            return f;
        });
        ills("warning inodes n2");
        cluster.with("n2", f -> {
            f.getDisksBuilder(0).setInodesFree(5);
            return f;
        });
        ills("error inodes n2");
        cluster.with("n2", f -> {
            f.getDisksBuilder(0).setProblem("Input/output error");
            return f;
        });
        ills("error disk-space n2");
    }

    // --- permissions ---

    private void mode(int file, int mode) {
        cluster.with("n2", f -> {
            f.getFilesBuilder(file).setMode(mode);
            return f;
        });
    }

    @Test
    void aDataDirectoryThatOthersMayEnterOrThatIsSomebodyElses() {
        mode(0, 0750);
        ills();
        mode(0, 0755);
        ills("error data-directory-mode n2");
        mode(0, 0770);
        ills("error data-directory-mode n2");
        mode(0, 0700);
        cluster.with("n2", f -> {
            f.getFilesBuilder(0).setOwner("root");
            return f;
        });
        ills("error data-directory-owner n2");
        assertEquals(
                "chown -R postgres /data",
                cluster.finding("data-directory-owner", "n2").fix());
    }

    @Test
    void secretsThatEverybodyMayRead() {
        mode(1, 0644);
        ills("error secret-readable n2");
        cluster.with("n2", f -> {
            f.getFilesBuilder(1).setSecret(false);
            return f;
        });
        ills();
        mode(1, 0666);
        ills("error writable-by-others n2");
        cluster.with("n2", f -> {
            f.getFilesBuilder(1).setSecret(true).setShutIn(true);
            return f;
        });
        ills();
    }

    private void tablespace(Consumer<FileFacts.Builder> change) {
        cluster.with("n2", f -> {
            while (f.getFilesCount() > 2) {
                f.removeFiles(2);
            }
            FileFacts.Builder one = FileFacts.newBuilder()
                    .setWhat("tablespace 16400")
                    .setPath("/fast")
                    .setMode(0700)
                    .setOwner("postgres")
                    .setAgentUser("postgres");
            change.accept(one);
            return f.addFiles(one);
        });
    }

    @Test
    void tablespacesThatOthersMayEnterThatAreSomebodyElsesOrGone() {
        tablespace(f -> {});
        ills();
        tablespace(f -> f.setMode(0755));
        ills("error tablespace n2");
        tablespace(f -> f.setMode(0755).setShutIn(true));
        ills();
        // As volumes of containers are mounted.
        tablespace(f -> f.setMode(02770));
        ills();
        tablespace(f -> f.setOwner("root"));
        ills("error tablespace n2");
        tablespace(f -> f.setProblem("is not there, or is not mounted"));
        ills("error tablespace n2");
    }

    // --- reachability ---

    @Test
    void oneWayThatIsClosedAndADoorThatNobodyReaches() {
        cluster.with("n2", f -> f.addReach(reach("n3", "postgresql", "Connection timed out")));
        assertEquals(List.of("error reachable n2"), cluster.ills());
        assertTrue(cluster.finding("reachable", "n2").found().contains("PostgreSQL of n3 at 10.0.0.3:1"));
        Patients closed = new Patients();
        closed.withAll(f -> f.getName().equals("n3") ? f : f.clearReach().addReach(reach("n3", "rest", "refused")));
        assertEquals(List.of("warning reachable n3"), closed.ills());
        assertTrue(closed.finding("reachable", "n3").fix().contains("restapi.connect_address of n3"));
    }

    @Test
    void aLoginThatIsRefusedIsNotLaidToTheFirewall() {
        cluster.with(
                "n2",
                f -> f.addReach(
                        reach("n3", "postgresql", "FATAL: no pg_hba.conf entry for replication connection from host")));
        assertTrue(cluster.finding("reachable", "n2").fix().contains("postgresql.pg_hba of n3"));
        Patients hanging = new Patients();
        hanging.with("n2", f -> f.addReach(reach("n3", "postgresql", "no answer within 3500 ms")));
        assertTrue(hanging.finding("reachable", "n2").fix().startsWith("look whether it hangs"));
        Patients rewinding = new Patients();
        rewinding.with(
                "n2",
                f -> f.addReach(reach("n1", "rewind", "FATAL: password authentication failed for user \"rewinder\"")));
        assertEquals(List.of("warning reachable n2"), rewinding.ills());
        assertTrue(rewinding.finding("reachable", "n2").fix().startsWith("give postgresql.authentication.rewind"));
    }

    @Test
    void aServerThatIsDownIsNotReportedTwice() {
        cluster.with("n3", f -> f.setPostgres(f.getPostgresBuilder().setRunning(false)));
        cluster.with("n2", f -> f.addReach(reach("n3", "postgresql", "Connection refused")));
        ills("error postgresql-runs n3");
    }

    // --- store ---

    @Test
    void aStoreThatDoesNotAnswer() {
        cluster.with("n2", f -> f.setStore(f.getStoreBuilder().setHealth("no Raft leader is known")));
        ills("error store-answers n2");
        cluster.with("n2", f -> f.setStore(f.getStoreBuilder().setHealth("ok").setViewAgeMillis(6000)));
        ills("error store-answers n2");
        cluster.with(
                "n2", f -> f.setStore(f.getStoreBuilder().setViewAgeMillis(10).setFsyncP99Millis(400)));
        ills("warning store-disk n2");
    }

    @Test
    void quorumCommitBesideAPatroniThatDoesNotKnowIt() {
        cluster.record(cluster.member("n3", "running", Map.of(), Map.of(), 5000)
                .but()
                .rpcAddress("")
                .version("3.0.2")
                .build());
        ills("error quorum-beside-patroni");
        cluster.config = "{\"synchronous_mode\": \"on\"}";
        ills();
    }

    @Test
    void anEmptiedStore() {
        cluster.withAll(f -> f.setStore(f.getStoreBuilder().clearInitialize()));
        ills("error store-content");
        Patients unconfigured = new Patients();
        unconfigured.withAll(f -> f.setStore(f.getStoreBuilder().setConfigThere(false)));
        assertEquals(List.of("warning store-content"), unconfigured.ills());
    }

    @Test
    void twoClustersUnderOneName() {
        cluster.with("n3", f -> f.setPostgres(f.getPostgresBuilder().setSystemIdentifier("75")));
        ills("error whose-data n3");
        assertTrue(cluster.finding("whose-data", "n3").found().contains("two clusters under the one name 'demo'?"));
        Patients split = new Patients();
        split.with(
                "n3",
                f -> f.setPostgres(f.getPostgresBuilder().setSystemIdentifier("75"))
                        .setStore(f.getStoreBuilder().setInitialize("75")));
        assertEquals(List.of("error one-store"), split.ills());
    }

    @Test
    void membersThatSeeDifferentLeaders() {
        cluster.with("n3", f -> f.setStore(f.getStoreBuilder().setLeader("n3")));
        ills("warning one-store");
    }

    @Test
    void foreignJsonInTheStore() {
        cluster.withAll(
                f -> f.setStore(f.getStoreBuilder().addConfigProblems("the configuration is not a JSON object")));
        ills("error store-configuration");
        cluster.withAll(
                f -> f.setStore(f.getStoreBuilder().clearConfigProblems().addConfigProblems("ttl: x")));
        ills("warning store-configuration");
    }

    private void saved(double interval, double age, boolean failed) {
        cluster.with(
                "n2",
                f -> f.setStore(f.getStoreBuilder()
                        .setBackupIntervalSeconds(interval)
                        .setBackupAgeSeconds(age)
                        .setBackupFailed(failed)));
    }

    @Test
    void aStoreThatIsNotSavedAsItShouldBe() {
        assertTrue(cluster.finding("store-backup", "").found().startsWith("no member saves the store"));
        saved(86_400, 90_000, false);
        ills();
        assertEquals(
                "the store was saved 25 h ago",
                cluster.finding("store-backup", "").found());
        saved(86_400, 200_000, false);
        ills("warning store-backup n2");
        saved(86_400, 90_000, true);
        ills("warning store-backup n2");
        cluster.with("n2", f -> f.setStore(f.getStoreBuilder().clearBackupAgeSeconds()));
        assertTrue(cluster.finding("store-backup", "n2").found().endsWith("and has no file of it"));
    }

    @Test
    void aFileThatNamesNotAllPeersOfTheStore() {
        cluster.withAll(f -> f.setStore(f.getStoreBuilder()
                .setPeerAddress("10.0.0." + f.getName().charAt(1) + ":8010")
                .addAllPartners(List.of("10.0.0.1:8010", "10.0.0.2:8010", "10.0.0.3:8010"))));
        assertEquals(List.of(), cluster.ills());
        cluster.with("n1", f -> f.setStore(f.getStoreBuilder().clearPartners().addPartners("10.0.0.3:8010")));
        ills("warning store-partners n1");
        assertTrue(cluster.finding("store-partners", "n1").found().contains("lacks 10.0.0.2:8010: if"));
    }

    @Test
    void aStoreThatSurvivesNoFurtherLoss() {
        cluster.peers
                .setHealthy(2)
                .setFailureTolerance(0)
                .setPeers(
                        2,
                        RaftPeerRow.newBuilder()
                                .setName("n3")
                                .setAddress("10.0.0.3:8010")
                                .setVoter(true)
                                .setNote("it does not answer"));
        ills("error store-peers n3", "warning store-tolerance");
        assertTrue(cluster.finding("store-peers", "n3").fix().startsWith("ask again"));
        cluster.peers.getPeersBuilder(2).setRole("unreachable");
        assertTrue(cluster.finding("store-peers", "n3").fix().startsWith("start its agent"));
        cluster.peers.setHealthy(1);
        ills("error store-peers n3", "error store-tolerance");
        Patients even = new Patients();
        even.peers.setVoters(4).setHealthy(4);
        assertEquals(List.of("warning store-tolerance"), even.ills());
        Patients external = new Patients();
        external.peers = null;
        assertEquals(List.of("warning store-peers n1"), external.ills());
        external.withAll(f -> f.setStore(f.getStoreBuilder().setKind("etcd3")));
        assertEquals(List.of(), external.ills());
        assertFalse(external.findings().stream().anyMatch(f -> f.check().equals("store-tolerance")));
        Patients arguing = new Patients();
        arguing.peers.addDisagreements("n1 sees 3 voters, n2 sees 2");
        assertEquals(List.of("warning store-peers"), arguing.ills());
    }

    // --- synchronous ---

    @Test
    void tooFewSynchronousStandbys() {
        cluster.sync = null;
        ills("error synchronous-standbys n1");
        cluster.config = "{\"synchronous_mode\": true, \"synchronous_mode_strict\": true}";
        ills("error synchronous-standbys n1");
        assertTrue(cluster.finding("synchronous-standbys", "n1").found().endsWith("commits wait"));
        cluster.sync = new dev.matriarch.dcs.SyncState("n1", new TreeSet<>(List.of("n2")), 0);
        ills();
        cluster.config = "{\"synchronous_mode\": true, \"synchronous_node_count\": 2}";
        ills("warning synchronous-standbys n1");
        cluster.config = "{}";
        ills();
        assertTrue(cluster.finding("synchronous-standbys", "").found().contains("may lose the last commits"));
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
