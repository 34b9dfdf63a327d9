package dev.matriarch.raft;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.SnapshotFormat;
import dev.matriarch.raft.state.StoreState;
import dev.matriarch.raft.state.StoreState.Event;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.ratis.io.MD5Hash;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.RaftConfigurationProto;
import org.apache.ratis.proto.RaftProtos.RoleInfoProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftGroupMemberId;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.server.raftlog.RaftLog;
import org.apache.ratis.server.storage.FileInfo;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.statemachine.SnapshotInfo;
import org.apache.ratis.statemachine.TransactionContext;
import org.apache.ratis.statemachine.impl.BaseStateMachine;
import org.apache.ratis.statemachine.impl.SimpleStateMachineStorage;
import org.apache.ratis.statemachine.impl.SingleFileSnapshotInfo;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.apache.ratis.thirdparty.com.google.protobuf.UnsafeByteOperations;
import org.apache.ratis.util.LifeCycle;
import org.apache.ratis.util.MD5FileUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs {@link Apply} over Ratis' log, keeps snapshots and tells the shell what happened. */
final class StoreStateMachine extends BaseStateMachine {
    private static final Logger LOG = LoggerFactory.getLogger(StoreStateMachine.class);

    /** Called from Ratis' threads: must return at once. */
    interface Observer {
        /** The state was replaced as a whole. */
        void loaded(StoreState state);

        /** A command was applied; its state is visible already. */
        void applied(Apply.Applied applied);

        /** The part of a cluster's view that a command changed; never empty. */
        void changed(Set<Change> changes);

        void leaderReady();

        void notLeader();

        void leaderChanged(RaftPeerId leader);

        /** The group has other voters than before. */
        void membersChanged();

        /** The log cannot be written any more: this replica is dead until it is rebuilt. */
        void logFailed(Throwable cause);

        /** Ratis closed this replica although the store was not asked to close: it was removed from the group. */
        void removed();
    }

    /** Data and log position together, so that no snapshot can see one without the other. */
    record Position(StoreState state, TermIndex at) {}

    private final Observer observer;
    private final SimpleStateMachineStorage storage = new SimpleStateMachineStorage();
    private final Object appliedSignal = new Object();
    private volatile Position current = new Position(StoreState.EMPTY, TermIndex.INITIAL_VALUE);
    /** Null before the first one. */
    private volatile SnapshotInfo latest;

    StoreStateMachine(Observer observer) {
        this.observer = observer;
    }

    StoreState state() {
        return current.state();
    }

    Position position() {
        return current;
    }

    /**
     * Waits until the entry of this index is visible in {@link #state()}.
     *
     * @return false if that did not happen before {@code deadlineNanos}
     */
    boolean awaitApplied(long index, long deadlineNanos) throws InterruptedException {
        synchronized (appliedSignal) {
            while (current.at().getIndex() < index) {
                long millis = (deadlineNanos - System.nanoTime()) / 1_000_000;
                if (millis <= 0) {
                    return false;
                }
                appliedSignal.wait(millis);
            }
            return true;
        }
    }

    private void publish(StoreState state, TermIndex at) {
        synchronized (appliedSignal) {
            current = new Position(state, at);
            appliedSignal.notifyAll();
        }
    }

    @Override
    public void initialize(RaftServer server, RaftGroupId groupId, RaftStorage raftStorage) throws IOException {
        getLifeCycle()
                .startAndTransition(
                        () -> {
                            super.initialize(server, groupId, raftStorage);
                            dropDrafts(raftStorage
                                    .getStorageDir()
                                    .getStateMachineDir()
                                    .toPath());
                            storage.init(raftStorage);
                            load();
                        },
                        IOException.class);
    }

    @Override
    public void pause() {
        getLifeCycle().transition(LifeCycle.State.PAUSING);
        getLifeCycle().transition(LifeCycle.State.PAUSED);
    }

    @Override
    public void reinitialize() throws IOException {
        load();
        if (getLifeCycleState() == LifeCycle.State.PAUSED) {
            getLifeCycle().transition(LifeCycle.State.STARTING);
            getLifeCycle().transition(LifeCycle.State.RUNNING);
        }
        observer.changed(EnumSet.of(Change.RESYNC));
    }

    private void load() throws IOException {
        SingleFileSnapshotInfo snapshot = storage.loadLatestSnapshot();
        latest = snapshot;
        if (snapshot == null) {
            publish(StoreState.EMPTY, TermIndex.INITIAL_VALUE);
            observer.loaded(StoreState.EMPTY);
            return;
        }
        Path file = snapshot.getFile().getPath();
        try {
            StoreState state = SnapshotFormat.read(Files.readAllBytes(file));
            publish(state, snapshot.getTermIndex());
            observer.loaded(state);
        } catch (SnapshotFormat.UnreadableSnapshot e) {
            throw new CorruptStoreException(file, "The snapshot " + file + " " + e.getMessage(), e);
        }
    }

    /** A crash while a snapshot was written leaves a file that nobody will ever finish. */
    private static void dropDrafts(Path directory) throws IOException {
        if (Files.isDirectory(directory)) {
            try (DirectoryStream<Path> drafts = Files.newDirectoryStream(directory, "*.draft")) {
                for (Path draft : drafts) {
                    Files.delete(draft);
                }
            }
        }
    }

    @Override
    public long takeSnapshot() throws IOException {
        Position position = current;
        if (position.at().getIndex() < 0) {
            return RaftLog.INVALID_LOG_INDEX;
        }
        Path file = storage.getSnapshotFile(
                        position.at().getTerm(), position.at().getIndex())
                .toPath();
        Path draft = file.resolveSibling(file.getFileName() + ".draft");
        try (FileChannel channel = FileChannel.open(
                draft, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer buffer = ByteBuffer.wrap(SnapshotFormat.write(position.state()));
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            channel.force(true);
        }
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        MD5Hash md5 = MD5FileUtil.computeAndSaveMd5ForFile(file.toFile());
        Durable.syncDirectory(file.getParent());
        SingleFileSnapshotInfo snapshot = new SingleFileSnapshotInfo(new FileInfo(file, md5), position.at());
        storage.updateLatestSnapshot(snapshot);
        latest = snapshot;
        return position.at().getIndex();
    }

    /** Ratis asks before each append; its storage would list the directory each time until there is a first snapshot. */
    @Override
    public SnapshotInfo getLatestSnapshot() {
        return latest;
    }

    @Override
    public SimpleStateMachineStorage getStateMachineStorage() {
        return storage;
    }

    @Override
    public TermIndex getLastAppliedTermIndex() {
        // Called by the superclass's constructor too.
        Position position = current;
        return position == null ? TermIndex.INITIAL_VALUE : position.at();
    }

    @Override
    public void notifyTermIndexUpdated(long term, long index) {
        publish(current.state(), TermIndex.valueOf(term, index));
    }

    @Override
    public CompletableFuture<Message> applyTransaction(TransactionContext transaction) {
        LogEntryProto entry = transaction.getLogEntry();
        Apply.Applied applied = Apply.apply(
                current.state(), parse(entry.getStateMachineLogEntry().getLogData()));
        publish(applied.state(), TermIndex.valueOf(entry.getTerm(), entry.getIndex()));
        observer.applied(applied);
        Set<Change> changes = changes(applied.events());
        if (!changes.isEmpty()) {
            observer.changed(changes);
        }
        Reply reply = applied.reply();
        return CompletableFuture.completedFuture(Message.valueOf(UnsafeByteOperations.unsafeWrap(reply.toByteArray())));
    }

    /** Bytes that are no command are refused like an unknown format: equally on every replica. */
    private static Command parse(ByteString data) {
        try {
            return Command.parseFrom(data.asReadOnlyByteBuffer());
        } catch (com.google.protobuf.InvalidProtocolBufferException e) {
            LOG.warn("An entry of the log is not a command of the store; it is refused on every peer", e);
            return Command.getDefaultInstance();
        }
    }

    private static Set<Change> changes(List<Event> events) {
        Set<Change> changes = EnumSet.noneOf(Change.class);
        for (Event event : events) {
            if (event.kind() == Event.Kind.PUT || event.kind() == Event.Kind.DELETE) {
                ClusterKeys.changeOf(event.key()).ifPresent(changes::add);
            }
        }
        return changes;
    }

    @Override
    public void notifyLeaderReady() {
        observer.leaderReady();
    }

    @Override
    public void notifyNotLeader(Collection<TransactionContext> pendingEntries) {
        observer.notLeader();
    }

    @Override
    public void notifyLeaderChanged(RaftGroupMemberId member, RaftPeerId leader) {
        observer.leaderChanged(leader);
    }

    @Override
    public void notifyConfigurationChanged(long term, long index, RaftConfigurationProto configuration) {
        // Two lists of peers while a change is under way; the old ones go only when it is done.
        if (configuration.getOldPeersCount() == 0) {
            observer.membersChanged();
        }
    }

    @Override
    public void notifyLogFailed(Throwable cause, LogEntryProto failedEntry) {
        observer.logFailed(cause);
    }

    @Override
    public void notifyServerShutdown(RoleInfoProto role, boolean allServer) {
        if (!allServer) {
            observer.removed();
        }
    }
}
