package dev.matriarch.agent.diagnosis;

import static dev.matriarch.agent.diagnosis.Patients.GB;
import static dev.matriarch.agent.diagnosis.Patients.NOW;
import static dev.matriarch.agent.diagnosis.Patients.reach;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.CertificateFacts;
import dev.matriarch.proto.control.v1.FileFacts;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** What is wrong with a member's host, and on the way to others. */
class HostDiagnosisTest {
    private final Patients cluster = new Patients();

    private void ills(String... expected) {
        cluster.hasOnly(expected);
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
}
