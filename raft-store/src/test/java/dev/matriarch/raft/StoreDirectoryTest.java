package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.ReformPlan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What may be started from a data directory, made anew or refused; without a server. */
class StoreDirectoryTest {
    private static final UUID GROUP = UUID.randomUUID();
    private static final String NEXT = UUID.randomUUID().toString();

    @TempDir
    Path temp;

    private RaftStoreSettings settings;

    @BeforeEach
    void settings() {
        settings = Peers.settings("test", "n1", temp.resolve("n1"), "127.0.0.1:1", List.of("127.0.0.2:1"));
    }

    private StoreDirectory open() throws StoreStartException {
        StoreDirectory directory = new StoreDirectory(settings, new KnownPeers(settings));
        directory.open();
        return directory;
    }

    /** A member with a log. */
    private StoreDirectory member() throws Exception {
        StoreDirectory directory = open();
        directory.entering(GROUP, List.of(directory.marker().identity()));
        directory.settle();
        writeLog(directory);
        return directory;
    }

    private static void writeLog(StoreDirectory directory) throws IOException {
        Files.createDirectories(directory.current(GROUP));
        Files.writeString(directory.current(GROUP).resolve("raft-meta"), "a vote");
    }

    private Path aside(String peerId) {
        return temp.resolve("n1").resolve("removed-" + peerId);
    }

    @Test
    void aPeerIsTheSameAtEveryStart() throws Exception {
        StoreDirectory directory = member();
        directory.checkLog(GROUP);
        StoreDirectory again = open();
        again.finishRenewal();
        again.checkLog(GROUP);
        assertEquals(directory.marker(), again.marker());
        assertTrue(again.hasLog(GROUP));
    }

    @Test
    void aMemberWithoutItsVotesIsRefusedAndNothingIsChanged() throws Exception {
        StoreDirectory directory = member();
        Files.delete(directory.current(GROUP).resolve("raft-meta"));
        String said = assertThrows(StoreStartException.class, () -> directory.checkLog(GROUP))
                .getMessage();
        assertTrue(said.contains("has lost its log"), said);
        assertTrue(Files.isDirectory(directory.current(GROUP)));
    }

    @Test
    void whatAnInterruptedEntryLeftIsRemoved() throws Exception {
        StoreDirectory directory = open();
        directory.entering(GROUP, List.of(directory.marker().identity()));
        Files.createDirectories(directory.current(GROUP).resolve("part"));
        directory.checkLog(GROUP);
        assertFalse(Files.exists(directory.log().resolve(GROUP.toString())));
        assertTrue(Files.isDirectory(directory.log()));
    }

    @Test
    void aRemovedPeerIsANewOneAndItsOldLogStaysBesideIt() throws Exception {
        StoreDirectory directory = member();
        String old = directory.marker().peerId();
        directory.renew();
        assertNotEquals(old, directory.marker().peerId());
        assertFalse(directory.marker().settled());
        assertTrue(directory.belongsTo(GROUP.toString()), "it waits for that store and forms no other");
        assertFalse(directory.hasLog(GROUP));
        assertTrue(Files.exists(aside(old).resolve(GROUP.toString())));
        assertEquals(directory.marker(), open().marker());
    }

    @Test
    void aRenewalThatACrashInterruptedIsFinished() throws Exception {
        StoreDirectory directory = member();
        String old = directory.marker().peerId();
        Files.move(directory.log(), aside(old));

        StoreDirectory again = open();
        assertEquals(old, again.marker().peerId());
        again.finishRenewal();
        assertNotEquals(old, again.marker().peerId());
        assertFalse(again.marker().settled());
        assertTrue(Files.isDirectory(again.log()));
        PeerMarker renewed = again.marker();
        again.finishRenewal();
        assertEquals(renewed, again.marker(), "once");
    }

    @Test
    void whoseStoreWasGivenUpWaitsForItsSuccessor() throws Exception {
        StoreDirectory directory = member();
        String old = directory.marker().peerId();
        directory.putAside(GivenUp.newBuilder()
                .setGroupId(GROUP.toString())
                .setSuccessor(NEXT)
                .build());
        assertTrue(directory.belongsTo(NEXT));
        assertFalse(directory.belongsTo(GROUP.toString()));
        assertFalse(directory.marker().settled());
        assertEquals(List.of(), directory.marker().members());
        assertTrue(Files.exists(aside(old)));
        assertEquals(directory.marker(), open().marker());
    }

    @Test
    void aPlanIsTakenUpOnce() throws Exception {
        StoreDirectory directory = member();
        String old = directory.marker().peerId();
        ReformPlan plan = ReformPlan.newBuilder()
                .setGivenUp(GROUP.toString())
                .setGroupId(NEXT)
                .setMe(PeerMarker.fresh(settings).identity())
                .build();
        directory.takeUp(plan);
        assertEquals(plan.getMe().getPeerId(), directory.marker().peerId());
        assertEquals(Optional.of(UUID.fromString(NEXT)), directory.marker().groupId());
        assertEquals(List.of(plan.getMe()), directory.marker().members());
        assertTrue(Files.exists(aside(old)));

        directory.settle();
        directory.takeUp(plan);
        assertTrue(directory.marker().settled(), "it is that store's founder already");
    }

    @Test
    void onlyWhatIsDamagedIsToBeMovedAside() throws Exception {
        StoreDirectory directory = member();
        Path file = directory.current(GROUP).resolve("log_0-9");
        String damaged = directory
                .explain(new IOException("outer", new CorruptStoreException(file, "The snapshot is damaged", null)))
                .getMessage();
        assertTrue(damaged.startsWith("The snapshot is damaged. Nothing was deleted. Move "), damaged);
        String other = directory
                .explain(new IOException("outer", new IOException("no space")))
                .getMessage();
        assertTrue(other.contains("could not be started: java.io.IOException: no space"), other);
        assertFalse(other.contains("Move"), other);
    }
}
