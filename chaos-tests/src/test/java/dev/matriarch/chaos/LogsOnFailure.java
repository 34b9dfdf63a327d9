package dev.matriarch.chaos;

import java.util.function.Supplier;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;

/** Prints the last lines of every agent's log when a test fails: the folder is gone afterwards. */
final class LogsOnFailure implements TestWatcher {
    private final Supplier<Cluster> cluster;

    LogsOnFailure(Supplier<Cluster> cluster) {
        this.cluster = cluster;
    }

    @Override
    public void testFailed(ExtensionContext context, Throwable cause) {
        Cluster now = cluster.get();
        if (now != null) {
            System.out.println("Logs after " + context.getDisplayName() + ":\n" + now.logs(80));
        }
    }
}
