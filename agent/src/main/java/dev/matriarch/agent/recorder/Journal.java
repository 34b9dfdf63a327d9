package dev.matriarch.agent.recorder;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Turns the steps of heartbeats into lines. Of a run of heartbeats in which nothing happened the first is written, then
 * the last one with their number. For one thread.
 */
final class Journal {
    /** In a quiet time the latest heartbeat is written this often, so that a crash hides no more than that. */
    private static final long QUIET_NANOS = 30_000_000_000L;

    interface Lines {
        void write(byte[] line) throws IOException;
    }

    private final Lines out;
    private List<String> before = List.of();
    private List<String> shapes = new ArrayList<>();
    private List<ObjectNode> held = new ArrayList<>();
    private List<ObjectNode> latest = List.of();
    private boolean different;
    private long repeats;
    private long beat;
    private long writtenAt;
    private long dropped;

    Journal(Lines out) {
        this.out = out;
    }

    /** Says in the next line that this many steps before it are missing. */
    void dropped(long steps) {
        dropped += steps;
    }

    /** @param step 0 begins a heartbeat */
    void step(int step, Observation seen, Decision decided) throws IOException {
        if (step == 0) {
            endOfBeat(seen.now());
            beat++;
        }
        JsonNode observation = Codec.tree(seen);
        withoutConfiguration(observation);
        JsonNode decision = Codec.tree(decided);
        ObjectNode line = Codec.MAPPER.createObjectNode().put("beat", beat).put("step", step);
        line.set("seen", observation);
        line.set("decided", decision);
        String shape = Shape.of(observation, decision);
        int index = shapes.size();
        shapes.add(shape);
        if (!different && index < before.size() && before.get(index).equals(shape)) {
            held.add(line);
            return;
        }
        if (!different) {
            different = true;
            writeLatest(seen.now());
            writeAll(held, seen.now());
        }
        write(line, seen.now());
    }

    private void endOfBeat(long now) throws IOException {
        if (!different && shapes.size() == before.size()) {
            if (!shapes.isEmpty()) {
                repeats++;
                latest = held;
            }
            if (now - writtenAt >= QUIET_NANOS) {
                writeLatest(now);
            }
        } else {
            if (!different) {
                writeLatest(now);
                writeAll(held, now);
            }
            before = shapes;
        }
        shapes = new ArrayList<>();
        held = new ArrayList<>();
        different = false;
    }

    /** Writes what is still held back. */
    void finish() throws IOException {
        endOfBeat(writtenAt);
        writeLatest(writtenAt);
    }

    private void writeLatest(long now) throws IOException {
        if (repeats > 0) {
            latest.getFirst().put("repeats", repeats);
            repeats = 0;
            writeAll(latest, now);
            latest = List.of();
        }
    }

    private void writeAll(List<ObjectNode> lines, long now) throws IOException {
        for (ObjectNode line : lines) {
            write(line, now);
        }
    }

    private void write(ObjectNode line, long now) throws IOException {
        if (dropped > 0) {
            line.put("dropped", dropped);
            dropped = 0;
        }
        writtenAt = now;
        out.write((Codec.MAPPER.writeValueAsString(line) + "\n").getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    /** Decisions look at whether there is a configuration, never into its text: and that text may hold anything. */
    private static void withoutConfiguration(JsonNode observation) {
        if (observation.path("store").path("view").path("config") instanceof ObjectNode config) {
            config.put("value", "not recorded");
        }
    }
}
