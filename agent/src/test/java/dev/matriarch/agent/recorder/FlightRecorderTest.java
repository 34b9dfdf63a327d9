package dev.matriarch.agent.recorder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.ha.Decider;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FlightRecorderTest {
    private static final String SECRET = "hunter2-secret";

    @TempDir
    private Path directory;

    /** A member that waits for a store that does not answer. */
    private static Observation waiting(long now, String why) throws Exception {
        ObjectNode tree = (ObjectNode) Codec.tree(new Arbitrary(3).of(Observation.class));
        tree.put("now", now).put("wallClock", "2026-11-21T06:00:00Z");
        tree.set("store", Codec.MAPPER.readTree("{\"is\":\"Unreachable\",\"why\":\"" + why + "\"}"));
        tree.set("lease", Codec.MAPPER.readTree("{\"is\":\"NotHeld\"}"));
        ((ObjectNode) tree.path("settings")).put("paused", true);
        tree.putNull("order");
        return Codec.observation(tree);
    }

    private static void record(FlightRecorder recorder, Observation seen) {
        recorder.record(0, seen, Decider.decide(seen));
    }

    private FlightRecorder recorder(Path at) {
        return new FlightRecorder(at, 1 << 20, "0.1.0", "demo", "n1");
    }

    private String text() throws IOException {
        StringBuilder all = new StringBuilder();
        for (Path file : Segments.files(directory)) {
            all.append(Files.readString(file));
        }
        return all.toString();
    }

    private record Replayed(int code, String out, String err) {}

    private static Replayed replay(Path file, String changes, String format) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = new Replay()
                .run(new PrintWriter(out), new PrintWriter(err, true), file.toString(), "", "", changes, format);
        return new Replayed(code, out.toString(), err.toString());
    }

    @Test
    void whatWasRecordedIsDecidedTheSameAgain() throws Exception {
        try (FlightRecorder recorder = recorder(directory)) {
            record(recorder, waiting(1, "no majority"));
            record(recorder, waiting(2, "disk"));
        }
        Replayed replayed = replay(directory, "all", "text");
        assertEquals(0, replayed.code(), replayed.out() + replayed.err());
        assertTrue(replayed.out().contains("DCS is not accessible: no majority"), replayed.out());
        assertTrue(replayed.out().contains("2 decisions replayed, 0 decided differently"), replayed.out());
        JsonNode json =
                Codec.MAPPER.readTree(replay(directory, "changes", "json").out());
        assertEquals(2, json.size());
        assertTrue(json.get(0).path("same").asBoolean());
    }

    @Test
    void aDifferentDecisionIsMarked() throws Exception {
        try (FlightRecorder recorder = recorder(directory)) {
            recorder.record(0, waiting(1, "no majority"), new Decision.Promote(java.util.Set.of(), 0, "by mistake"));
        }
        Replayed replayed = replay(directory, "changes", "text");
        assertEquals(1, replayed.code());
        assertTrue(replayed.out().contains("TODAY: Wait: DCS is not accessible"), replayed.out());
    }

    @Test
    void quietHeartbeatsAreCounted() throws Exception {
        try (FlightRecorder recorder = recorder(directory)) {
            for (int i = 0; i < 20; i++) {
                record(recorder, waiting(i, "no majority for " + i + " ms"));
            }
            record(recorder, waiting(30, "something else"));
        }
        assertEquals(4, text().lines().count(), "header, first, last with the number, the change");
        assertTrue(text().contains("\"repeats\":19"), text());
        assertEquals(0, replay(directory, "all", "text").code());
    }

    @Test
    void cutAtAnyByteTheRestIsReadable() throws Exception {
        try (FlightRecorder recorder = recorder(directory)) {
            record(recorder, waiting(1, "one"));
            record(recorder, waiting(2, "two"));
        }
        byte[] whole = Files.readAllBytes(Segments.files(directory).getFirst());
        String header = text().substring(0, text().indexOf('\n', text().indexOf('\n') + 1) + 1);
        int first = header.getBytes(StandardCharsets.UTF_8).length;
        Path cut = directory.resolve("cut.jsonl");
        for (int length = first; length < whole.length; length += 97) {
            Files.write(cut, java.util.Arrays.copyOf(whole, length));
            Replayed replayed = replay(cut, "all", "text");
            assertEquals(0, replayed.code(), replayed.out() + replayed.err());
            assertTrue(replayed.out().contains("1 decisions replayed"), replayed.out());
        }
        // And the next start goes on after the torn line.
        Path file = Segments.files(directory).getFirst();
        Files.write(file, java.util.Arrays.copyOf(whole, whole.length - 40), StandardOpenOption.TRUNCATE_EXISTING);
        try (FlightRecorder recorder = recorder(directory)) {
            record(recorder, waiting(3, "three"));
        }
        assertTrue(replay(directory, "all", "text").out().contains("2 decisions replayed"));
    }

    @Test
    void sizeIsBounded() throws Exception {
        Observation even = waiting(1, "even" + "x".repeat(4_000));
        Observation odd = waiting(2, "odd" + "x".repeat(4_000));
        try (FlightRecorder recorder = recorder(directory)) {
            for (int i = 0; i < 450; i++) {
                record(recorder, i % 2 == 0 ? even : odd);
            }
            awaitWritten();
        }
        long size = 0;
        List<Path> files = new ArrayList<>(Segments.files(directory));
        for (Path file : files) {
            size += Files.size(file);
        }
        assertTrue(files.size() <= 8 && size <= 1 << 20, files.size() + " files, " + size + " bytes");
        assertEquals(0, replay(directory, "changes", "text").code());
    }

    private void awaitWritten() throws Exception {
        long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        while (Segments.files(directory).isEmpty() && System.nanoTime() - deadline < 0) {
            Thread.sleep(10);
        }
    }

    @Test
    void filesAreTheOwnersAndHoldNoConfiguration() throws Exception {
        Path own = directory.resolve("flight");
        Observation seen = null;
        for (int seed = 0; seen == null || seen.view().flatMap(v -> v.config()).isEmpty(); seed++) {
            seen = new Arbitrary(seed).of(Observation.class);
        }
        ObjectNode tree = (ObjectNode) Codec.tree(seen);
        ((ObjectNode) tree.path("store").path("view").path("config")).put("value", "{\"x\": \"" + SECRET + "\"}");
        try (FlightRecorder recorder = recorder(own)) {
            recorder.record(0, Codec.observation(tree), Decision.idle("nothing"));
        }
        Path file = Segments.files(own).getFirst();
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(own)));
        assertTrue(Files.readString(file).contains("not recorded"));
        assertFalse(Files.readString(file).contains(SECRET));
    }

    @Test
    void aPlaceThatCannotBeWrittenHoldsNothingUp() throws Exception {
        Path blocked = directory.resolve("file");
        Files.write(blocked, "x".getBytes(StandardCharsets.UTF_8));
        Observation seen = waiting(1, "full");
        long before = System.nanoTime();
        try (FlightRecorder recorder = recorder(blocked.resolve("flight"))) {
            for (int i = 0; i < 2_000; i++) {
                record(recorder, seen);
            }
        }
        assertTrue(System.nanoTime() - before < Duration.ofSeconds(10).toNanos());
    }
}
