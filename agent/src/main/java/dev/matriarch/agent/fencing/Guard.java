package dev.matriarch.agent.fencing;

import dev.matriarch.agent.postgres.linux.LinuxProcess;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** One guard process and the pipe to it. Not thread-safe: its pair serialises. */
final class Guard {
    /** Far below what a pipe holds, so that a write never waits. */
    private static final int MOST_UNREAD = 16 * 1024;

    private static final long LONGEST_UNREAD_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    private final LinuxProcess process;
    private final CompletableFuture<?> exit;
    private final Path fifo;
    private final RandomAccessFile pipe;
    private final FileInputStream unread;
    private long lastWriteNanos;

    private Guard(LinuxProcess process, CompletableFuture<?> exit, Path fifo, RandomAccessFile pipe)
            throws IOException {
        this.process = process;
        this.exit = exit;
        this.fifo = fifo;
        this.pipe = pipe;
        unread = new FileInputStream(pipe.getFD());
    }

    /** Starts a guard that reads the given line first. */
    static Guard start(Path script, Path fifo, Path state, Path log, Path dataDir, String firstLine)
            throws IOException {
        Files.deleteIfExists(fifo);
        finish(plain(List.of("mkfifo", "-m", "600", fifo.toString())).start(), "mkfifo " + fifo);
        // Open for reading and writing: neither opening nor the other side's death can block or signal.
        RandomAccessFile pipe = new RandomAccessFile(fifo.toFile(), "rw");
        try {
            pipe.write(firstLine.getBytes(StandardCharsets.US_ASCII));
            Process child = plain(List.of(
                            "setsid",
                            "bash",
                            script.toString(),
                            fifo.toString(),
                            state.toString(),
                            log.toString(),
                            dataDir.toString()))
                    .start();
            LinuxProcess process = LinuxProcess.find(child.pid())
                    .orElseThrow(() -> new IOException("The guard process ended at once. Is 'bash' installed?"));
            Guard guard = new Guard(process, child.onExit(), fifo, pipe);
            guard.lastWriteNanos = System.nanoTime();
            return guard;
        } catch (IOException e) {
            pipe.close();
            throw e;
        }
    }

    /** Takes over a guard that an earlier agent started. */
    static Guard adopt(LinuxProcess process, Path fifo) throws IOException {
        CompletableFuture<?> exit = ProcessHandle.of(process.pid())
                .<CompletableFuture<?>>map(ProcessHandle::onExit)
                .orElseGet(() -> CompletableFuture.completedFuture(null));
        return new Guard(process, exit, fifo, new RandomAccessFile(fifo.toFile(), "rw"));
    }

    private static ProcessBuilder plain(List<String> command) {
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .directory(Path.of("/").toFile());
        builder.environment().keySet().removeIf(name -> !name.equals("PATH"));
        return builder;
    }

    private static void finish(Process process, String what) throws IOException {
        try {
            if (!process.waitFor(5, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IOException(what + " took more than 5 s");
            }
            if (process.exitValue() != 0) {
                throw new IOException(what + " failed with exit code " + process.exitValue());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted during " + what, e);
        }
    }

    LinuxProcess process() {
        return process;
    }

    CompletableFuture<?> exit() {
        return exit;
    }

    /** Alive, not stopped, and reading what it is sent. */
    boolean isUsable() {
        if (!process.isRunning()) {
            return false;
        }
        int waiting = unreadBytes();
        return waiting == 0 || waiting < MOST_UNREAD && System.nanoTime() - lastWriteNanos < LONGEST_UNREAD_NANOS;
    }

    /** True if it has read all that it was sent. */
    boolean hasReadAll() {
        return unreadBytes() == 0;
    }

    private int unreadBytes() {
        try {
            return unread.available();
        } catch (IOException e) {
            return Integer.MAX_VALUE;
        }
    }

    /** Never blocks: call only while {@link #isUsable}. */
    void write(String line) throws IOException {
        if (hasReadAll()) {
            lastWriteNanos = System.nanoTime();
        }
        pipe.write(line.getBytes(StandardCharsets.US_ASCII));
    }

    /** Ends the process at once, whatever it does, and removes its pipe. */
    void end() {
        if (process.isAlive()) {
            ProcessHandle.of(process.pid()).ifPresent(ProcessHandle::destroyForcibly);
        }
        release();
        try {
            Files.deleteIfExists(fifo);
        } catch (IOException e) {
            // A left-over pipe harms nobody; the next start removes it.
            return;
        }
    }

    /** Forgets the process without ending it. */
    void release() {
        try {
            pipe.close();
        } catch (IOException e) {
            // Nothing is lost: the pipe has no buffer of ours.
            return;
        }
    }
}
