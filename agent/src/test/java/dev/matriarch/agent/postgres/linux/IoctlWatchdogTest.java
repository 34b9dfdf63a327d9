package dev.matriarch.agent.postgres.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Up to the system calls; {@code bench/watchdog-guest} goes on with a real device. */
class IoctlWatchdogTest {
    @TempDir
    Path dir;

    @Test
    void requestNumbersAreTheKernels() {
        for (String architecture : new String[] {"amd64", "aarch64", "riscv64", "s390x"}) {
            assertEquals(0x80285700, IoctlWatchdog.request(architecture, false, 0, 40));
            assertEquals(0xC0045706, IoctlWatchdog.request(architecture, true, 6, 4));
            assertEquals(0x80045707, IoctlWatchdog.request(architecture, false, 7, 4));
        }
        assertEquals(0x40285700, IoctlWatchdog.request("ppc64le", false, 0, 40));
        assertEquals(0xC0045706, IoctlWatchdog.request("ppc64le", true, 6, 4));
    }

    @Test
    void errorsNameTheDeviceAndTheSystemsReason() throws IOException {
        Path missing = dir.resolve("watchdog");
        String text = assertThrows(IOException.class, () -> IoctlWatchdog.open(missing, dir))
                .getMessage();
        assertEquals(missing + " cannot be opened: No such file or directory", text);
    }

    /** A plain file takes what is written, and no ioctl. */
    @Test
    void keepaliveAndMagicCloseAreTheBytesThatTheKernelWants() throws IOException {
        Path file = Files.createFile(dir.resolve("watchdog"));
        WatchdogDevice device = IoctlWatchdog.open(file, dir);
        device.keepalive();
        device.keepalive();
        String text = assertThrows(IOException.class, device::timeout).getMessage();
        assertTrue(text.startsWith(file + " does not say its time-out: Inappropriate ioctl"), text);
        device.stop();
        assertEquals("11V", Files.readString(file));
        assertThrows(IOException.class, device::keepalive);
    }
}
