package dev.matriarch.raft;

import org.apache.ratis.util.ExitUtils;

/** Ratis believes that it owns the process: it would exit on a port in use and on any uncaught exception. */
final class RatisProcess {
    private static boolean tamed;

    private RatisProcess() {}

    static synchronized void tame() {
        if (tamed) {
            return;
        }
        tamed = true;
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        ExitUtils.disableSystemExit();
        ExitUtils.setTerminateOnUncaughtException(false);
        Thread.setDefaultUncaughtExceptionHandler(before);
    }
}
