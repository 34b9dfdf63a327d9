package dev.matriarch.agent.recorder;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.ha.Decider;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.spi.ToolProvider;

/**
 * Reads a flight recorder's file, decides again on each observation, and explains.
 *
 * <p>Found by {@code matriarchctl replay} through the JDK's own interface for tools, so that neither has to know the
 * other. Arguments: {@code FILE FROM TO CHANGES FORMAT}; empty texts stand for what was not given.
 */
public final class Replay implements ToolProvider {
    private record Options(Path path, Optional<Instant> from, Optional<Instant> to, boolean onlyChanges, boolean json) {
        boolean includes(Instant time) {
            return from.map(f -> !time.isBefore(f)).orElse(true)
                    && to.map(t -> !time.isAfter(t)).orElse(true);
        }
    }

    /** The state of one run. */
    private static final class Run {
        private final Options options;
        private final PrintWriter out;
        private String version = "unknown";
        private String member = "";
        private String lastSentence = "";
        private long replayed;
        private long different;
        private long unreadable;
        private long damaged;
        private boolean first = true;

        Run(Options options, PrintWriter out) {
            this.options = options;
            this.out = out;
        }
    }

    @Override
    public String name() {
        return "matriarch-replay";
    }

    @Override
    public int run(PrintWriter out, PrintWriter err, String... args) {
        Options options = new Options(
                Path.of(args[0]),
                args[1].isEmpty() ? Optional.empty() : Optional.of(Instant.parse(args[1])),
                args[2].isEmpty() ? Optional.empty() : Optional.of(Instant.parse(args[2])),
                args[3].equals("changes"),
                args[4].equals("json"));
        Run run = new Run(options, out);
        boolean begun = false;
        try {
            List<Path> files =
                    Files.isDirectory(options.path()) ? Segments.files(options.path()) : List.of(options.path());
            if (files.isEmpty()) {
                err.println("Error: " + options.path() + " holds no flight-*.jsonl file");
                return 1;
            }
            if (options.json()) {
                out.print("[");
                begun = true;
            }
            for (Path file : files) {
                read(file, run);
            }
        } catch (IOException e) {
            if (begun) {
                // What was replayed until then is a document.
                out.println("]");
                out.flush();
            }
            err.println("Error: " + options.path() + " cannot be read: " + e);
            return 1;
        }
        if (options.json()) {
            out.println("]");
        } else {
            out.println(run.replayed + " decisions replayed, " + run.different + " decided differently today"
                    + (run.unreadable > 0 ? ", " + run.unreadable + " not replayable" : "")
                    + (run.damaged > 0 ? ", " + run.damaged + " damaged lines left out" : ""));
        }
        out.flush();
        if (run.replayed == 0 && run.unreadable == 0) {
            err.println("Error: " + options.path() + " holds no decision"
                    + (options.from().isPresent() || options.to().isPresent() ? " of that time" : ""));
            return 1;
        }
        return run.different + run.unreadable > 0 ? 1 : 0;
    }

    private static void read(Path file, Run run) throws IOException {
        // Malformed bytes of a torn line are replaced, not refused.
        try (BufferedReader in =
                new BufferedReader(new InputStreamReader(Files.newInputStream(file), StandardCharsets.UTF_8))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                JsonNode json;
                try {
                    json = Codec.MAPPER.readTree(line);
                } catch (JsonProcessingException torn) {
                    run.damaged++;
                    continue;
                }
                if (json.has("flight_recorder")) {
                    header(json, run);
                } else if (json.has("seen") && json.has("decided")) {
                    entry(json, run);
                } else if (json.has("happened")) {
                    noted(json.path("happened"), run);
                } else if (!line.isBlank()) {
                    run.damaged++;
                }
            }
        }
    }

    private static void header(JsonNode json, Run run) throws IOException {
        int format = json.path("flight_recorder").asInt();
        if (format > FlightRecorder.FORMAT) {
            throw new IOException("it was written in format " + format + " by Matriarch "
                    + json.path("matriarch").asText() + ", this version knows format " + FlightRecorder.FORMAT);
        }
        run.version = json.path("matriarch").asText();
        run.member = json.path("member").asText();
        if (!run.options.json() && !run.options.onlyChanges()) {
            run.out.println("--- " + run.member + " of " + json.path("scope").asText() + ", Matriarch " + run.version
                    + ", started " + json.path("started").asText());
        }
    }

    /** Nothing is decided on it: it is there for people who read. */
    private static void noted(JsonNode happened, Run run) {
        String time = happened.path("at").asText();
        try {
            if (!run.options.json() && run.options.includes(Instant.parse(time))) {
                run.out.println(time + " " + happened.path("what").asText());
            }
        } catch (java.time.format.DateTimeParseException e) {
            run.damaged++;
        }
    }

    private static void entry(JsonNode json, Run run) {
        String time = json.path("seen").path("wallClock").asText();
        JsonNode decided = json.path("decided");
        try {
            if (!run.options.includes(Instant.parse(time))) {
                return;
            }
        } catch (java.time.format.DateTimeParseException e) {
            run.damaged++;
            return;
        }
        Observation seen;
        Decision today;
        try {
            seen = Codec.observation(json.path("seen"));
            today = Decider.decide(seen);
        } catch (Codec.UnreadableException | RuntimeException e) {
            run.unreadable++;
            print(
                    json,
                    time,
                    decided,
                    "not replayable by this version (recorded by " + run.version + "): " + e.getMessage(),
                    Optional.empty(),
                    List.of(),
                    run);
            return;
        }
        run.replayed++;
        boolean same = same(decided, today);
        run.different += same ? 0 : 1;
        String sentence =
                decided.path("is").asText() + decided.path("because").asText().replaceAll("\\d+", "#");
        boolean heartbeat = decided.path("because").asText().equals("heartbeat");
        boolean news = !heartbeat && !sentence.equals(run.lastSentence);
        if (!heartbeat) {
            run.lastSentence = sentence;
        }
        if (run.options.onlyChanges() && !news && same) {
            return;
        }
        print(
                json,
                time,
                decided,
                same ? "" : "TODAY: " + today.getClass().getSimpleName() + ": " + today.because(),
                same ? Optional.empty() : Optional.of(Codec.tree(today)),
                news || !same ? Facts.of(seen) : List.of(),
                run);
    }

    private static boolean same(JsonNode decided, Decision today) {
        try {
            return Codec.decision(decided).equals(today);
        } catch (Codec.UnreadableException e) {
            return decided.equals(Codec.tree(today));
        }
    }

    private static void print(
            JsonNode json,
            String time,
            JsonNode decided,
            String remark,
            Optional<JsonNode> today,
            List<String> facts,
            Run run) {
        if (run.options.json()) {
            ObjectNode object =
                    Codec.MAPPER.createObjectNode().put("time", time).put("member", run.member);
            object.set("beat", json.path("beat"));
            object.set("step", json.path("step"));
            object.set("decided", decided);
            object.put("same", remark.isEmpty());
            today.ifPresent(t -> object.set("today", t));
            if (!remark.isEmpty()) {
                object.put("remark", remark);
            }
            if (json.has("repeats")) {
                object.set("repeats", json.path("repeats"));
            }
            facts.forEach(object.withArray("facts")::add);
            run.out.println(run.first ? "" : ",");
            run.out.print(object);
            run.first = false;
            return;
        }
        String repeats = json.has("repeats") ? " (" + json.path("repeats").asText() + " heartbeats alike)" : "";
        run.out.println(time + " " + decided.path("is").asText() + ": "
                + decided.path("because").asText() + repeats);
        if (json.has("dropped")) {
            run.out.println("    before this, " + json.path("dropped").asText() + " steps could not be written");
        }
        if (!remark.isEmpty()) {
            run.out.println("  ! " + remark);
        }
        facts.forEach(f -> run.out.println("    " + f));
    }
}
