package dev.matriarch.raft;

import org.apache.ratis.grpc.server.GrpcLogAppender;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.leader.FollowerInfo;
import org.apache.ratis.server.leader.LeaderState;
import org.apache.ratis.server.raftlog.RaftLogIOException;

/**
 * Sends entries to one follower, and a heartbeat as soon as something was committed that the follower has on disk and does
 * not know to be committed.
 *
 * <p>Left to itself Ratis 3.3 does one of two things. It writes an entry of its own into the log after each commit: every
 * peer waits for its disk once more, and so does the next write. Or, without these entries, a follower learns of a commit
 * with the next entry or regular heartbeat, up to half an election time-out later. Ratis wakes an appender at each commit and
 * at each answer of its follower, and asks the methods here in the appender's own thread.
 */
final class PromptAppender extends GrpcLogAppender {
    /** The follower was sent word of this commit; if that is lost, the next regular heartbeat says it again. */
    private volatile long told = -1;

    PromptAppender(RaftServer.Division server, LeaderState state, FollowerInfo follower) {
        super(server, state, follower);
    }

    /** Zero: a heartbeat is due. */
    @Override
    public long getHeartbeatWaitTimeMs() {
        return newsDue() ? 0 : super.getHeartbeatWaitTimeMs();
    }

    /**
     * A heartbeat has a connection of its own and could overtake entries, and a follower believes a commit only as far as its
     * disk goes. So it waits for what is under way; what is yet to be sent carries the news itself.
     */
    private boolean newsDue() {
        long committed = getRaftLog().getLastCommittedIndex();
        return told < committed
                && getFollower().getCommitIndex() < committed
                && getFollower().getMatchIndex() >= committed
                && !hasAppendEntries()
                && !hasPendingDataRequests();
    }

    @Override
    public AppendEntriesRequestProto newAppendEntriesRequest(long callId, boolean heartbeat) throws RaftLogIOException {
        AppendEntriesRequestProto request = super.newAppendEntriesRequest(callId, heartbeat);
        if (request != null) {
            told = request.getLeaderCommit();
        }
        return request;
    }
}
