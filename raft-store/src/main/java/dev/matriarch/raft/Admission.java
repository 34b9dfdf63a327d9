package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.JoinReply;
import dev.matriarch.proto.store.v1.JoinRequest;
import dev.matriarch.proto.store.v1.PeerIdentity;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.SetConfigurationRequest;
import org.apache.ratis.protocol.TransferLeadershipRequest;
import org.apache.ratis.rpc.CallId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Takes a peer with a new identity into the group, in place of the peer that used to be at its address. */
final class Admission {
    private static final Logger LOG = LoggerFactory.getLogger(Admission.class);
    private static final Duration STEP_DOWN_TIMEOUT = Duration.ofSeconds(3);
    private static final Duration CHANGE_TIMEOUT = Duration.ofSeconds(12);
    private static final Duration FORWARD_TIMEOUT = Duration.ofSeconds(14);

    private final RaftStoreSettings settings;
    private final PeerRpc rpc;
    private final StuckChange stuck = new StuckChange();

    Admission(RaftStoreSettings settings, PeerRpc rpc) {
        this.settings = settings;
        this.rpc = rpc;
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
            return change(replica, request.getMe());
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

    private JoinReply change(Proposals.Replica replica, PeerIdentity me) {
        RaftServer.Division division = replica.division();
        Collection<RaftPeer> now = division.getRaftConf().getCurrentPeers();
        if (now.stream().anyMatch(p -> p.getId().toString().equals(me.getPeerId()))) {
            return accepted(division);
        }
        Optional<RaftPeer> replaced =
                now.stream().filter(p -> p.getAddress().equals(me.getAddress())).findFirst();
        if (replaced.isEmpty()) {
            return refused("no member of the store has the address " + me.getAddress()
                    + "; adding a member at a new address is not possible yet");
        }
        if (now.size() < 3) {
            return refused(
                    "the store has " + now.size() + " members and cannot do without the one at " + me.getAddress());
        }
        List<RaftPeer> next = new ArrayList<>(now);
        next.remove(replaced.get());
        next.add(RaftPeer.newBuilder()
                .setId(me.getPeerId())
                .setAddress(me.getAddress())
                .build());
        SetConfigurationRequest change = new SetConfigurationRequest(
                ClientId.randomId(),
                replica.server().getId(),
                division.getMemberId().getGroupId(),
                CallId.getAndIncrement(),
                SetConfigurationRequest.Arguments.newBuilder()
                        .setMode(SetConfigurationRequest.Mode.COMPARE_AND_SET)
                        .setServersInCurrentConf(List.copyOf(now))
                        .setServersInNewConf(next)
                        .build());
        long asked = System.nanoTime();
        String failure;
        try {
            RaftClientReply reply = replica.server()
                    .setConfigurationAsync(change)
                    .get(CHANGE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
            if (reply.isSuccess()) {
                succeeded();
                return accepted(division);
            }
            failure = "the change of membership failed: " + reply.getException();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return refused("the store is closing");
        } catch (IOException e) {
            failure = "the change of membership failed: " + e.getMessage();
        } catch (ExecutionException e) {
            failure = "the change of membership failed: " + e.getCause();
        } catch (TimeoutException e) {
            failure = "the change of membership takes longer than " + CHANGE_TIMEOUT.toSeconds() + " s";
        }
        if (isStuck(asked)) {
            LOG.warn(
                    "The store could not take the peer at {} in for a while ({}). This peer steps down as Raft leader, as "
                            + "that ends a change that is stuck; the lease of the primary is not affected",
                    me.getAddress(),
                    failure);
            stepDown(replica);
        }
        return refused(failure);
    }

    private synchronized void succeeded() {
        stuck.succeeded();
    }

    private synchronized boolean isStuck(long asked) {
        return stuck.failed(asked, System.nanoTime());
    }

    private static void stepDown(Proposals.Replica replica) {
        TransferLeadershipRequest toAnybody = new TransferLeadershipRequest(
                ClientId.randomId(),
                replica.server().getId(),
                replica.division().getMemberId().getGroupId(),
                CallId.getAndIncrement(),
                null,
                STEP_DOWN_TIMEOUT.toMillis());
        try {
            replica.server()
                    .transferLeadershipAsync(toAnybody)
                    .get(STEP_DOWN_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException | ExecutionException | TimeoutException e) {
            LOG.warn("This peer could not step down as Raft leader: {}", e.toString());
        }
    }

    static List<PeerIdentity> members(RaftServer.Division division) {
        return division.getRaftConf().getCurrentPeers().stream()
                .map(p -> PeerIdentity.newBuilder()
                        .setPeerId(p.getId().toString())
                        .setAddress(p.getAddress())
                        .setName(PeerMarker.nameOf(p.getId().toString()))
                        .build())
                .toList();
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
