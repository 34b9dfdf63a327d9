package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.DynamicConfigFile;
import dev.matriarch.agent.ha.LocalPostgres;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps {@code patroni.dynamic.json} in the data directory: the cluster-wide configuration, for the day when the store has
 * lost it. Called by the heartbeat, which no disk may hold up: the file is written on another thread.
 */
final class DynamicCopy implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DynamicCopy.class);

    /** The disk may hang, and the process is to end. */
    private static final long LAST_WRITE_MILLIS = 300;

    private final Path dataDir;
    private final ExecutorService writer = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("dynamic-copy").factory());
    private final AtomicBoolean writing = new AtomicBoolean();
    /** What the file is known to hold. */
    private volatile String written = "";

    DynamicCopy(Path dataDir) {
        this.dataDir = dataDir;
    }

    /**
     * @param inForce from the store, or revision 0
     * @param busy something long is being done, maybe to the data directory
     */
    void keep(SettingsSource.InForce inForce, LocalPostgres postgres, boolean busy) {
        if (postgres.dataDirectory() != LocalPostgres.DataDirectory.VALID || busy) {
            // Whatever is there next, it is not known to have the file.
            written = "";
            return;
        }
        String json = inForce.json();
        if (inForce.revision() == 0 || json.equals(written) || !writing.compareAndSet(false, true)) {
            return;
        }
        writer.execute(() -> {
            try {
                DynamicConfigFile.write(dataDir, json);
                written = json;
            } catch (IOException e) {
                LOG.warn("{} cannot be written in {}: {}", DynamicConfigFile.NAME, dataDir, e.toString());
                // Not again at each heartbeat: with the next configuration, or the next data directory.
                written = json;
            } finally {
                writing.set(false);
            }
        });
    }

    @Override
    public void close() {
        writer.shutdown();
        try {
            if (!writer.awaitTermination(LAST_WRITE_MILLIS, TimeUnit.MILLISECONDS)) {
                LOG.debug("{} is still being written", DynamicConfigFile.NAME);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
