package dev.matriarch.raft;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.io.IOException;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.server.raftlog.RaftLog;

/**
 * All that a replica knows of its store: what was committed, and the entries behind it, of which nobody here can say
 * whether a majority has them. A list of synchronous standbys is made shorter in the store before PostgreSQL stops to wait
 * for somebody, and longer afterwards: to believe the entries is the careful way.
 *
 * @param last of the log
 */
record LastKnown(StoreState state, TermIndex last) {
    static LastKnown of(Proposals.Replica replica) throws IOException {
        StoreStateMachine.Position applied = replica.stateMachine().position();
        StoreState state = applied.state();
        RaftLog log = replica.division().getRaftLog();
        TermIndex last = log.getLastEntryTermIndex();
        if (last == null || last.getIndex() < applied.at().getIndex()) {
            return new LastKnown(state, applied.at());
        }
        for (long index = applied.at().getIndex() + 1; index <= last.getIndex(); index++) {
            LogEntryProto entry = log.get(index);
            if (entry != null && entry.hasStateMachineLogEntry()) {
                try {
                    Command command = Command.parseFrom(
                            entry.getStateMachineLogEntry().getLogData().asReadOnlyByteBuffer());
                    state = Apply.apply(state, command).state();
                } catch (InvalidProtocolBufferException e) {
                    // The replicas refuse it as well.
                }
            }
        }
        return new LastKnown(state, last);
    }
}
