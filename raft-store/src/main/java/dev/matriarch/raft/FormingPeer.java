package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.PeerIdentity;
import java.util.List;
import java.util.UUID;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;

/** What {@link Forming} does to this node's replica. */
final class FormingPeer implements Forming.Peer {
    private final ReplicaHost host;
    private final Herald herald;
    private final StoreCondition condition;

    FormingPeer(ReplicaHost host, Herald herald, StoreCondition condition) {
        this.host = host;
        this.herald = herald;
        this.condition = condition;
    }

    @Override
    public PeerMarker marker() {
        return host.marker();
    }

    @Override
    public void enter(UUID group, List<PeerIdentity> members) throws StoreStartException {
        host.enter(group, members);
    }

    @Override
    public void settle() throws StoreStartException {
        host.settle();
    }

    @Override
    public boolean isMember() {
        return host.replica().map(r -> isMember(r.division())).orElse(false);
    }

    /**
     * By the configuration in the peer's own log, as far as that is committed: an entry that is not may be taken
     * back. Before the first entry (index -1) it is the one that the group was formed with: a founder is a member
     * from the moment it enters; a peer that waits to be taken in begins with none, a listener with itself.
     */
    private static boolean isMember(RaftServer.Division division) {
        RaftConfiguration configuration = division.getRaftConf();
        long index = configuration.getLogEntryIndex();
        GroupMembers members = GroupMembers.of(configuration);
        return index <= division.getRaftLog().getLastCommittedIndex()
                && (index < 0 ? members.voters() : members.all())
                        .stream().anyMatch(p -> p.getId().equals(division.getId()));
    }

    @Override
    public void learn(List<GivenUp> news) {
        herald.learn(news);
    }

    @Override
    public boolean isClosed() {
        return condition.isClosed() || condition.givenUp().isPresent();
    }
}
