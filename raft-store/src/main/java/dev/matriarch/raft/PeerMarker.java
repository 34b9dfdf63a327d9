package dev.matriarch.raft;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.proto.store.v1.PeerIdentity;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;

/**
 * Who the peer of a data directory is: the file {@code identity.json}, kept outside Ratis' own directory, so that a
 * store whose log has vanished can be told from a new one. A wiped directory gets a new peer id and is a new peer.
 *
 * @param groupId absent until the group is known
 * @param settled false while the group's directory is being made or the group has not taken this peer in yet
 * @param members of the group when it was formed; empty for a peer that joined later
 * @param known the group's voters as this peer last knew them: whom to look for when the configuration is out of date
 * @param listener the peer has no vote, for as long as its directory lives
 */
record PeerMarker(
        String peerId,
        String name,
        String scope,
        String address,
        Optional<UUID> groupId,
        boolean settled,
        List<PeerIdentity> members,
        List<PeerIdentity> known,
        boolean listener) {
    static final String FILE = "identity.json";
    private static final int FORMAT = 1;
    private static final ObjectMapper MAPPER = new ObjectMapper();

    static PeerMarker fresh(RaftStoreSettings settings) {
        byte[] random = new byte[4];
        new SecureRandom().nextBytes(random);
        return new PeerMarker(
                settings.name() + "-" + HexFormat.of().formatHex(random),
                settings.name(),
                settings.scope(),
                settings.selfAddress(),
                Optional.empty(),
                false,
                List.of(),
                List.of(),
                settings.listener());
    }

    /** The name in front of a peer id's random part. */
    static String nameOf(String peerId) {
        int dash = peerId.lastIndexOf('-');
        return dash > 0 ? peerId.substring(0, dash) : peerId;
    }

    PeerIdentity identity() {
        return PeerIdentity.newBuilder()
                .setPeerId(peerId)
                .setAddress(address)
                .setName(name)
                .setListener(listener)
                .build();
    }

    /** How a person takes this peer in. */
    String addCommand() {
        return addCommand(identity());
    }

    static String addCommand(PeerIdentity peer) {
        return "matriarchctl raft add-peer " + (peer.getListener() ? "--listener " : "") + peer.getAddress();
    }

    PeerMarker entering(UUID group, List<PeerIdentity> others) {
        return new PeerMarker(
                peerId, name, scope, address, Optional.of(group), false, List.copyOf(others), known, listener);
    }

    /** The peer stays the same when the member gets another name. */
    PeerMarker named(String now) {
        return new PeerMarker(peerId, now, scope, address, groupId, settled, members, known, listener);
    }

    PeerMarker inside() {
        return new PeerMarker(peerId, name, scope, address, groupId, true, members, known, listener);
    }

    PeerMarker knowing(List<PeerIdentity> now) {
        return new PeerMarker(peerId, name, scope, address, groupId, settled, members, List.copyOf(now), listener);
    }

    /** A new peer that waits to be taken into the group that the old one was removed from; it never forms another. */
    static PeerMarker removed(RaftStoreSettings settings, PeerMarker old) {
        PeerMarker fresh = fresh(settings);
        return new PeerMarker(
                fresh.peerId,
                fresh.name,
                fresh.scope,
                fresh.address,
                old.groupId,
                false,
                List.of(),
                old.known.stream()
                        .filter(p -> !p.getPeerId().equals(old.peerId))
                        .toList(),
                fresh.listener);
    }

    static Optional<PeerMarker> load(Path dataDir) throws StoreStartException {
        Path file = dataDir.resolve(FILE);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            JsonNode json = MAPPER.readTree(Files.readAllBytes(file));
            if (json.path("format").asInt() != FORMAT
                    || json.path("peer_id").asText("").isEmpty()) {
                throw new StoreStartException(
                        file + " is not a store identity that this version understands. Nothing was changed. "
                                + "Start the version that wrote it, or move " + dataDir
                                + " aside and start again: this node then joins as a new peer.");
            }
            String group = json.path("group_id").asText("");
            return Optional.of(new PeerMarker(
                    json.path("peer_id").asText(),
                    json.path("name").asText(),
                    json.path("scope").asText(),
                    json.path("address").asText(),
                    group.isEmpty() ? Optional.empty() : Optional.of(UUID.fromString(group)),
                    json.path("settled").asBoolean(),
                    peers(json.path("members")),
                    peers(json.path("known")),
                    json.path("listener").asBoolean()));
        } catch (JsonProcessingException | IllegalArgumentException e) {
            throw new StoreStartException(
                    file + " is damaged ("
                            + String.valueOf(e.getMessage()).lines().findFirst().orElse("")
                            + "). Nothing was changed. Move " + dataDir
                            + " aside and start again: this node then joins as a new peer.",
                    e);
        } catch (IOException e) {
            throw new StoreStartException("Cannot read " + file + ": " + e + ". Check its owner and the disk.", e);
        }
    }

    private static List<PeerIdentity> peers(JsonNode array) {
        List<PeerIdentity> peers = new ArrayList<>();
        array.forEach(m -> peers.add(PeerIdentity.newBuilder()
                .setPeerId(m.path("peer_id").asText())
                .setAddress(m.path("address").asText())
                .setName(m.path("name").asText())
                .build()));
        return peers;
    }

    private static void write(ObjectNode json, String key, List<PeerIdentity> peers) {
        var array = json.putArray(key);
        peers.forEach(m -> array.addObject()
                .put("peer_id", m.getPeerId())
                .put("address", m.getAddress())
                .put("name", m.getName()));
    }

    /** Writes the file so that after a crash either the old or the new one is there in full. */
    void save(Path dataDir) throws IOException {
        ObjectNode json = MAPPER.createObjectNode();
        json.put("format", FORMAT);
        json.put("peer_id", peerId);
        json.put("name", name);
        json.put("scope", scope);
        json.put("address", address);
        groupId.ifPresent(g -> json.put("group_id", g.toString().toLowerCase(Locale.ROOT)));
        json.put("settled", settled);
        if (listener) {
            json.put("listener", true);
        }
        write(json, "members", members);
        write(json, "known", known);
        byte[] bytes = (json.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
        Path file = dataDir.resolve(FILE);
        Path draft = dataDir.resolve(FILE + ".new");
        try (FileChannel channel = FileChannel.open(
                draft, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            channel.force(true);
        }
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        Durable.syncDirectory(dataDir);
    }
}
