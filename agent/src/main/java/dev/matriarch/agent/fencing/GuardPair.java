package dev.matriarch.agent.fencing;

import dev.matriarch.agent.postgres.linux.LinuxProcess;
import dev.matriarch.agent.postgres.linux.Signal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Two processes outside this JVM that stop PostgreSQL at a deadline, each without the other.
 *
 * <p>They outlive the agent and keep the last deadline they were told; an agent that starts within it adopts them. All
 * methods may be called from any thread; none waits for a guard unless it says so.
 */
public final class GuardPair implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(GuardPair.class);
    private static final int SIZE = 2;
    private static final Duration SHORT_LIFE = Duration.ofSeconds(1);

    private final GuardFiles files;
    private final ReentrantLock lock = new ReentrantLock();
    private final Guard[] guards = new Guard[SIZE];
    /** Of an older version or another data directory: they keep their deadline until ours have one. */
    private final List<LinuxProcess> superseded = new ArrayList<>();

    private final List<Runnable> deathListeners = new CopyOnWriteArrayList<>();
    private String lastCommand = "disarm";
    private String lastArguments = "";
    private long sequence;
    private boolean told;
    private boolean armed;
    private boolean closed;

    private GuardPair(GuardFiles files) {
        this.files = files;
        // Above everything that an earlier agent on this boot has sent; its late lines are then ignored.
        sequence = Uptime.centis() * 1000;
    }

    /**
     * Adopts the living guards of an earlier agent and starts what is missing. Adopted ones keep their deadline (or
     * go on killing, if they have fired) until {@link #arm} or {@link #disarm}.
     *
     * @param stateDir owned by this user; holds pipes, script and log of the guards
     * @throws IOException if no guard can be started; the message says why
     */
    public static GuardPair open(Path stateDir, Path dataDir) throws IOException {
        Path absolute = stateDir.toAbsolutePath().normalize();
        Files.createDirectories(absolute);
        GuardPair pair = new GuardPair(
                GuardFiles.written(absolute, dataDir.toAbsolutePath().normalize()));
        pair.lock.lock();
        try {
            pair.adopt();
            for (int i = 0; i < SIZE; i++) {
                if (pair.guards[i] == null) {
                    pair.start(i);
                }
            }
            pair.files.removeLeftovers(Stream.concat(
                            pair.superseded.stream(), Stream.of(pair.guards).map(Guard::process))
                    .toList());
        } catch (IOException e) {
            throw new IOException("The guard of PostgreSQL cannot be started: " + e.getMessage(), e);
        } finally {
            pair.lock.unlock();
        }
        return pair;
    }

    private void adopt() throws IOException {
        for (LinuxProcess process : LinuxProcess.all()) {
            Optional<GuardFiles.Found> found = files.found(process.commandLine());
            if (found.isEmpty()) {
                continue;
            }
            if (process.isStopped()) {
                // It still has a deadline to keep.
                Signal.CONT.send(process.pid());
            }
            int index = found.get().index();
            Path fifo = found.get().fifo();
            if (found.get().ours() && Files.exists(fifo) && guards[index] == null) {
                guards[index] = Guard.adopt(process, fifo);
                armed = true;
                listen(guards[index]);
                log.info("Adopted guard {} (pid {})", index + 1, process.pid());
            } else {
                superseded.add(process);
                armed = true;
            }
        }
    }

    private void start(int index) throws IOException {
        Guard guard = Guard.start(
                files.script(), files.newFifo(index), files.state(index), files.log(), files.dataDir(), line());
        guards[index] = guard;
        listen(guard);
        log.info("Started guard {} (pid {})", index + 1, guard.process().pid());
    }

    private void listen(Guard guard) {
        long since = System.nanoTime();
        guard.exit().thenRun(() -> {
            boolean mine;
            lock.lock();
            try {
                mine = !closed && Arrays.asList(guards).contains(guard);
            } finally {
                lock.unlock();
            }
            if (mine) {
                log.warn("The guard with pid {} has ended", guard.process().pid());
                replaceAtOnce(System.nanoTime() - since);
                deathListeners.forEach(Runnable::run);
            }
        });
    }

    /** The heartbeat may be waiting for the store just then. One that cannot live is left to its next look. */
    private void replaceAtOnce(long livedNanos) {
        if (livedNanos < SHORT_LIFE.toNanos()) {
            return;
        }
        try {
            ensure();
        } catch (IOException e) {
            log.error("A dead guard could not be replaced: {}", e.getMessage());
        }
    }

    private String line() {
        return lastCommand + " " + sequence + lastArguments + "\n";
    }

    /**
     * Tells both guards the deadlines. Absolute, so that a late line does no harm.
     *
     * @param quitAtCentis when PostgreSQL is asked to quit, as {@link Uptime#centis()} counts
     * @param killAtCentis when it and its children are killed
     * @param postmasterPid 0 if none runs
     * @throws IOException if one of them could not be told and no other be started in its place
     */
    public void arm(long quitAtCentis, long killAtCentis, long postmasterPid) throws IOException {
        tell("arm", " " + quitAtCentis + " " + killAtCentis + " " + postmasterPid);
    }

    /** No deadline any more: PostgreSQL is stopped or a replica. Also ends the killing of guards that have fired. */
    public void disarm() throws IOException {
        tell("disarm", "");
    }

    /** True if a guard may hold a deadline: after {@link #arm}, and after adopting one whose deadline is not known. */
    public boolean armed() {
        lock.lock();
        try {
            return armed;
        } finally {
            lock.unlock();
        }
    }

    private void tell(String command, String arguments) throws IOException {
        lock.lock();
        try {
            if (closed) {
                throw new IOException("The guards were given up: this agent is ending.");
            }
            // Before the attempt: one of the two may hear it although the other fails.
            armed = armed || command.equals("arm");
            lastCommand = command;
            lastArguments = arguments;
            sequence++;
            told = true;
            IOException problem = null;
            for (int i = 0; i < SIZE; i++) {
                try {
                    tell(i);
                } catch (IOException e) {
                    problem = e;
                }
            }
            endSuperseded();
            if (problem != null) {
                throw new IOException("A guard of PostgreSQL does not answer: " + problem.getMessage(), problem);
            }
            armed = command.equals("arm");
        } finally {
            lock.unlock();
        }
    }

    private void tell(int index) throws IOException {
        if (guards[index] != null && guards[index].isUsable()) {
            guards[index].write(line());
        } else {
            replace(index);
        }
    }

    private void replace(int index) throws IOException {
        Guard old = guards[index];
        log.warn("Guard {} has ended, is stopped or does not read: starting another", index + 1);
        start(index);
        if (old != null) {
            old.end();
        }
    }

    private void endSuperseded() {
        if (superseded.isEmpty() || !told || !acceptedNow()) {
            return;
        }
        for (LinuxProcess process : superseded) {
            if (process.isAlive()) {
                log.info("Ending the guard with pid {} of an earlier agent", process.pid());
                ProcessHandle.of(process.pid()).ifPresent(ProcessHandle::destroyForcibly);
            }
        }
        superseded.clear();
    }

    /** True if both guards live and read what they are sent. Costs a few reads of /proc. */
    public boolean healthy() {
        lock.lock();
        try {
            return !closed && Stream.of(guards).allMatch(g -> g != null && g.isUsable());
        } finally {
            lock.unlock();
        }
    }

    /** True as soon as both guards live and have read the last line; waits at most the given time. */
    public boolean awaitAccepted(Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (true) {
            lock.lock();
            try {
                if (acceptedNow()) {
                    endSuperseded();
                    return true;
                }
            } finally {
                lock.unlock();
            }
            if (deadline - System.nanoTime() <= 0) {
                return false;
            }
            try {
                Thread.sleep(1);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
    }

    private boolean acceptedNow() {
        return !closed && Stream.of(guards).allMatch(g -> g != null && g.isUsable() && g.hasReadAll());
    }

    /**
     * Replaces what is dead, stopped or deaf and tells the new one the last line. True if both are well afterwards.
     *
     * @throws IOException if a new one cannot be started
     */
    public boolean ensure() throws IOException {
        lock.lock();
        try {
            if (closed) {
                return false;
            }
            for (int i = 0; i < SIZE; i++) {
                if (guards[i] == null || !guards[i].isUsable()) {
                    replace(i);
                }
            }
            endSuperseded();
            return healthy();
        } finally {
            lock.unlock();
        }
    }

    /** Runs the action on another thread whenever a guard has ended unasked. */
    public void onDeath(Runnable action) {
        deathListeners.add(action);
    }

    /** Pids of the two guards, for display and tests. */
    public List<Long> pids() {
        lock.lock();
        try {
            return Stream.of(guards)
                    .filter(Objects::nonNull)
                    .map(g -> g.process().pid())
                    .toList();
        } finally {
            lock.unlock();
        }
    }

    /** @param stopGuards false leaves them with their last deadline, for an agent that comes after this one */
    public void close(boolean stopGuards) {
        lock.lock();
        try {
            closed = true;
            for (Guard guard : guards) {
                if (guard != null && stopGuards) {
                    guard.end();
                } else if (guard != null) {
                    guard.release();
                }
            }
            if (stopGuards) {
                superseded.forEach(p ->
                        ProcessHandle.of(p.pid()).filter(h -> p.isAlive()).ifPresent(ProcessHandle::destroyForcibly));
            }
        } finally {
            lock.unlock();
        }
    }

    /** Leaves the guards alone: the agent may die, PostgreSQL stays guarded. */
    @Override
    public void close() {
        close(false);
    }
}
