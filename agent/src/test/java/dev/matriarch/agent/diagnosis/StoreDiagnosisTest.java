package dev.matriarch.agent.diagnosis;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.RaftPeerRow;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** What is wrong with the store, and with what stands in it. */
class StoreDiagnosisTest {
    private final Patients cluster = new Patients();

    private void ills(String... expected) {
        cluster.hasOnly(expected);
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

    @Test
    void aListenerThatIsAwayIsNoError() {
        assertTrue(cluster.findings().stream().noneMatch(f -> f.check().equals("store-listeners")));
        RaftPeerRow.Builder row = RaftPeerRow.newBuilder()
                .setName("r1")
                .setAddress("10.0.0.9:7000")
                .setRole("listener")
                .setListener(true)
                .setHealthy(true);
        cluster.peers.addPeers(row);
        ills();
        assertEquals(
                "1 listener follows the store",
                cluster.finding("store-listeners", "").found());
        cluster.peers.setPeers(3, row.setHealthy(false).setNote("2000 entries behind"));
        ills("warning store-listeners r1");
        assertTrue(cluster.finding("store-listeners", "r1").found().contains("10.0.0.9:7000"));
        assertTrue(cluster.finding("store-listeners", "r1").found().contains("2000 entries behind"));
        assertTrue(cluster.finding("store-listeners", "r1").fix().startsWith("ask again"));
        // With one loss more the store would stop; a listener makes no difference to that.
        cluster.peers
                .setPeers(3, row.setRole("unreachable").setNote("does not answer"))
                .setFailureTolerance(0);
        ills("warning store-tolerance", "warning store-listeners r1");
        String fix = cluster.finding("store-listeners", "r1").fix();
        assertTrue(fix.startsWith("start it") && fix.endsWith("raft remove-peer r1"), fix);
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
}
