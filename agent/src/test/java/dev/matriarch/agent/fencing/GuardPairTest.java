package dev.matriarch.agent.fencing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.matriarch.agent.postgres.linux.LinuxProcess;
import dev.matriarch.agent.postgres.linux.Signal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real guards; a shell plays the postmaster. */
@Tag("slow")
class GuardPairTest {
    private static final Duration SOON = Duration.ofSeconds(15);

    @TempDir
    Path directory;

    private Path state;
    private Path data;
    private final List<Process> postmasters = new ArrayList<>();
    private final List<GuardPair> pairs = new ArrayList<>();

    @BeforeEach
    void prepare() throws IOException {
        state = Files.createDirectories(directory.resolve("state of agent"));
        data = Files.createDirectories(directory.resolve("data dir"));
    }

    @AfterEach
    void end() throws InterruptedException {
        for (GuardPair pair : pairs) {
            EndedGuards.of(pair);
        }
        postmasters.forEach(p -> {
            p.descendants().forEach(ProcessHandle::destroyForcibly);
            p.destroyForcibly();
        });
    }

    private GuardPair open() throws IOException {
        GuardPair pair = GuardPair.open(state, data);
        pairs.add(pair);
        return pair;
    }

    private Process postmaster(boolean stubborn) throws Exception {
        Files.deleteIfExists(data.resolve("ready"));
        Process process = appear(stubborn);
        await("postmaster", () -> Files.exists(data.resolve("ready")));
        return process;
    }

    /** Hears SIGQUIT and, unless it is stubborn, ends. It may be killed before it can say that it is there. */
    private Process appear(boolean stubborn) throws IOException {
        Process process = new ProcessBuilder(
                        "bash",
                        "-c",
                        "echo $$ >postmaster.pid; trap 'echo >quit; " + (stubborn ? ":" : "kill %1; exit")
                                + "' QUIT; sleep 60 & echo >ready; while :; do wait; done")
                .directory(data.toFile())
                .start();
        postmasters.add(process);
        return process;
    }

    private static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() - deadline < 0, "no " + what + " within " + SOON);
            Thread.sleep(5);
        }
    }

    private static long in(int millis) {
        return Uptime.centisIn(Duration.ofMillis(millis));
    }

    private static void kill(long pid) {
        ProcessHandle.of(pid).orElseThrow().destroyForcibly();
    }

    @Test
    void firesAfterTheAgentIsGoneAndGoesOnKilling() throws Exception {
        Process postmaster = postmaster(true);
        List<ProcessHandle> children = postmaster.children().toList();
        assertEquals(1, children.size());
        GuardPair pair = open();
        long quitAt = in(400);
        long killAt = in(700);
        pair.arm(quitAt, killAt, postmaster.pid());
        assertTrue(pair.awaitAccepted(SOON));
        pair.close();

        await("SIGQUIT", () -> Files.exists(data.resolve("quit")));
        assertTrue(Uptime.centis() >= quitAt, "too early");
        assertTrue(postmaster.isAlive());
        assertTrue(postmaster.waitFor(5, TimeUnit.SECONDS));
        long late = Uptime.centis() - killAt;
        assertTrue(late >= 0 && late < 100, "killed " + late + " cs after the deadline");
        await("end of the children", () -> !children.getFirst().isAlive());

        // Whoever appears on the data directory dies too, until somebody says otherwise.
        Process second = appear(true);
        assertTrue(second.waitFor(5, TimeUnit.SECONDS));
        GuardPair next = open();
        assertEquals(pair.pids(), next.pids());
        assertTrue(next.armed());
        next.disarm();
        assertTrue(next.awaitAccepted(SOON));
        Process third = postmaster(true);
        assertFalse(third.waitFor(800, TimeUnit.MILLISECONDS), "killed although disarmed");
    }

    @Test
    void renewalsMoveTheDeadline() throws Exception {
        Process postmaster = postmaster(false);
        GuardPair pair = open();
        for (int i = 0; i < 10; i++) {
            pair.arm(in(300), in(500), postmaster.pid());
            Thread.sleep(100);
        }
        assertTrue(postmaster.isAlive());
        assertTrue(pair.healthy());
        pair.disarm();
        Thread.sleep(700);
        assertTrue(postmaster.isAlive(), "stopped although disarmed");
        pair.arm(in(-100), in(200), postmaster.pid());
        assertTrue(postmaster.waitFor(2, TimeUnit.SECONDS), "a deadline in the past must act at once");
    }

    @Test
    void oneGuardIsEnough() throws Exception {
        Process postmaster = postmaster(false);
        GuardPair pair = open();
        pair.arm(in(400), in(600), postmaster.pid());
        assertTrue(pair.awaitAccepted(SOON));
        kill(pair.pids().getFirst());
        pair.close();
        assertTrue(postmaster.waitFor(3, TimeUnit.SECONDS));
    }

    @Test
    void theWrongPidDoesNotSaveThePostmaster() throws Exception {
        Process postmaster = postmaster(true);
        GuardPair pair = open();
        pair.arm(in(100), in(1500), 0);
        await("SIGQUIT", () -> Files.exists(data.resolve("quit")));
        assertTrue(postmaster.waitFor(4, TimeUnit.SECONDS));
    }

    @Test
    void deadAndStoppedGuardsAreReplacedAndToldTheDeadline() throws Exception {
        Process postmaster = postmaster(false);
        GuardPair pair = open();
        CountDownLatch noticed = new CountDownLatch(1);
        pair.onDeath(noticed::countDown);
        pair.arm(in(1500), in(1700), postmaster.pid());
        assertTrue(pair.awaitAccepted(SOON));
        List<Long> old = pair.pids();
        kill(old.get(0));
        assertTrue(noticed.await(2, TimeUnit.SECONDS));
        Signal.STOP.send(old.get(1));
        await("stop", () -> LinuxProcess.find(old.get(1)).orElseThrow().isStopped());
        assertFalse(pair.healthy());
        assertFalse(pair.awaitAccepted(Duration.ofMillis(100)), "one guard is not two");
        pair.ensure();
        assertTrue(pair.awaitAccepted(SOON));
        assertFalse(pair.pids().contains(old.get(0)));
        assertFalse(pair.pids().contains(old.get(1)));
        await("end of the stopped guard", () -> LinuxProcess.find(old.get(1)).isEmpty());
        assertTrue(postmaster.isAlive());
        // Nothing more is said: the new ones know the deadline of the old.
        assertTrue(postmaster.waitFor(4, TimeUnit.SECONDS));
    }

    @Test
    void linesOfAReplacedAgentAreIgnored() throws Exception {
        Process postmaster = postmaster(false);
        GuardPair before = open();
        before.arm(in(5000), in(6000), postmaster.pid());
        Thread.sleep(20);
        GuardPair after = open();
        after.arm(in(5000), in(6000), postmaster.pid());
        assertTrue(after.awaitAccepted(SOON));
        assumeTrue(before.pids().equals(after.pids()), "a guard was too slow, and was replaced");
        before.arm(in(-100), in(-50), postmaster.pid());
        assertFalse(postmaster.waitFor(500, TimeUnit.MILLISECONDS), "a late line of the old agent was obeyed");
    }

    /** The heartbeat may be waiting for the store for longer than the lease lasts. */
    @Test
    void deadGuardsAreReplacedAtOnceWhateverTheHeartbeatDoes() throws Exception {
        Process postmaster = postmaster(false);
        GuardPair pair = open();
        pair.arm(in(3000), in(3200), postmaster.pid());
        assertTrue(pair.awaitAccepted(SOON));
        List<Long> old = pair.pids();
        // One that dies young is left to the heartbeat: it might die again and again.
        Thread.sleep(1100);
        kill(old.get(0));
        kill(old.get(1));
        await("new guards", () -> pair.healthy() && pair.pids().stream().noneMatch(old::contains));
        assertTrue(postmaster.isAlive());
        assertTrue(postmaster.waitFor(6, TimeUnit.SECONDS), "they know the deadline");
    }

    @Test
    void guardWhosePipeIsGoneEndsInsteadOfHearingNothing() throws Exception {
        open();
        Path script;
        try (Stream<Path> files = Files.list(state)) {
            script = files.filter(f -> f.toString().endsWith(".sh")).findFirst().orElseThrow();
        }
        Process deaf = new ProcessBuilder(
                        "bash",
                        script.toString(),
                        state.resolve("gone.fifo").toString(),
                        state.resolve("deaf.state").toString(),
                        state.resolve("deaf.log").toString(),
                        data.toString())
                .start();
        postmasters.add(deaf);
        assertTrue(deaf.waitFor(5, TimeUnit.SECONDS));
        assertEquals(1, deaf.exitValue());
    }

    @Test
    void signalsOfATerminalDoNotEndThemAndTheyAreSmall() throws Exception {
        GuardPair pair = open();
        assertTrue(pair.awaitAccepted(SOON));
        Signal.INT.send(pair.pids());
        Signal.HUP.send(pair.pids());
        pair.pids().forEach(pid -> ProcessHandle.of(pid).orElseThrow().destroy());
        pair.arm(in(60_000), in(61_000), 0);
        assertTrue(pair.awaitAccepted(SOON));
        long kilobytes = 0;
        for (long pid : pair.pids()) {
            kilobytes += Files.readAllLines(Path.of("/proc/" + pid + "/smaps_rollup")).stream()
                    .filter(l -> l.startsWith("Pss:"))
                    .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")))
                    .sum();
        }
        assertTrue(kilobytes > 0 && kilobytes < 5 * 1024, kilobytes + " kB");
        List<Long> pids = pair.pids();
        pair.close(true);
        for (long pid : pids) {
            await("end of guard " + pid, () -> LinuxProcess.find(pid).isEmpty());
        }
    }
}
