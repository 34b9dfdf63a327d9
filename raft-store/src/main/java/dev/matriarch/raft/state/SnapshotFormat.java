package dev.matriarch.raft.state;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.matriarch.proto.store.v1.HistoryEvent;
import dev.matriarch.proto.store.v1.LeaseState;
import dev.matriarch.proto.store.v1.Snapshot;
import dev.matriarch.raft.state.StoreState.Entry;
import dev.matriarch.raft.state.StoreState.Event;
import dev.matriarch.raft.state.StoreState.Lease;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/** A whole state as bytes: eight bytes of magic, a CRC-32C of the rest, then the protobuf message. */
public final class SnapshotFormat {
    private static final byte[] MAGIC = "MTRCHSN1".getBytes(StandardCharsets.US_ASCII);
    private static final int HEADER = MAGIC.length + Integer.BYTES;

    private SnapshotFormat() {}

    /** The bytes are not a snapshot that this version can use. */
    public static final class UnreadableSnapshot extends Exception {
        private static final long serialVersionUID = 1L;

        UnreadableSnapshot(String message) {
            super(message);
        }
    }

    public static byte[] write(StoreState state) {
        Snapshot.Builder snapshot = Snapshot.newBuilder()
                .setFormatVersion(Apply.FORMAT_VERSION)
                .setRevision(state.revision())
                .setFeatureLevel(state.featureLevel());
        state.entries()
                .forEach((key, entry) -> snapshot.addEntries(dev.matriarch.proto.store.v1.Entry.newBuilder()
                        .setKey(key)
                        .setValue(entry.value())
                        .setCreateRevision(entry.createRevision())
                        .setModRevision(entry.modRevision())
                        .setLease(entry.lease())));
        state.leases()
                .values()
                .forEach(lease -> snapshot.addLeases(LeaseState.newBuilder()
                        .setName(lease.name())
                        .setHolder(lease.holder())
                        .setEpoch(lease.epoch())
                        .setRenewal(lease.renewal())
                        .setTtlMillis(lease.ttlMillis())));
        state.history()
                .forEach(event -> snapshot.addHistory(HistoryEvent.newBuilder()
                        .setRevision(event.revision())
                        .setKey(event.key())
                        .setKind(HistoryEvent.Kind.valueOf(event.kind().name()))));
        byte[] body = snapshot.build().toByteArray();
        return ByteBuffer.allocate(HEADER + body.length)
                .put(MAGIC)
                .putInt(checksum(body))
                .put(body)
                .array();
    }

    /** @throws UnreadableSnapshot with a half sentence that says what is wrong: truncated, damaged, too new */
    public static StoreState read(byte[] bytes) throws UnreadableSnapshot {
        if (bytes.length < HEADER || !ByteBuffer.wrap(bytes, 0, MAGIC.length).equals(ByteBuffer.wrap(MAGIC))) {
            throw new UnreadableSnapshot("is not a snapshot of this store, or is truncated");
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes, MAGIC.length, bytes.length - MAGIC.length);
        int expected = buffer.getInt();
        byte[] body = new byte[buffer.remaining()];
        buffer.get(body);
        if (checksum(body) != expected) {
            throw new UnreadableSnapshot("is damaged or truncated: its checksum does not match");
        }
        try {
            return state(Snapshot.parseFrom(body));
        } catch (InvalidProtocolBufferException e) {
            throw new UnreadableSnapshot("cannot be understood: " + e.getMessage());
        }
    }

    private static StoreState state(Snapshot snapshot) throws UnreadableSnapshot {
        if (snapshot.getFormatVersion() != Apply.FORMAT_VERSION) {
            throw new UnreadableSnapshot("has format " + snapshot.getFormatVersion()
                    + ", which this version does not know; a newer version wrote it");
        }
        SortedMap<String, Entry> entries = new TreeMap<>();
        snapshot.getEntriesList()
                .forEach(e -> entries.put(
                        e.getKey(), new Entry(e.getValue(), e.getCreateRevision(), e.getModRevision(), e.getLease())));
        SortedMap<String, Lease> leases = new TreeMap<>();
        snapshot.getLeasesList()
                .forEach(l -> leases.put(
                        l.getName(),
                        new Lease(l.getName(), l.getHolder(), l.getEpoch(), l.getRenewal(), l.getTtlMillis())));
        List<Event> history = new ArrayList<>();
        for (HistoryEvent e : snapshot.getHistoryList()) {
            Event.Kind kind = switch (e.getKind()) {
                case PUT -> Event.Kind.PUT;
                case DELETE -> Event.Kind.DELETE;
                case LEASE_GRANTED -> Event.Kind.LEASE_GRANTED;
                case LEASE_RELEASED -> Event.Kind.LEASE_RELEASED;
                case LEASE_EXPIRED -> Event.Kind.LEASE_EXPIRED;
                case KIND_UNSPECIFIED, UNRECOGNIZED ->
                    throw new UnreadableSnapshot("holds a kind of event that this version does not know");
            };
            history.add(new Event(e.getRevision(), e.getKey(), kind));
        }
        return new StoreState(
                snapshot.getRevision(),
                Collections.unmodifiableSortedMap(entries),
                Collections.unmodifiableSortedMap(leases),
                List.copyOf(history),
                Math.max(1, snapshot.getFeatureLevel()));
    }

    private static int checksum(byte[] body) {
        CRC32C crc = new CRC32C();
        crc.update(body);
        return (int) crc.getValue();
    }
}
