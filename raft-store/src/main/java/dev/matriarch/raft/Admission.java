package dev.matriarch.raft;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.proto.store.v1.ChangeReply;
import dev.matriarch.proto.store.v1.ChangeRequest;
import dev.matriarch.proto.store.v1.JoinReply;
import dev.matriarch.proto.store.v1.JoinRequest;
import dev.matriarch.proto.store.v1.PeerIdentity;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes a peer with a new identity into the group: in place of the peer that used to be at its address, or because it was
 * invited by a token.
 */
final class Admission {
    private static final Logger LOG = LoggerFactory.getLogger(Admission.class);
    private static final Duration FORWARD_TIMEOUT = Duration.ofSeconds(14);

    private final RaftStoreSettings settings;
    private final PeerRpc rpc;
    private final GroupChange change;
    private final Membership membership;
    private final Invitations invitations;

    Admission(
            RaftStoreSettings settings,
            PeerRpc rpc,
            GroupChange change,
            Membership membership,
            Invitations invitations) {
        this.settings = settings;
        this.rpc = rpc;
        this.change = change;
        this.membership = membership;
        this.invitations = invitations;
    }

    /** May take as long as the log takes to reach the new peer; call it on a thread of its own. */
    JoinReply admit(Proposals.Replica replica, JoinRequest request) {
        if (!request.getScope().equals(settings.scope())) {
            return refused("this store belongs to the cluster \"" + settings.scope() + "\"");
        }
        RaftServer.Division division = replica.division();
        RaftPeerId leader = division.getInfo().getLeaderId();
        if (leader == null) {
            return refused("the store has no majority at the moment");
        }
        if (leader.equals(replica.server().getId())) {
            Optional<String> tooOld =
                    FeatureLevel.refusal(replica.stateMachine().state().featureLevel(), request.getFeatureLevel());
            if (tooOld.isPresent()) {
                return refused(tooOld.get());
            }
            return replace(replica, request.getMe());
        }
        RaftPeer peer = division.getRaftConf().getPeer(leader);
        if (peer == null) {
            return refused("the Raft leader is not known here yet");
        }
        try {
            return rpc.join(peer.getAddress(), request, FORWARD_TIMEOUT);
        } catch (StatusRuntimeException | StoreStartException e) {
            return refused("the Raft leader at " + peer.getAddress() + " did not answer");
        }
    }

    private JoinReply replace(Proposals.Replica replica, PeerIdentity me) {
        RaftServer.Division division = replica.division();
        GroupMembers now = GroupMembers.of(division);
        if (now.all().stream().anyMatch(p -> p.getId().toString().equals(me.getPeerId()))) {
            forget(me);
            return accepted(division);
        }
        Optional<RaftPeer> replaced = now.all().stream()
                .filter(p -> p.getAddress().equals(me.getAddress()))
                .findFirst();
        if (replaced.isEmpty()) {
            return invited(replica, me);
        }
        boolean listener = now.isListener(replaced.get());
        if (listener != me.getListener()) {
            return refused(Newcomer.taken(me.getAddress(), replaced.get(), listener));
        }
        int voters = now.voters().size();
        if (!listener && voters < 3) {
            return refused("the store has " + voters + " members and cannot do without the one at " + me.getAddress()
                    + ", whose vote is lost with its disk");
        }
        return change.set(replica, now, now.without(replaced.get()).with(me), me.getAddress())
                .map(failure -> refused(failure.why()))
                .orElseGet(() -> accepted(division));
    }

    private JoinReply invited(Proposals.Replica replica, PeerIdentity me) {
        Optional<String> why;
        try {
            why = invitations.take(me, Instant.now());
        } catch (DcsException e) {
            return refused("whether it was invited cannot be told: " + e.getMessage());
        }
        if (why.isPresent()) {
            return refused("no member of the store has the address " + me.getAddress() + why.get()
                    + "; take it in with: " + PeerMarker.addCommand(me));
        }
        ChangeRequest.Builder request = ChangeRequest.newBuilder()
                .setFormatVersion(Forming.FORMAT_VERSION)
                .setScope(settings.scope());
        ChangeReply reply = membership.carryOut(
                replica,
                (me.getListener() ? request.setAddListener(me.getAddress()) : request.setAdd(me.getAddress())).build());
        if (!reply.getDone()) {
            return refused(reply.getMessage());
        }
        LOG.info("{}, as it was invited by a token", reply.getMessage());
        forget(me);
        return accepted(replica.division());
    }

    /** What is left of it is bound to this peer, and of no use to another. */
    private void forget(PeerIdentity me) {
        try {
            invitations.followed(me);
        } catch (DcsException e) {
            LOG.debug("The invitation of {} stays for now: {}", me.getPeerId(), e.getMessage());
        }
    }

    /** All of the group, listeners among them. */
    static List<PeerIdentity> members(RaftServer.Division division) {
        return GroupMembers.of(division).identities();
    }

    private static JoinReply accepted(RaftServer.Division division) {
        return JoinReply.newBuilder()
                .setAccepted(true)
                .setGroupId(division.getMemberId().getGroupId().getUuid().toString())
                .addAllMembers(members(division))
                .build();
    }

    private static JoinReply refused(String why) {
        return JoinReply.newBuilder().setRefusal(why).build();
    }
}
