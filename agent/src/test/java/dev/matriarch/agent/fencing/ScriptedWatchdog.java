package dev.matriarch.agent.fencing;

import dev.matriarch.agent.postgres.linux.WatchdogDevice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** A watchdog driver that does what a test says and notes what it was told. */
public final class ScriptedWatchdog implements WatchdogDevice {
    public final List<String> told = new ArrayList<>();
    Support support = new Support("Scripted Watchdog", true, true);
    int timeout = 60;
    int longest = 60_000;
    int shortest = 1;
    boolean opens = true;
    boolean takesKeepalives = true;
    Runnable onKeepalive = () -> {};

    public WatchdogDevice open() throws IOException {
        told.add("open");
        if (!opens) {
            throw new IOException("/dev/watchdog cannot be opened: Device or resource busy");
        }
        return this;
    }

    @Override
    public Support support() {
        return support;
    }

    @Override
    public void setTimeout(int seconds) {
        told.add("timeout " + seconds);
        timeout = Math.clamp(seconds, shortest, longest);
    }

    @Override
    public int timeout() {
        return timeout;
    }

    @Override
    public void keepalive() throws IOException {
        if (!takesKeepalives) {
            throw new IOException("/dev/watchdog does not take a keepalive: Input/output error");
        }
        told.add("keepalive");
        onKeepalive.run();
    }

    @Override
    public void stop() {
        told.add("stop");
    }

    @Override
    public void abandon() {
        told.add("abandon");
    }
}
