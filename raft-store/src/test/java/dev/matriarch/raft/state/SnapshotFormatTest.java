package dev.matriarch.raft.state;

import static dev.matriarch.raft.state.Commands.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class SnapshotFormatTest {
    private static final StoreState STATE = Apply.apply(
                    StoreState.EMPTY, command(grant("leader", "x", 5000), put("leader", "x", "leader"), put("a", "b")))
            .state();

    @Test
    void survivesTheRoundTrip() throws Exception {
        assertEquals(STATE, SnapshotFormat.read(SnapshotFormat.write(STATE)));
        assertEquals(StoreState.EMPTY, SnapshotFormat.read(SnapshotFormat.write(StoreState.EMPTY)));
    }

    @Test
    void everyTruncationAndEveryFlippedByteIsSeen() {
        byte[] bytes = SnapshotFormat.write(STATE);
        for (int length = 0; length < bytes.length; length++) {
            byte[] cut = Arrays.copyOf(bytes, length);
            assertThrows(SnapshotFormat.UnreadableSnapshot.class, () -> SnapshotFormat.read(cut));
        }
        for (int i = 0; i < bytes.length; i++) {
            byte[] damaged = bytes.clone();
            damaged[i] ^= 0x20;
            assertThrows(SnapshotFormat.UnreadableSnapshot.class, () -> SnapshotFormat.read(damaged));
        }
    }

    @Test
    void theSentenceSaysWhatIsWrong() {
        var e = assertThrows(
                SnapshotFormat.UnreadableSnapshot.class, () -> SnapshotFormat.read("something else".getBytes()));
        assertTrue(e.getMessage().contains("not a snapshot"), e.getMessage());
    }
}
