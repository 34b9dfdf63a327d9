package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.watch.v1.Event;
import dev.matriarch.proto.watch.v1.EventsReply;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code top} and {@code list --watch}: what they show, and that they leave a terminal as they found it. */
@Timeout(120)
class TopTest {
    private static final Duration SOON = Duration.ofSeconds(40);
    private static final String ALTERNATE = "\u001b[?1049h";
    private static final String BACK = "\u001b[?1049l";

    @TempDir
    private Path directory;

    private FakeAgent agent;
    private Process terminal;

    @BeforeEach
    void start() throws IOException {
        agent = new FakeAgent().start();
        agent.shown.events = EventsReply.newBuilder()
                .addEvents(Event.newBuilder()
                        .setAtMillis(1_795_000_000_000L)
                        .setMember("n1")
                        .setKind("leader")
                        .setShared(true)
                        .setWhat("n1 holds the leader lock (epoch 1)"))
                .build();
    }

    /** The first call of all loads hundreds of classes at both ends, on a busy machine for seconds. */
    @BeforeAll
    static void firstCall() throws IOException {
        try (FakeAgent agent = new FakeAgent().start()) {
            for (int i = 0; i < 5 && CtlRun.of(agent, "", "list").code() != 0; i++) {
                assertTrue(i < 4, "the fake agent answers");
            }
        }
    }

    @AfterEach
    void stop() {
        if (terminal != null) {
            terminal.descendants().forEach(ProcessHandle::destroyForcibly);
            terminal.destroyForcibly();
        }
        agent.close();
    }

    @Test
    void withoutATerminalPicturesArePrintedOneBelowTheOther() {
        CtlRun run = CtlRun.of(agent, "", "top", "--count", "2", "-w", "0.2");
        assertEquals(0, run.code(), run.err());
        assertFalse(run.out().contains("\u001b"), "nothing but text");
        assertEquals(3, run.out().split("n1 holds the leader lock", -1).length);
        assertTrue(run.out().contains("A failover now loses at most: nothing"));
        assertTrue(run.out().contains("[########..] 4.2 s"), run.out());
        assertTrue(run.out().contains("armed"));
        assertTrue(run.out().contains("3.0 MB"), run.out());
        assertTrue(run.out().contains("agent: no answer in time"));
    }

    @Test
    void aPictureIsAsLargeAsTheTerminal() {
        List<String> lines = TopView.lines(
                new TopLook(
                        List.of(new TopLook.Part(null, agent.cluster, agent.shown.pulses, agent.shown.events)),
                        new TreeMap<>()),
                new Screen.Size(40, 6),
                java.time.Instant.EPOCH);
        assertTrue(lines.size() <= 6);
        assertTrue(lines.stream().allMatch(l -> l.length() <= 40));
    }

    @Test
    void whoCannotBeReachedAtTheBeginningIsAnError() {
        String endpoint = agent.endpoint();
        agent.close();
        CtlRun run = CtlRun.of(java.util.Map.of(), "", "--endpoint", endpoint, "top");
        assertEquals(3, run.code());
        assertTrue(run.err().contains(endpoint));
    }

    // --- in a pseudo terminal, which script(1) makes ---

    private Path screen() {
        return directory.resolve("screen");
    }

    private String shown() {
        try {
            return Files.exists(screen()) ? Files.readString(screen(), StandardCharsets.UTF_8) : "";
        } catch (IOException | java.io.UncheckedIOException e) {
            return "";
        }
    }

    private void run(String... arguments) throws IOException {
        String java = ProcessHandle.current().info().command().orElseThrow();
        String command = "trap : INT; stty rows 30 cols 100; stty -g; '" + java + "' -XX:TieredStopAtLevel=1 -cp '"
                + System.getProperty("java.class.path") + "' dev.matriarch.ctl.Matriarchctl --endpoint "
                + agent.endpoint() + " " + String.join(" ", arguments) + "; echo code $?; stty -g";
        Path file = directory.resolve("run.sh");
        Files.writeString(file, command);
        // Where this test runs in the background of a script, ctrl-C is ignored, and that would be inherited.
        ProcessBuilder builder =
                new ProcessBuilder("script", "-qfec", "env --default-signal=INT sh " + file, screen().toString());
        builder.environment().put("TERM", "xterm");
        builder.environment().put("SHELL", "/bin/sh");
        terminal = builder.redirectErrorStream(true)
                .redirectOutput(directory.resolve("copy").toFile())
                .start();
    }

    private void press(int key) throws IOException {
        OutputStream keys = terminal.getOutputStream();
        keys.write(key);
        keys.flush();
    }

    private void eventually(BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + SOON.toNanos();
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < end, () -> "not in time: " + shown());
            Thread.sleep(50);
        }
    }

    private ProcessHandle client() {
        return terminal.descendants()
                .filter(p -> p.info().commandLine().orElse("").contains("Matriarchctl")
                        && p.info().command().orElse("").endsWith("java"))
                .findFirst()
                .orElseThrow();
    }

    /** The settings before and after are printed by stty: they are the first and the last line. */
    private String isAsBefore() throws InterruptedException {
        assertTrue(terminal.waitFor(SOON.toSeconds(), TimeUnit.SECONDS), this::shown);
        String text = shown();
        List<String> settings = text.lines()
                .map(String::strip)
                .filter(l -> l.matches("[0-9a-f]+(:[0-9a-f]+){10,}"))
                .toList();
        assertEquals(2, settings.size(), text);
        assertEquals(settings.getFirst(), settings.getLast());
        assertTrue(text.lastIndexOf(BACK) > text.lastIndexOf(ALTERNATE), text);
        assertTrue(text.lastIndexOf("\u001b[?25h") > text.lastIndexOf("\u001b[?25l"), "the cursor is seen again");
        return text;
    }

    @Test
    void qEndsItAndTheTerminalIsAsBefore() throws Exception {
        run("top");
        eventually(() -> shown().contains(ALTERNATE) && shown().contains("n1 holds the leader lock"));
        press('q');
        assertTrue(isAsBefore().contains("code 0"));
    }

    @Test
    void soDoesCtrlC() throws Exception {
        run("top");
        eventually(() -> shown().contains("n1 holds the leader lock"));
        press(3);
        isAsBefore();
    }

    @Test
    void soDoesSigterm() throws Exception {
        run("list", "-W");
        eventually(() -> shown().contains(ALTERNATE) && shown().contains("Quorum Standby"));
        client().destroy();
        assertTrue(isAsBefore().contains("code 143"));
    }

    @Test
    void soDoesAnError() throws Exception {
        run("list", "-w", "0.5");
        eventually(() -> shown().contains("Quorum Standby"));
        agent.close();
        String text = isAsBefore();
        assertTrue(text.contains("code 3"), text);
        assertTrue(text.lastIndexOf("no agent answered") > text.lastIndexOf(BACK), "said where it stays readable");
    }
}
