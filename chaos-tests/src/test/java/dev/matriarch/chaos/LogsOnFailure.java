package dev.matriarch.chaos;

import java.util.function.Supplier;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.LifecycleMethodExecutionExceptionHandler;
import org.opentest4j.TestAbortedException;

/**
 * When a test fails: prints the last lines of every agent's log, and keeps the whole logs under {@code target/failed}. It
 * happens before {@code @AfterEach}, which removes the cluster's folder.
 */
final class LogsOnFailure implements AfterTestExecutionCallback, LifecycleMethodExecutionExceptionHandler {
    private final Supplier<Cluster> cluster;

    LogsOnFailure(Supplier<Cluster> cluster) {
        this.cluster = cluster;
    }

    @Override
    public void afterTestExecution(ExtensionContext context) {
        context.getExecutionException().ifPresent(cause -> keep(context, cause));
    }

    @Override
    public void handleBeforeEachMethodExecutionException(ExtensionContext context, Throwable cause) throws Throwable {
        keep(context, cause);
        throw cause;
    }

    private void keep(ExtensionContext context, Throwable cause) {
        Cluster now = cluster.get();
        if (now != null && !(cause instanceof TestAbortedException)) {
            String test = context.getRequiredTestClass().getSimpleName() + "."
                    + context.getRequiredTestMethod().getName();
            System.out.println("Logs after " + test + ", whole in " + now.logs().keep(test) + ":\n"
                    + now.logs().tail(80));
        }
    }
}
