package dev.matriarch.raft;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The addresses of the other peers, in a file outside {@code raft.data_dir}: a node that lost that directory finds them
 * again, whatever its configuration says, and never forms a second store while they may have the first. Any thread.
 */
final class KnownPeers {
    static final String FILE = "store-peers.json";
    private static final Logger LOG = LoggerFactory.getLogger(KnownPeers.class);
    private static final int FORMAT = 1;
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final Path dir;
    private final String scope;
    private boolean warned;

    KnownPeers(RaftStoreSettings settings) {
        this.dir = settings.stateDir();
        this.scope = settings.scope();
    }

    Path file() {
        return dir.resolve(FILE);
    }

    /**
     * Empty if nothing was noted, or for another cluster.
     *
     * @throws StoreStartException if there is a file and nobody can say what it held
     */
    synchronized Set<String> load() throws StoreStartException {
        JsonNode json;
        try {
            if (!Files.exists(file())) {
                return Set.of();
            }
            json = MAPPER.readTree(Files.readAllBytes(file()));
        } catch (JsonProcessingException e) {
            throw unreadable("is damaged", e);
        } catch (IOException e) {
            throw unreadable("cannot be read (" + e + ")", e);
        }
        if (json.path("format").asInt() != FORMAT || !json.path("peers").isArray()) {
            throw unreadable("is not a list of peers that this version understands", null);
        }
        if (!json.path("scope").asText().equals(scope)) {
            LOG.warn(
                    "{} is of the cluster \"{}\": it is passed over",
                    file(),
                    json.path("scope").asText());
            return Set.of();
        }
        Set<String> addresses = new TreeSet<>();
        json.path("peers").forEach(a -> addresses.add(a.asText()));
        return addresses;
    }

    private StoreStartException unreadable(String what, Exception cause) {
        return new StoreStartException(
                file() + " " + what + ". It names the other peers of the store that this node was part of; without it a"
                        + " second store could be formed. Nothing was changed. Restore it, or name the other peers in"
                        + " raft.partner_addrs, remove the file and start again.",
                cause);
    }

    /** Survives a crash once it returns. A file that cannot be written is complained of once and stops nothing. */
    synchronized void remember(Collection<String> addresses) {
        Set<String> now = new TreeSet<>(addresses);
        try {
            if (load().equals(now)) {
                return;
            }
        } catch (StoreStartException e) {
            LOG.warn("{} is written anew: {}", file(), e.getMessage());
        }
        try {
            save(List.copyOf(now));
            warned = false;
        } catch (IOException e) {
            if (!warned) {
                warned = true;
                LOG.warn(
                        "The other peers of the store ({}) could not be noted in {} ({}). If this node loses raft.data_dir, it"
                                + " finds them only by raft.partner_addrs: name them all there",
                        String.join(", ", now),
                        file(),
                        e.toString());
            }
        }
    }

    private void save(List<String> addresses) throws IOException {
        ObjectNode json = MAPPER.createObjectNode();
        json.put("format", FORMAT);
        json.put("scope", scope);
        var peers = json.putArray("peers");
        addresses.forEach(peers::add);
        Files.createDirectories(dir);
        Path draft = dir.resolve(FILE + ".new");
        try (FileChannel channel = FileChannel.open(
                draft, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer buffer = ByteBuffer.wrap((json.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8));
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            channel.force(true);
        }
        Files.move(draft, file(), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        Durable.syncDirectory(dir);
    }
}
