package dev.matriarch.agent.postgres.linux;

import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells at once when a process ends that is not our child. For children {@link Process#onExit()} does the same without
 * native code; for others {@link ProcessHandle#onExit()} polls and may be a second late.
 */
public final class Pidfd {
    private static final Logger log = LoggerFactory.getLogger(Pidfd.class);
    /** The number is the same on every architecture. */
    private static final long SYS_PIDFD_OPEN = 434;

    private static final int POLL_MILLIS = 10_000;
    private static final long FALLBACK_MILLIS = 50;

    private Pidfd() {}

    /**
     * Runs {@code ended} once, on a thread of its own, when the process has ended.
     *
     * @param libraryDirectory where the native library is unpacked; must allow execution
     */
    public static Thread watch(LinuxProcess process, Path libraryDirectory, Runnable ended) {
        return Thread.ofPlatform().daemon().name("exit-of-" + process.pid()).start(() -> {
            try {
                await(process, libraryDirectory);
            } catch (InterruptedException e) {
                return;
            }
            ended.run();
        });
    }

    private static void await(LinuxProcess process, Path libraryDirectory) throws InterruptedException {
        try {
            awaitNatively(process, Libc.open(libraryDirectory));
        } catch (LinkageError | RuntimeException e) {
            log.warn(
                    "Cannot wait for process {} through pidfd ({}); looking every {} ms instead",
                    process.pid(),
                    e.toString(),
                    FALLBACK_MILLIS);
        }
        while (process.isAlive()) {
            Thread.sleep(FALLBACK_MILLIS);
        }
    }

    private static void awaitNatively(LinuxProcess process, NativeLibrary libc) throws InterruptedException {
        Function syscall = libc.getFunction("syscall");
        int fd = (int) syscall.invokeLong(new Object[] {SYS_PIDFD_OPEN, process.pid(), 0L});
        if (fd < 0) {
            if (process.isAlive()) {
                throw new IllegalStateException("pidfd_open failed");
            }
            return;
        }
        try (Memory pollfd = new Memory(8)) {
            pollfd.setInt(0, fd);
            pollfd.setInt(4, 1); // POLLIN in events, nothing in revents
            // Opened by number: make sure that it is still the process we meant.
            while (process.isAlive()) {
                if (Thread.interrupted()) {
                    throw new InterruptedException();
                }
                libc.getFunction("poll").invokeInt(new Object[] {pollfd, 1L, POLL_MILLIS});
                if ((pollfd.getShort(6) & 1) != 0) {
                    return;
                }
            }
        } finally {
            libc.getFunction("close").invokeInt(new Object[] {fd});
        }
    }
}
