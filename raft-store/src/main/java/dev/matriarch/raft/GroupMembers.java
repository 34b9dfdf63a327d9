package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.PeerIdentity;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;

/**
 * Who is in the Raft group: the peers with a vote, and the listeners, which get every entry and are never counted. Whoever changes the
 * one states the other as well, for a change that does not mention the listeners would drop them. Immutable.
 */
record GroupMembers(List<RaftPeer> voters, List<RaftPeer> listeners) {
    GroupMembers {
        voters = List.copyOf(voters);
        listeners = List.copyOf(listeners);
    }

    /** As the division has it now; during a change the one that it changes to. */
    static GroupMembers of(RaftServer.Division division) {
        return of(division.getRaftConf());
    }

    static GroupMembers of(RaftConfiguration now) {
        return new GroupMembers(
                List.copyOf(now.getCurrentPeers(RaftPeerRole.FOLLOWER)),
                List.copyOf(now.getCurrentPeers(RaftPeerRole.LISTENER)));
    }

    /** As Ratis wants to have it, with the role that it begins in. */
    static RaftPeer peer(PeerIdentity identity) {
        return RaftPeer.newBuilder()
                .setId(identity.getPeerId())
                .setAddress(identity.getAddress())
                .setStartupRole(identity.getListener() ? RaftPeerRole.LISTENER : RaftPeerRole.FOLLOWER)
                .build();
    }

    /** Takes a peer in, as what it says it is. */
    GroupMembers with(PeerIdentity identity) {
        List<RaftPeer> more = new ArrayList<>(identity.getListener() ? listeners : voters);
        more.add(peer(identity));
        return identity.getListener() ? new GroupMembers(voters, more) : new GroupMembers(more, listeners);
    }

    GroupMembers without(RaftPeer peer) {
        return new GroupMembers(
                voters.stream().filter(p -> !p.getId().equals(peer.getId())).toList(),
                listeners.stream().filter(p -> !p.getId().equals(peer.getId())).toList());
    }

    /** The voters first. */
    List<RaftPeer> all() {
        return Stream.concat(voters.stream(), listeners.stream()).toList();
    }

    Set<String> voterIds() {
        return voters.stream().map(p -> p.getId().toString()).collect(Collectors.toSet());
    }

    boolean isListener(RaftPeer peer) {
        return listeners.stream().anyMatch(p -> p.getId().equals(peer.getId()));
    }

    /** True if somebody listens who did not. */
    boolean listensSince(GroupMembers before) {
        return listeners.stream().anyMatch(p -> !before.isListener(p));
    }

    /** The voters first. */
    List<PeerIdentity> identities() {
        return all().stream()
                .map(p -> PeerIdentity.newBuilder()
                        .setPeerId(p.getId().toString())
                        .setAddress(p.getAddress())
                        .setName(PeerMarker.nameOf(p.getId().toString()))
                        .setListener(isListener(p))
                        .build())
                .toList();
    }
}
