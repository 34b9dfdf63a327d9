package dev.matriarch.raft;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Expectation;
import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.GrantLease;
import dev.matriarch.proto.store.v1.Operation;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.Put;
import dev.matriarch.proto.store.v1.RaiseRevision;
import dev.matriarch.proto.store.v1.ReformPlan;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.zip.CRC32C;

/**
 * A store that takes the place of another one: its plan on the disk of its first peer, what is put into it, and the note
 * in it that nobody may act by the old one any more.
 */
final class Reforming {
    static final String FILE = "reform.plan";
    /** A key for each store that was given up, below the cluster's own keys. */
    static final String GIVEN_UP_PREFIX = "given-up/";

    private static final int FORMAT = 1;
    /** More than the store that is given up can have counted without a word to the survivors. */
    private static final long REVISIONS = 1_000_000;
    /** How long a survivor that does not come into the new store is asked in its race. */
    private static final long MEMBERS_MILLIS = 60_000;

    static final Duration LONGEST_INTERRUPTION = Duration.ofMinutes(15);

    private static final ObjectMapper MAPPER = new ObjectMapper();

    private Reforming() {}

    /**
     * What the new store begins with. Who leads is not brought along, nor who was asked to; the list of synchronous standbys
     * becomes those who are known to have every commit. The last position of the old leader would keep a survivor that
     * lags from being elected: a person has agreed to that.
     *
     * @param state the newest one that a survivor has
     * @param servers members that survive with a server: they may race. Kept only if the old store had such a list: an agent
     *     that has just started, and may have promised somebody not to, goes by it
     * @param safe members that have every acknowledged commit: only they may lead first; empty: any may
     */
    static Command seed(StoreState state, GivenUp old, List<String> servers, List<String> safe, long nowMillis) {
        Command.Builder command = Command.newBuilder()
                .setFormatVersion(Apply.FORMAT_VERSION)
                .addOperations(Operation.newBuilder()
                        .setRaiseRevision(RaiseRevision.newBuilder().setRevision(state.revision() + REVISIONS)))
                .addOperations(Operation.newBuilder()
                        .setPut(put(GIVEN_UP_PREFIX + old.getGroupId(), json(old, nowMillis)).toBuilder()
                                .setExpect(Expectation.newBuilder().setAbsent(true))));
        for (String key : List.of(ClusterKeys.INITIALIZE, ClusterKeys.CONFIG, ClusterKeys.HISTORY)) {
            state.entry(key).ifPresent(e -> add(command, put(key, e.value().toStringUtf8())));
        }
        state.entries().tailMap(GIVEN_UP_PREFIX).entrySet().stream()
                .takeWhile(e -> e.getKey().startsWith(GIVEN_UP_PREFIX))
                .forEach(e -> add(command, put(e.getKey(), e.getValue().value().toStringUtf8())));
        state.entry(ClusterKeys.STATUS)
                .map(e -> ClusterJson.readStatus(e.value().toStringUtf8()))
                .map(s -> new ClusterStatus(Lsn.INVALID, s.slots(), s.retainSlots(), s.claim()))
                .ifPresent(s -> add(command, put(ClusterKeys.STATUS, ClusterJson.writeStatus(s))));
        state.entry(ClusterKeys.FAILSAFE).ifPresent(e -> {
            Map<String, String> before = ClusterJson.readFailsafe(e.value().toStringUtf8());
            Map<String, String> racers = new TreeMap<>();
            servers.forEach(name -> racers.put(name, before.getOrDefault(name, "")));
            add(command, put(ClusterKeys.FAILSAFE, ClusterJson.writeFailsafe(racers)));
        });
        // Known to the race from the first moment: whoever is taken in first must not be elected unasked.
        for (String name : servers) {
            state.entry(ClusterKeys.member(name)).ifPresent(e -> {
                String lease = "member/" + name;
                command.addOperations(Operation.newBuilder()
                        .setGrantLease(GrantLease.newBuilder()
                                .setName(lease)
                                .setHolder(name)
                                .setTtlMillis(MEMBERS_MILLIS)));
                command.addOperations(Operation.newBuilder()
                        .setPut(put(ClusterKeys.member(name), e.value().toStringUtf8()).toBuilder()
                                .setLease(lease)));
            });
        }
        if (!safe.isEmpty()) {
            SyncState sync = new SyncState(safe.getFirst(), new TreeSet<>(safe.subList(1, safe.size())), 0);
            add(command, put(ClusterKeys.SYNC, ClusterJson.writeSync(Optional.of(sync))));
        }
        return command.build();
    }

    private static void add(Command.Builder command, Put put) {
        command.addOperations(Operation.newBuilder().setPut(put));
    }

    private static Put put(String key, String value) {
        return Put.newBuilder()
                .setKey(key)
                .setValue(ByteString.copyFromUtf8(value))
                .build();
    }

    private static String json(GivenUp old, long nowMillis) {
        ObjectNode json = MAPPER.createObjectNode();
        json.put("successor", old.getSuccessor());
        json.put("at_millis", nowMillis);
        var members = json.putArray("members");
        old.getMembersList()
                .forEach(m -> members.addObject()
                        .put("peer_id", m.getPeerId())
                        .put("address", m.getAddress())
                        .put("name", m.getName()));
        return json.toString();
    }

    /** The stores that this one has replaced, one after the other. */
    static List<GivenUp> givenUp(StoreState state) {
        List<GivenUp> all = new ArrayList<>();
        state.entries().tailMap(GIVEN_UP_PREFIX).entrySet().stream()
                .takeWhile(e -> e.getKey().startsWith(GIVEN_UP_PREFIX))
                .forEach(e -> {
                    try {
                        JsonNode json = MAPPER.readTree(e.getValue().value().toStringUtf8());
                        GivenUp.Builder one = GivenUp.newBuilder()
                                .setGroupId(e.getKey().substring(GIVEN_UP_PREFIX.length()))
                                .setSuccessor(json.path("successor").asText());
                        json.path("members")
                                .forEach(m -> one.addMembers(PeerIdentity.newBuilder()
                                        .setPeerId(m.path("peer_id").asText())
                                        .setAddress(m.path("address").asText())
                                        .setName(m.path("name").asText())));
                        all.add(one.build());
                    } catch (JsonProcessingException damaged) {
                        // Written by this class only; what cannot be read names nobody.
                    }
                });
        return all;
    }

    /** What is said of a store, with the one that is in force now as its successor; empty: nothing. */
    static Optional<GivenUp> about(String groupId, Collection<GivenUp> news) {
        Optional<GivenUp> found = of(groupId, news);
        for (int i = 0; found.isPresent() && i < news.size(); i++) {
            Optional<GivenUp> next = of(found.get().getSuccessor(), news);
            if (next.isEmpty()) {
                break;
            }
            found = Optional.of(found.get().toBuilder()
                    .setSuccessor(next.get().getSuccessor())
                    .build());
        }
        return found;
    }

    private static Optional<GivenUp> of(String groupId, Collection<GivenUp> news) {
        return news.stream().filter(g -> g.getGroupId().equals(groupId)).findFirst();
    }

    /** A store that both have given up, each for another successor: two stores in the place of one. */
    static Optional<String> givenUpTwice(Collection<GivenUp> mine, Collection<GivenUp> theirs) {
        return mine.stream()
                .filter(m -> theirs.stream()
                        .anyMatch(t -> t.getGroupId().equals(m.getGroupId())
                                && !t.getSuccessor().equals(m.getSuccessor())))
                .map(GivenUp::getGroupId)
                .findFirst();
    }

    /**
     * A store that may take the place of another one.
     *
     * @param there false while it is only planned
     * @param members how many peers it has; 0 while it is only planned
     */
    record Rival(boolean there, int members, String group) {}

    /**
     * Which of two stores in the place of one ends: the one that is not there yet, or else the one with fewer members, or
     * else the one with the smaller id. Both sides come to the same answer.
     */
    static boolean yields(Rival mine, Rival other) {
        if (mine.there() != other.there()) {
            return other.there();
        }
        return mine.members() == other.members()
                ? mine.group().compareTo(other.group()) < 0
                : mine.members() < other.members();
    }

    /**
     * Nobody carries out by himself what was ordered long ago: the hosts that were dead then may have come back meanwhile,
     * and be away only now.
     *
     * @param ordered when the plan was saved, by the wall clock; the time of its file: who touches that orders it again
     * @param now a plan of the future counts as old
     */
    static boolean isStale(Instant ordered, Instant now) {
        Duration age = Duration.between(ordered, now);
        return age.isNegative() || age.compareTo(LONGEST_INTERRUPTION) > 0;
    }

    static Instant ordered(Path dataDir) throws IOException {
        return Files.getLastModifiedTime(dataDir.resolve(FILE)).toInstant();
    }

    static GivenUp givenUp(ReformPlan plan) {
        return GivenUp.newBuilder()
                .setGroupId(plan.getGivenUp())
                .setSuccessor(plan.getGroupId())
                .addAllMembers(plan.getMembersList())
                .build();
    }

    /** @throws StoreStartException if there is a plan and nobody can say what it was */
    static Optional<ReformPlan> load(Path dataDir) throws StoreStartException {
        Path file = dataDir.resolve(FILE);
        String what;
        try {
            if (!Files.exists(file)) {
                return Optional.empty();
            }
            ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
            int expected = bytes.remaining() >= Integer.BYTES ? bytes.getInt() : 0;
            byte[] body = new byte[bytes.remaining()];
            bytes.get(body);
            if (expected == checksum(body)) {
                ReformPlan plan = ReformPlan.parseFrom(body);
                if (plan.getFormatVersion() == FORMAT) {
                    return Optional.of(plan);
                }
            }
            what = "is damaged or of another version";
        } catch (InvalidProtocolBufferException e) {
            what = "is damaged (" + e.getMessage() + ")";
        } catch (IOException e) {
            what = "cannot be read (" + e + ")";
        }
        throw new StoreStartException(file + " " + what + ". It says which store this node was about to form with"
                + " matriarchctl recover. Nothing was changed. Move " + dataDir
                + " aside and start again: this node then joins as a new peer; if it was the only survivor, begin with the"
                + " runbook for a lost quorum again on a copy of it.");
    }

    /** Survives a crash once it returns. */
    static void save(Path dataDir, ReformPlan plan) throws IOException {
        byte[] body = plan.toBuilder().setFormatVersion(FORMAT).build().toByteArray();
        ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES + body.length)
                .putInt(checksum(body))
                .put(body)
                .flip();
        Path draft = dataDir.resolve(FILE + ".new");
        try (FileChannel channel = FileChannel.open(
                draft, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Files.move(draft, dataDir.resolve(FILE), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        Durable.syncDirectory(dataDir);
    }

    static void done(Path dataDir) throws IOException {
        Files.deleteIfExists(dataDir.resolve(FILE));
        Durable.syncDirectory(dataDir);
    }

    private static int checksum(byte[] body) {
        CRC32C crc = new CRC32C();
        crc.update(body);
        return (int) crc.getValue();
    }
}
