package dev.matriarch.raft.state;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.matriarch.proto.store.v1.SavedSnapshot;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * What a store held at a moment, as a file that people keep: eight bytes of magic, a CRC-32C of the rest, then a protobuf
 * message that says whose it is and holds a {@link SnapshotFormat}.
 *
 * @param scope the cluster's name
 * @param groupId of the Raft group
 * @param savedAtMillis wall clock, for people
 */
public record SavedStore(String scope, String groupId, long savedAtMillis, StoreState state) {
    private static final int FORMAT_VERSION = 1;
    private static final byte[] MAGIC = "MTRCHBK1".getBytes(StandardCharsets.US_ASCII);
    private static final int HEADER = MAGIC.length + Integer.BYTES;

    public byte[] bytes() {
        byte[] body = SavedSnapshot.newBuilder()
                .setFormatVersion(FORMAT_VERSION)
                .setScope(scope)
                .setGroupId(groupId)
                .setSavedAtMillis(savedAtMillis)
                .setSnapshot(ByteString.copyFrom(SnapshotFormat.write(state)))
                .build()
                .toByteArray();
        return ByteBuffer.allocate(HEADER + body.length)
                .put(MAGIC)
                .putInt(checksum(body))
                .put(body)
                .array();
    }

    /** @throws SnapshotFormat.UnreadableSnapshot with a half sentence that says what is wrong */
    public static SavedStore read(byte[] bytes) throws SnapshotFormat.UnreadableSnapshot {
        if (bytes.length < HEADER || !ByteBuffer.wrap(bytes, 0, MAGIC.length).equals(ByteBuffer.wrap(MAGIC))) {
            throw new SnapshotFormat.UnreadableSnapshot("is no saved store, or is truncated");
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes, MAGIC.length, bytes.length - MAGIC.length);
        int expected = buffer.getInt();
        byte[] body = new byte[buffer.remaining()];
        buffer.get(body);
        if (checksum(body) != expected) {
            throw new SnapshotFormat.UnreadableSnapshot("is damaged or truncated: its checksum does not match");
        }
        try {
            SavedSnapshot saved = SavedSnapshot.parseFrom(body);
            if (saved.getFormatVersion() != FORMAT_VERSION) {
                throw new SnapshotFormat.UnreadableSnapshot("has format " + saved.getFormatVersion()
                        + ", which this version does not know; a newer version wrote it");
            }
            return new SavedStore(
                    saved.getScope(),
                    saved.getGroupId(),
                    saved.getSavedAtMillis(),
                    SnapshotFormat.read(saved.getSnapshot().toByteArray()));
        } catch (InvalidProtocolBufferException e) {
            throw new SnapshotFormat.UnreadableSnapshot("cannot be understood: " + e.getMessage());
        }
    }

    private static int checksum(byte[] body) {
        CRC32C crc = new CRC32C();
        crc.update(body);
        return (int) crc.getValue();
    }
}
