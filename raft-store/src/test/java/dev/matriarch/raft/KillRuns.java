package dev.matriarch.raft;

import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.dcs.WriteResult;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Three peers in processes of their own, which write all the time and are killed with SIGKILL at random moments: one, two or all at once.
 * Afterwards everything that was confirmed to one of them is looked for. {@code bench/run kills} plays a thousand.
 */
final class KillRuns implements AutoCloseable {
    private static final int PEERS = 3;
    private static final Duration PROGRESS = Duration.ofSeconds(60);

    /** Not forgiven by the check, whatever a second try says. */
    private static final class Violation extends AssertionError {
        private static final long serialVersionUID = 1L;

        Violation(String what) {
            super(what);
        }
    }

    private final Path dir;
    private final Random random;
    private final Peers peers;
    private final Chain chain = new Chain();
    private final Process[] processes = new Process[PEERS];
    private final List<Thread> readers = new ArrayList<>();
    /** Confirmations of each peer since it was last started. */
    private final AtomicIntegerArray sinceStart = new AtomicIntegerArray(PEERS);

    private long starts;
    private int killed;

    /** @param seed which peers are killed, and when; what they meet then differs from run to run */
    KillRuns(Path dir, long seed) throws IOException {
        this.dir = dir;
        this.random = new Random(seed);
        this.peers = new Peers(dir, PEERS);
    }

    /** @throws AssertionError if something confirmed is lost or out of its place, or the store does not go on */
    void kill(int times) throws Exception {
        for (int i = 0; i < PEERS; i++) {
            start(i);
        }
        awaitProgress();
        while (killed < times) {
            Thread.sleep(random.nextInt(700));
            List<Integer> victims = victims(times - killed);
            for (int i : victims) {
                kill(processes[i]);
            }
            for (int i : victims) {
                awaitEnd(i);
            }
            killed += victims.size();
            Thread.sleep(random.nextInt(200));
            for (int i : victims) {
                start(i);
            }
            // Now and then all come back; in between peers are killed while they start, elect or catch up, too.
            if (random.nextInt(5) == 0) {
                awaitProgress();
            }
        }
        awaitProgress();
        endAll();
        List<String> violations = chain.violations(last());
        if (!violations.isEmpty()) {
            throw new Violation(violations.size() + " violations: "
                    + String.join("; ", violations.subList(0, Math.min(20, violations.size()))));
        }
    }

    int killed() {
        return killed;
    }

    /** Confirmed writes; none of them may be lost. */
    int confirmed() {
        return chain.confirmed();
    }

    private List<Integer> victims(int atMost) {
        List<Integer> all = new ArrayList<>(List.of(0, 1, 2));
        java.util.Collections.shuffle(all, random);
        int dice = random.nextInt(10);
        return all.subList(0, Math.min(atMost, dice < 6 ? 1 : dice < 8 ? 2 : 3));
    }

    private void awaitProgress() throws Exception {
        for (int i = 0; i < PEERS; i++) {
            int peer = i;
            Peers.awaitTrue(PROGRESS, "confirmed write of n" + (i + 1) + " after " + killed + " kills", () -> {
                if (!processes[peer].isAlive()) {
                    throw new AssertionError("n" + (peer + 1) + " ended by itself: "
                            + Files.readString(stderr(peer).toPath()));
                }
                return sinceStart.get(peer) > 0;
            });
        }
    }

    private void start(int i) throws IOException {
        sinceStart.set(i, 0);
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--sun-misc-unsafe-memory-access=allow",
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx64m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        ChainProcess.class.getName(),
                        "n" + (i + 1),
                        peers.dataDir(i).toString(),
                        peers.addresses.get(i),
                        String.join(",", peers.addresses),
                        Long.toString(starts++ * 1_000_000))
                .redirectError(ProcessBuilder.Redirect.to(stderr(i)))
                .start();
        processes[i] = process;
        readers.add(Thread.ofPlatform().daemon().start(() -> listen(process, i)));
    }

    private File stderr(int i) {
        return dir.resolve("stderr-" + (i + 1)).toFile();
    }

    private void listen(Process process, int i) {
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                synchronized (chain) {
                    chain.tell(line);
                }
                if (line.startsWith("confirmed ") && processes[i] == process) {
                    sinceStart.incrementAndGet(i);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("what n" + (i + 1) + " said", e);
        }
    }

    /** By its handle: {@link Process#destroyForcibly} also closes the pipe, with what the process said last in it. */
    private static void kill(Process process) {
        process.toHandle().destroyForcibly();
    }

    private void awaitEnd(int i) throws InterruptedException {
        if (!processes[i].waitFor(10, TimeUnit.SECONDS)) {
            throw new AssertionError("n" + (i + 1) + " outlives SIGKILL");
        }
    }

    private void endAll() throws InterruptedException {
        for (Process process : processes) {
            kill(process);
        }
        for (int i = 0; i < PEERS; i++) {
            awaitEnd(i);
        }
        for (Thread reader : readers) {
            if (!reader.join(Duration.ofSeconds(10))) {
                throw new AssertionError("the end of what a killed process said does not come");
            }
        }
    }

    /** Surely the last: the write that follows is made on the condition that nothing comes after it. */
    private long last() throws Exception {
        peers.startAll();
        return Peers.await(Duration.ofSeconds(20), "last link", () -> {
            Versioned<String> config = peers.dcs(0).read(Peers.TIMEOUT).config().orElseThrow();
            chain.tell("saw " + config.revision() + " " + Chain.Link.parse(config.value()));
            return peers.dcs(0).writeConfig("{}", Expected.revision(config.revision()), Peers.TIMEOUT)
                            instanceof WriteResult.Written
                    ? java.util.Optional.of(config.revision())
                    : java.util.Optional.empty();
        });
    }

    @Override
    public void close() {
        Arrays.stream(processes).filter(java.util.Objects::nonNull).forEach(Process::destroyForcibly);
        peers.close();
    }

    /** Arguments: number of kills, seed, an empty directory. */
    public static void main(String[] args) throws Exception {
        int kills = Integer.parseInt(args[0]);
        long seed = Long.parseLong(args[1]);
        long begin = System.nanoTime();
        try (KillRuns runs = new KillRuns(Path.of(args[2]), seed)) {
            runs.kill(kills);
            System.out.printf(
                    java.util.Locale.ROOT,
                    "%d kills, seed %d: %d confirmed writes, none lost, none out of place, %d s%n",
                    runs.killed(),
                    seed,
                    runs.confirmed(),
                    Duration.ofNanos(System.nanoTime() - begin).toSeconds());
        }
    }
}
