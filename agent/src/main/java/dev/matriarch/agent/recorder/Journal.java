package dev.matriarch.agent.recorder;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
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
    private List<Step> before = List.of();
    private List<Step> steps = new ArrayList<>();
    private List<Step> latest = List.of();
    private boolean different;
    private long repeats;
    private long beat;
    private long writtenAt;
    private long dropped;

    private record Step(long beat, int number, Observation seen, Decision decided) {
        boolean like(Step other) {
            return Likeness.of(seen, other.seen) && Likeness.of(decided, other.decided);
        }
    }

    Journal(Lines out) {
        this.out = out;
    }

    /** Says in the next line that this many steps before it are missing. */
    void dropped(long steps) {
        dropped += steps;
    }

    /** @param number of the step; 0 begins a heartbeat */
    void step(int number, Observation seen, Decision decided) throws IOException {
        if (number == 0) {
            endOfBeat(seen.now());
            beat++;
        }
        Step step = new Step(beat, number, seen, decided);
        int index = steps.size();
        steps.add(step);
        if (!different && index < before.size() && step.like(before.get(index))) {
            return;
        }
        if (!different) {
            different = true;
            writeLatest(seen.now());
            writeAll(steps.subList(0, index), seen.now());
        }
        write(step, 0, seen.now());
    }

    /** Writes a line of its own, at once: it may come between the steps of a heartbeat. */
    void noted(Event event) throws IOException {
        ObjectNode happened = Codec.MAPPER
                .createObjectNode()
                .put("at", event.at().toString())
                .put("kind", event.kind().word())
                .put("what", event.what());
        ObjectNode line = Codec.MAPPER.createObjectNode();
        line.set("happened", happened);
        out.write((Codec.MAPPER.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private void endOfBeat(long now) throws IOException {
        if (!different && steps.size() == before.size()) {
            if (!steps.isEmpty()) {
                repeats++;
                latest = steps;
            }
            if (now - writtenAt >= QUIET_NANOS) {
                writeLatest(now);
            }
        } else if (!different) {
            writeLatest(now);
            writeAll(steps, now);
        }
        // Of two that are alike the later one: it shares more with the next.
        before = steps;
        steps = new ArrayList<>();
        different = false;
    }

    /** Writes what is still held back. */
    void finish() throws IOException {
        endOfBeat(writtenAt);
        writeLatest(writtenAt);
    }

    private void writeLatest(long now) throws IOException {
        if (repeats > 0) {
            long times = repeats;
            repeats = 0;
            for (Step step : latest) {
                write(step, step == latest.getFirst() ? times : 0, now);
            }
            latest = List.of();
        }
    }

    private void writeAll(List<Step> all, long now) throws IOException {
        for (Step step : all) {
            write(step, 0, now);
        }
    }

    private void write(Step step, long times, long now) throws IOException {
        JsonNode observation = Codec.tree(step.seen);
        withoutConfiguration(observation);
        ObjectNode line = Codec.MAPPER.createObjectNode().put("beat", step.beat).put("step", step.number);
        line.set("seen", observation);
        line.set("decided", Codec.tree(step.decided));
        if (times > 0) {
            line.put("repeats", times);
        }
        if (dropped > 0) {
            line.put("dropped", dropped);
            dropped = 0;
        }
        writtenAt = now;
        out.write((Codec.MAPPER.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /** Decisions look at whether there is a configuration, never into its text: and that text may hold anything. */
    private static void withoutConfiguration(JsonNode observation) {
        if (observation.path("store").path("view").path("config") instanceof ObjectNode config) {
            config.put("value", "not recorded");
        }
    }
}
