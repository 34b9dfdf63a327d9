package dev.matriarch.raft;

import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.ratis.util.ExitUtils;

/**
 * Settings of the whole process. Ratis believes that it owns it: it would exit on a port in use and on any uncaught
 * exception.
 */
final class RatisProcess {
    /**
     * All channels of all stores share these few event loops. Groups of Ratis' own would be shut down with a pause of
     * two seconds each time.
     */
    private static final String EVENT_LOOPS = "org.apache.ratis.thirdparty.io.netty.eventLoopThreads";

    /** Writes a stack trace for whoever speaks something else on the port. Kept here, as the JDK would forget the level. */
    private static final Logger GRPC = Logger.getLogger("org.apache.ratis.thirdparty.io.grpc");

    private static boolean tamed;

    private RatisProcess() {}

    static synchronized void tame() {
        if (tamed) {
            return;
        }
        tamed = true;
        if (System.getProperty(EVENT_LOOPS) == null) {
            System.setProperty(EVENT_LOOPS, "2");
        }
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        GRPC.setLevel(Level.SEVERE);
        ExitUtils.disableSystemExit();
        ExitUtils.setTerminateOnUncaughtException(false);
        Thread.setDefaultUncaughtExceptionHandler(before);
    }
}
