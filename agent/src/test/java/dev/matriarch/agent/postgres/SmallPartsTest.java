package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.postgres.linux.LinuxProcess;
import dev.matriarch.agent.postgres.linux.Pidfd;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SlotName;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SmallPartsTest {
    @Test
    void slotNamesFollowTheMembersName() {
        assertEquals("pg_node_1", SlotName.of("PG-Node.1"));
        assertEquals("au0228u0032b", SlotName.of("a\u00e4 b"));
        assertEquals(63, SlotName.of("x".repeat(100)).length());
    }

    @Test
    void valuesAreQuotedForTheConfigurationFile() throws PostgresException {
        assertEquals("'it''s \\\\ here'", ConfigurationFiles.quoted("a", "it's \\ here"));
        assertEquals("'1'", ConfigurationFiles.quoted("auto_explain.log_nested", "1"));
        assertThrows(PostgresException.class, () -> ConfigurationFiles.quoted("a = 1\nb", "x"));
    }

    @Test
    void theSwitchpointIsReadFromTheHistory() {
        String history = "1\t0/5000148\tno recovery target specified\n\n2\t0/6000000\tno recovery target specified\n";
        assertEquals(Optional.of(Lsn.parse("0/5000148")), Replication.switchpoint(history, 1));
        assertEquals(Optional.of(Lsn.parse("0/6000000")), Replication.switchpoint(history, 2));
        assertEquals(Optional.empty(), Replication.switchpoint(history, 3));
    }

    @Test
    void theEndOfAProcessIsNoticed(@TempDir Path directory) throws Exception {
        Process sleep = new ProcessBuilder("sleep", "60").start();
        try {
            CountDownLatch ended = new CountDownLatch(1);
            Thread watcher = Pidfd.watch(LinuxProcess.find(sleep.pid()).orElseThrow(), directory, ended::countDown);
            assertTrue(watcher.isAlive());
            sleep.destroyForcibly();
            assertTrue(ended.await(2, TimeUnit.SECONDS));
        } finally {
            sleep.destroyForcibly();
        }
    }
}
