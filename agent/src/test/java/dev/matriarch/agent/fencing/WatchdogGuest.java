package dev.matriarch.agent.fencing;

import dev.matriarch.agent.config.WatchdogConfig;
import dev.matriarch.agent.config.WatchdogConfig.Mode;
import dev.matriarch.agent.ha.SafetyMargin;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Timings;
import dev.matriarch.agent.postgres.linux.IoctlWatchdog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Runs in the virtual machine of {@code bench/watchdog-guest} against a real {@code /dev/watchdog}. Each line says the
 * guest's uptime first; the script judges them, and when the machine was reset.
 */
public final class WatchdogGuest {
    private static final Path DEVICE = Path.of("/dev/watchdog");
    private static final Path STATE = Path.of("/tmp");
    private static final Settings APPLIANCE = ttl(5);

    private static WatchdogConfig config = config(new SafetyMargin.Narrowest());

    private WatchdogGuest() {}

    private static WatchdogConfig config(SafetyMargin margin) {
        return new WatchdogConfig(Mode.REQUIRED, DEVICE, margin);
    }

    private static Settings ttl(int seconds) {
        return Timings.of(Duration.ofSeconds(seconds), Duration.ofSeconds(1), Duration.ofSeconds(2));
    }

    private static KernelWatchdog agent() {
        return new KernelWatchdog(() -> config, device -> IoctlWatchdog.open(device, STATE), System::nanoTime, STATE);
    }

    private static void say(String text) {
        System.out.printf("%.2f %s%n", Uptime.centis() / 100.0, text);
    }

    private static String kernel(String attribute) {
        try {
            return Files.readString(Path.of("/sys/class/watchdog/watchdog0", attribute))
                    .strip();
        } catch (IOException e) {
            return "unknown";
        }
    }

    public static void main(String[] args) throws InterruptedException {
        switch (args[0]) {
            case "hang" -> {
                readBack();
                busy();
                magicClose();
                starve();
            }
            case "kill" -> kill();
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static void start(KernelWatchdog watchdog, Settings settings) {
        // On an emulated machine loading the native code alone may take longer than a renewal may.
        for (int i = 0; i < 10 && !watchdog.holds(); i++) {
            watchdog.activate(settings, System.nanoTime());
        }
        if (!watchdog.holds()) {
            say("FAILED to start: " + watchdog.view(settings).why());
        }
    }

    private static void readBack() {
        config = config(new SafetyMargin.HalfTheTtl());
        KernelWatchdog watchdog = agent();
        start(watchdog, ttl(30));
        say("half of 30: timeout=" + kernel("timeout") + " state=" + kernel("state"));
        watchdog.disarm();
        say("disarmed: state=" + kernel("state"));
        config = config(new SafetyMargin.Narrowest());
    }

    private static void busy() {
        KernelWatchdog one = agent();
        start(one, APPLIANCE);
        KernelWatchdog two = agent();
        two.activate(APPLIANCE, System.nanoTime());
        say("second: " + two.view(APPLIANCE).why());
        one.disarm();
    }

    private static void magicClose() throws InterruptedException {
        KernelWatchdog watchdog = agent();
        start(watchdog, APPLIANCE);
        watchdog.disarm();
        Thread.sleep(6_000);
        say("alive 6 s after the magic close: state=" + kernel("state"));
    }

    private static void feed(KernelWatchdog watchdog, int times) throws InterruptedException {
        start(watchdog, APPLIANCE);
        say("fed: timeout=" + kernel("timeout") + " state=" + kernel("state"));
        for (int i = 0; i < times; i++) {
            Thread.sleep(1_000);
            say(watchdog.feed(APPLIANCE, System.nanoTime()) ? "fed" : "too late");
        }
    }

    private static void starve() throws InterruptedException {
        KernelWatchdog watchdog = agent();
        feed(watchdog, 7);
        while (true) {
            Thread.sleep(50);
            say("starving");
        }
    }

    /** As kill -9 does: the kernel closes the device without the magic byte. */
    private static void kill() throws InterruptedException {
        feed(agent(), 2);
        Runtime.getRuntime().halt(137);
    }
}
