package dev.matriarch.agent.postgres.linux;

import java.io.IOException;
import java.nio.file.Path;

/**
 * An open watchdog device as the kernel's watchdog API describes it. Opening it has started it: from then on the host
 * is reset when no keepalive comes for as long as the time-out, also after this process has ended.
 */
public interface WatchdogDevice {
    /** Opens, and so starts, a device. */
    interface Opener {
        /** @throws IOException with a sentence that names the device and the system's reason */
        WatchdogDevice open(Path device) throws IOException;
    }

    /**
     * @param identity the driver's name for itself
     * @param setTimeout the time-out can be changed
     * @param magicClose the device can be stopped again
     */
    record Support(String identity, boolean setTimeout, boolean magicClose) {}

    Support support() throws IOException;

    /** @param seconds the driver may take another value: see {@link #timeout} */
    void setTimeout(int seconds) throws IOException;

    /** In force, in seconds. */
    int timeout() throws IOException;

    void keepalive() throws IOException;

    /** Stops the device and closes it; needs {@link Support#magicClose}, and a driver without {@code nowayout}. */
    void stop() throws IOException;

    /** Closes it and leaves it running: the host will be reset. */
    void abandon() throws IOException;
}
