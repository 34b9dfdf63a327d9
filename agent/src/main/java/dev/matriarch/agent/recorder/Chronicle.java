package dev.matriarch.agent.recorder;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The latest events of this member, in memory; those from before the agent began are read from the flight recorder's
 * files when somebody asks for them. Observations come from the heartbeat's thread; read by any.
 */
public final class Chronicle {
    private static final Logger LOG = LoggerFactory.getLogger(Chronicle.class);
    static final int MOST = 1000;
    private static final Duration READ_FILES = Duration.ofSeconds(3);

    private final Newsroom newsroom = new Newsroom();
    private final Deque<Event> events = new ArrayDeque<>();
    private final Instant began;
    private final Optional<Path> recordings;
    private final Duration patience;
    private volatile String lastDecision = "";
    private volatile Consumer<Event> alsoTo = event -> {};

    /** @param recordings the flight recorder's directory; empty: it is switched off */
    public Chronicle(Instant began, String version, Optional<Path> recordings) {
        this(began, version, recordings, READ_FILES);
    }

    /** @param patience how long files are read; the rest of them is left out */
    Chronicle(Instant began, String version, Optional<Path> recordings, Duration patience) {
        this.patience = patience;
        this.began = began;
        this.recordings = recordings;
        add(new Event(began, Event.Kind.AGENT, false, "the agent starts (Matriarch " + version + ")"));
    }

    /** Returns at once. For the heartbeat's thread. */
    public void record(Observation seen, Decision decided) {
        newsroom.step(seen, decided).forEach(this::add);
        if (!decided.because().equals("heartbeat") && !(decided instanceof Decision.AskPeers)) {
            lastDecision = decided.because();
        }
    }

    /** From now on what is {@link #note noted} is told here too; it must return at once. */
    public void keep(Consumer<Event> recorder) {
        alsoTo = recorder;
    }

    /** Remembers something that observations do not show. Returns at once; any thread. */
    public void note(Event event) {
        add(event);
        alsoTo.accept(event);
    }

    private synchronized void add(Event event) {
        events.addLast(event);
        if (events.size() > MOST) {
            events.removeFirst();
        }
    }

    /** Why the agent does what it does now; empty at the very beginning. */
    public String lastDecision() {
        return lastDecision;
    }

    /**
     * What happened, oldest first. Takes up to about three seconds if files have to be read.
     *
     * @param most if there were more, the latest
     */
    public List<Event> since(Instant since, int most) {
        List<Event> found = new ArrayList<>();
        if (since.isBefore(began)) {
            recordings.ifPresent(directory -> found.addAll(recorded(directory, since, began, patience)));
        }
        synchronized (this) {
            events.stream().filter(e -> !e.at().isBefore(since)).forEach(found::add);
        }
        return List.copyOf(found.subList(Math.max(0, found.size() - most), found.size()));
    }

    private static List<Event> recorded(Path directory, Instant since, Instant until, Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        List<Event> found = new ArrayList<>();
        try {
            for (Path file : Segments.files(directory)) {
                if (!Files.getLastModifiedTime(file).toInstant().isBefore(since)) {
                    read(file, since, until, deadline, found);
                }
            }
        } catch (IOException e) {
            LOG.warn("Events from before this agent began cannot be read from {}: {}", directory, e.toString());
        }
        return found;
    }

    private static void read(Path file, Instant since, Instant until, long deadline, List<Event> found)
            throws IOException {
        Newsroom newsroom = new Newsroom();
        try (BufferedReader in =
                new BufferedReader(new InputStreamReader(Files.newInputStream(file), StandardCharsets.UTF_8))) {
            String line = in.readLine();
            while (line != null && System.nanoTime() < deadline) {
                try {
                    JsonNode json = Codec.MAPPER.readTree(line);
                    if (json.has("flight_recorder")) {
                        newsroom = new Newsroom();
                        Instant started = Instant.parse(json.path("started").asText());
                        String words = "the agent starts (Matriarch "
                                + json.path("matriarch").asText() + ")";
                        keep(List.of(new Event(started, Event.Kind.AGENT, false, words)), since, until, found);
                    } else if (json.has("happened")) {
                        JsonNode noted = json.path("happened");
                        Instant at = Instant.parse(noted.path("at").asText());
                        String words = noted.path("what").asText();
                        keep(List.of(new Event(at, Event.Kind.ORDER, false, words)), since, until, found);
                    } else if (json.has("seen") && json.has("decided")) {
                        keep(
                                newsroom.step(
                                        Codec.observation(json.path("seen")), Codec.decision(json.path("decided"))),
                                since,
                                until,
                                found);
                    }
                } catch (JsonProcessingException | Codec.UnreadableException | DateTimeParseException torn) {
                    // Cut short by a crash, or written by another version: the next line may be whole.
                    LOG.debug("{} holds a line that tells nothing: {}", file, torn.getMessage());
                }
                line = in.readLine();
            }
        }
    }

    private static void keep(List<Event> news, Instant since, Instant until, List<Event> found) {
        // Each start repeats the header, and so does each file.
        news.stream()
                .filter(e -> !e.at().isBefore(since) && e.at().isBefore(until) && !found.contains(e))
                .forEach(found::add);
    }
}
