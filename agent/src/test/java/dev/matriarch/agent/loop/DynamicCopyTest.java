package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.config.DynamicConfigFile;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.ha.LocalPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DynamicCopyTest {
    @TempDir
    Path dir;

    private DynamicCopy copy;

    @BeforeEach
    void begin() {
        copy = new DynamicCopy(dir);
    }

    @AfterEach
    void end() {
        copy.close();
    }

    private static LocalPostgres server(LocalPostgres.DataDirectory directory) {
        return new LocalPostgres(
                directory, Optional.empty(), LocalPostgres.Process.RUNNING, Optional.empty(), Optional.empty(), "");
    }

    private static SettingsSource.InForce inForce(long revision, String json) {
        return new SettingsSource.InForce(
                revision, json, DynamicConfigJson.parse(json), null, Map.of(), null, null, List.of());
    }

    private void keep(long revision, String json, LocalPostgres.DataDirectory directory, boolean busy) {
        copy.keep(inForce(revision, json), server(directory), busy);
    }

    private void await(Optional<String> wanted) throws Exception {
        long deadline = System.nanoTime() + 10_000_000_000L;
        while (!DynamicConfigFile.read(dir).equals(wanted)) {
            if (System.nanoTime() - deadline > 0) {
                assertEquals(wanted, DynamicConfigFile.read(dir));
            }
            Thread.sleep(5);
        }
    }

    @Test
    void theCopyFollowsTheStore() throws Exception {
        keep(1, "{\"ttl\":30}", LocalPostgres.DataDirectory.VALID, false);
        await(Optional.of("{\"ttl\":30}"));
        // A heartbeat that finds the last one still being written leaves it to the next.
        long deadline = System.nanoTime() + 10_000_000_000L;
        while (!DynamicConfigFile.read(dir).equals(Optional.of("{\"ttl\":31}")) && System.nanoTime() - deadline < 0) {
            keep(2, "{\"ttl\":31}", LocalPostgres.DataDirectory.VALID, false);
        }
        await(Optional.of("{\"ttl\":31}"));
    }

    @Test
    void nothingIsWrittenWhereNoDataIsOrWorkIsBeingDone() throws Exception {
        keep(1, "{}", LocalPostgres.DataDirectory.EMPTY, false);
        keep(1, "{}", LocalPostgres.DataDirectory.VALID, true);
        // Not from the store: it would outlive the store's own.
        keep(0, "{}", LocalPostgres.DataDirectory.VALID, false);
        copy.close();
        assertEquals(Optional.empty(), DynamicConfigFile.read(dir));
    }

    @Test
    void aNewDataDirectoryGetsItsCopy() throws Exception {
        keep(1, "{}", LocalPostgres.DataDirectory.VALID, false);
        await(Optional.of("{}"));
        Files.delete(dir.resolve(DynamicConfigFile.NAME));
        long deadline = System.nanoTime() + 10_000_000_000L;
        while (DynamicConfigFile.read(dir).isEmpty() && System.nanoTime() - deadline < 0) {
            keep(1, "{}", LocalPostgres.DataDirectory.VALID, true);
            keep(1, "{}", LocalPostgres.DataDirectory.VALID, false);
        }
        await(Optional.of("{}"));
        copy.close();
    }
}
