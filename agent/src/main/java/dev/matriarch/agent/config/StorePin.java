package dev.matriarch.agent.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Which of the stores in its configuration this member uses: noted in {@code state_dir}, so that a section that is added to the
 * file moves nobody by itself.
 *
 * @param scope of the cluster that it is about
 * @param store the section
 * @param ordered a move led here; else the file's order of sections did
 * @param from the section that was left by that move; empty: none
 * @param settled somebody may have led in the new store: there is no way back but another move
 * @param resume the move ends with the end of the pause
 * @param members name to gRPC address, of all who take part in the move; none when it is over
 */
public record StorePin(
        String scope,
        String store,
        boolean ordered,
        String from,
        boolean settled,
        boolean resume,
        Map<String, String> members) {
    public static final String FILE = "store.json";
    private static final int FORMAT = 1;
    private static final ObjectMapper MAPPER = new ObjectMapper();

    public StorePin {
        members = Map.copyOf(members);
    }

    /** As the order of the sections has it. */
    public static StorePin noted(String scope, String store) {
        return new StorePin(scope, store, false, "", true, false, Map.of());
    }

    public StorePin asSettled() {
        return new StorePin(scope, store, ordered, from, true, resume, members);
    }

    /** The pause of the move has ended, and with it the move. */
    public StorePin asOver() {
        return new StorePin(scope, store, ordered, from, settled, false, Map.of());
    }

    /** A move that this member takes part in, there or back, has not ended yet. */
    public boolean isUnderWay() {
        return !settled || resume || !members.isEmpty();
    }

    /**
     * Empty if nothing was noted, or for another cluster.
     *
     * @throws IOException if there is a file and nobody can say what it holds; the message names it
     */
    public static Optional<StorePin> read(Path stateDir, String scope) throws IOException {
        Path file = stateDir.resolve(FILE);
        try {
            JsonNode json = MAPPER.readTree(Files.readAllBytes(file));
            if (json.path("format").asInt() != FORMAT || !json.path("store").isTextual()) {
                throw new IOException(file + " is not a note that this version understands");
            }
            Map<String, String> members = new TreeMap<>();
            json.path("members")
                    .properties()
                    .forEach(e -> members.put(e.getKey(), e.getValue().asText()));
            StorePin pin = new StorePin(
                    json.path("scope").asText(),
                    json.path("store").asText(),
                    json.path("ordered").asBoolean(),
                    json.path("from").asText(),
                    json.path("settled").asBoolean(),
                    json.path("resume").asBoolean(),
                    members);
            return pin.scope().equals(scope) ? Optional.of(pin) : Optional.empty();
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (JsonProcessingException e) {
            throw new IOException(file + " is damaged", e);
        }
    }

    /** Survives a crash once it returns; a crash meanwhile leaves the old file or this one. */
    public void write(Path stateDir) throws IOException {
        ObjectNode json = MAPPER.createObjectNode();
        json.put("format", FORMAT);
        json.put("scope", scope);
        json.put("store", store);
        json.put("ordered", ordered);
        json.put("from", from);
        json.put("settled", settled);
        json.put("resume", resume);
        ObjectNode all = json.putObject("members");
        new TreeMap<>(members).forEach(all::put);
        Files.createDirectories(stateDir);
        Path draft = stateDir.resolve(FILE + ".new");
        try (FileChannel channel = FileChannel.open(
                draft, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer bytes = ByteBuffer.wrap((json.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Files.move(draft, stateDir.resolve(FILE), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        try (FileChannel directory = FileChannel.open(stateDir, StandardOpenOption.READ)) {
            directory.force(true);
        }
    }
}
