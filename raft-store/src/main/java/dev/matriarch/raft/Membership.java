package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.ChangeReply;
import dev.matriarch.proto.store.v1.ChangeRequest;
import dev.matriarch.proto.store.v1.HelloReply;
import dev.matriarch.proto.store.v1.HelloRequest;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.ViewReply;
import dev.matriarch.proto.store.v1.ViewRequest;
import dev.matriarch.raft.state.StoreState.Lease;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;

/**
 * Changes of the peers that a person asks for: carried out on the Raft leader, passed on to it by every other peer.
 * What would leave the store without a majority that answers is refused, whatever is said.
 */
final class Membership {
    private static final Duration HELLO_TIMEOUT = Duration.ofSeconds(1);
    private static final Duration FORWARD_TIMEOUT = Duration.ofSeconds(30);
    private static final Duration ELECTION_TIMEOUT = Duration.ofSeconds(4);
    private static final Duration NEW_LEADER_TIMEOUT = Duration.ofSeconds(8);

    /** A new peer must have answered this often in a row, under one identity, before it is taken in. */
    private static final int STEADY_ANSWERS = 4;

    private static final long STEADY_PAUSE_MILLIS = 500;
    private static final long BEHIND_ENTRIES = 1000;

    private final RaftStoreSettings settings;
    private final PeerRpc rpc;
    private final GroupChange change;
    private final ReentrantLock one = new ReentrantLock();

    Membership(RaftStoreSettings settings, PeerRpc rpc, GroupChange change) {
        this.settings = settings;
        this.rpc = rpc;
        this.change = change;
    }

    /** May take half a minute; call it on a thread of its own. */
    ChangeReply carryOut(Proposals.Replica replica, ChangeRequest request) {
        if (!request.getScope().equals(settings.scope())) {
            return refused("this store belongs to the cluster \"" + settings.scope() + "\"");
        }
        RaftPeerId leader = awaitLeader(replica.division());
        if (leader == null) {
            return refused(
                    "the store has no Raft leader: only a majority of its peers can change who they are, and fewer"
                            + " answer at the moment. Bring one of the others back");
        }
        if (!leader.equals(replica.server().getId())) {
            return forward(replica, leader, request);
        }
        if (!one.tryLock()) {
            return refused("another change of the store's members is under way");
        }
        try {
            return switch (request.getKindCase()) {
                case ADD -> add(replica, request.getAdd(), false);
                case ADD_LISTENER -> add(replica, request.getAddListener(), true);
                case REMOVE -> remove(replica, request);
                case LEAD -> lead(replica, request.getLead());
                case KIND_NOT_SET -> refused("this version does not know that change");
            };
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return refused("the store is closing");
        } catch (StoreStartException e) {
            return refused(e.getMessage());
        } finally {
            one.unlock();
        }
    }

    /** An election is not the end of the store. Null: there is none for a while. */
    private static RaftPeerId awaitLeader(RaftServer.Division division) {
        long deadline = System.nanoTime() + ELECTION_TIMEOUT.toNanos();
        while (true) {
            RaftPeerId leader = division.getInfo().getLeaderId();
            if (leader != null || System.nanoTime() - deadline >= 0) {
                return leader;
            }
            LockSupport.parkNanos(STEADY_PAUSE_MILLIS * 100_000);
        }
    }

    private ChangeReply forward(Proposals.Replica replica, RaftPeerId leader, ChangeRequest request) {
        RaftPeer peer = replica.division().getRaftConf().getPeer(leader);
        if (peer == null) {
            return refused("the Raft leader is not known here yet; try again");
        }
        try {
            return rpc.change(peer.getAddress(), request, FORWARD_TIMEOUT);
        } catch (StatusRuntimeException | StoreStartException e) {
            return unknown("the Raft leader at " + peer.getAddress()
                    + " did not answer; whether the change happened shows in: matriarchctl raft list-peers");
        }
    }

    private ChangeReply add(Proposals.Replica replica, String address, boolean listening)
            throws InterruptedException, StoreStartException {
        PeerAddress.parse(address);
        RaftServer.Division division = replica.division();
        String group = division.getMemberId().getGroupId().getUuid().toString();
        String peerId = "";
        for (int i = 0; i < STEADY_ANSWERS; i++) {
            if (i > 0) {
                Thread.sleep(STEADY_PAUSE_MILLIS);
            }
            Optional<HelloReply> answer = hello(address);
            if (answer.isEmpty()) {
                return refused("nobody answers for a store at " + address
                        + ". Start the new agent first, with one of the present peers in its raft.partner_addrs: it then"
                        + " waits until it is taken in");
            }
            HelloReply hello = answer.get();
            String id = hello.getMe().getPeerId();
            GroupMembers now = GroupMembers.of(division);
            Optional<RaftPeer> already = now.all().stream()
                    .filter(p -> p.getId().toString().equals(id))
                    .findFirst();
            if (already.isPresent()) {
                return already(hello.getMe(), now.isListener(already.get()), listening);
            }
            Optional<String> unfit = Newcomer.unfit(
                    hello,
                    address,
                    listening,
                    settings.scope(),
                    group,
                    now,
                    replica.stateMachine().state().featureLevel());
            if (unfit.isPresent()) {
                return refused(unfit.get());
            }
            if (!peerId.isEmpty() && !peerId.equals(id)) {
                return refused("the peer at " + address + " changes its identity while it is looked at");
            }
            peerId = id;
        }
        GroupMembers now = GroupMembers.of(division);
        GroupMembers next = now.with(PeerIdentity.newBuilder()
                .setPeerId(peerId)
                .setAddress(address)
                .setListener(listening)
                .build());
        Optional<GroupChange.Failure> failure = change.set(replica, now, next, address);
        return failure.isPresent()
                ? failed(failure.get().why(), failure.get())
                : done("took " + PeerMarker.nameOf(peerId) + " at " + address + " in"
                        + (listening ? " as a listener, without a vote: " : ": ")
                        + voters(next.voters().size()));
    }

    private static ChangeReply already(PeerIdentity peer, boolean isListener, boolean listening) {
        String who = peer.getName() + " at " + peer.getAddress();
        if (isListener == listening) {
            return done(who + (isListener ? " is a listener" : " is a peer") + " of this store already");
        }
        return refused(
                isListener
                        ? who
                                + " is a listener of this store. To give it a vote, remove it, then run it as a witness or a"
                                + " member with an empty raft.data_dir, and take it in again"
                        : who + " has a vote in this store. To make a listener of it, remove it, then run 'matriarch"
                                + " listener FILE' there with an empty raft.data_dir, and take it in again");
    }

    /** A channel that could not connect before fails once more before it tries again. */
    private Optional<HelloReply> hello(String address) throws InterruptedException, StoreStartException {
        for (int attempt = 0; attempt < 3; attempt++) {
            try {
                return Optional.of(rpc.hello(
                        address,
                        HelloRequest.newBuilder()
                                .setFormatVersion(Forming.FORMAT_VERSION)
                                .setScope(settings.scope())
                                .build(),
                        HELLO_TIMEOUT));
            } catch (StatusRuntimeException e) {
                Thread.sleep(STEADY_PAUSE_MILLIS);
            }
        }
        return Optional.empty();
    }

    private ChangeReply remove(Proposals.Replica replica, ChangeRequest request)
            throws InterruptedException, StoreStartException {
        RaftServer.Division division = replica.division();
        GroupMembers members = GroupMembers.of(division);
        List<RaftPeer> now = members.voters();
        List<RaftPeer> meant = meant(members.all(), request.getRemove());
        if (meant.size() != 1) {
            return refused(notOne(members.all(), meant, request.getRemove()));
        }
        RaftPeer target = meant.getFirst();
        String name = nameNow(target);
        if (members.isListener(target)) {
            return takeOut(replica, members, target, name);
        }
        if (now.size() == 1) {
            return refused(name + " is the only peer of the store: removing it would be the end of the store");
        }
        Set<RaftPeerId> healthy = healthy(division);
        long left = healthy.stream().filter(p -> !p.equals(target.getId())).count();
        int after = now.size() - 1;
        if (left < majority(after)) {
            return refused(
                    "removing " + name + " would leave " + after + (after == 1 ? " peer" : " peers") + " of which "
                            + left + " can be reached and " + majority(after)
                            + " are needed: the store would stop. Remove the peers that are gone first, or bring them back");
        }
        Optional<String> leads = replica.stateMachine()
                .state()
                .lease(ClusterCommands.LEADER_LEASE)
                .map(Lease::holder)
                .filter(name::equals);
        if (leads.isPresent() && !request.getForce()) {
            return refused(
                    name + " is the leader of the PostgreSQL cluster: without its peer of the store it can no longer"
                            + " renew its lock, and its PostgreSQL is stopped. Switch over first. --force removes it all the"
                            + " same: writes then stop until another member has taken over");
        }
        long toleratedBefore = healthy.size() - majority(now.size());
        long toleratedAfter = left - majority(after);
        if (toleratedAfter < 1 && toleratedAfter < toleratedBefore && !request.getForce()) {
            return refused("with " + name + " the store survives the loss of " + toleratedBefore
                    + ", without it of none: it would stop as soon as one of the remaining " + after
                    + " is away. Add another peer first. --force removes it all the same");
        }
        if (target.getId().equals(replica.server().getId())) {
            return removeMyself(replica, request, healthy);
        }
        return takeOut(replica, members, target, name);
    }

    private ChangeReply takeOut(Proposals.Replica replica, GroupMembers now, RaftPeer target, String name) {
        GroupMembers next = now.without(target);
        boolean listener = now.isListener(target);
        Optional<GroupChange.Failure> failure = change.set(replica, now, next, target.getAddress());
        return failure.isPresent()
                ? failed(failure.get().why(), failure.get())
                : done("removed " + (listener ? "the listener " : "") + name + " at " + target.getAddress() + ": "
                        + voters(next.voters().size())
                        + ". If its host leaves for good, stop its agent and remove its certificates; an agent that runs"
                        + " waits to be taken in again: matriarchctl raft add-peer " + (listener ? "--listener " : "")
                        + target.getAddress());
    }

    /** A Raft leader that removes itself stops in the middle of it: another one leads first, and does it. */
    private ChangeReply removeMyself(Proposals.Replica replica, ChangeRequest request, Set<RaftPeerId> healthy)
            throws InterruptedException {
        Optional<RaftPeerId> heir = furthest(replica.division(), healthy);
        if (heir.isEmpty()) {
            return refused("no other peer could lead the store");
        }
        Optional<GroupChange.Failure> failure = GroupChange.lead(replica, heir.get());
        if (failure.isPresent()) {
            // Its peers are those they were, whoever leads them.
            return refused(
                    "Raft leadership could not be handed over: " + failure.get().why());
        }
        long deadline = System.nanoTime() + NEW_LEADER_TIMEOUT.toNanos();
        ChangeReply last = refused("the new Raft leader is not known yet");
        while (System.nanoTime() - deadline < 0) {
            RaftPeerId leader = replica.division().getInfo().getLeaderId();
            if (leader != null && !leader.equals(replica.server().getId())) {
                last = forward(replica, leader, request);
                // The new leader hears from its followers one after the other.
                if (last.getDone() || !last.getMessage().contains("can be reached")) {
                    return last;
                }
            }
            Thread.sleep(100);
        }
        return last;
    }

    private ChangeReply lead(Proposals.Replica replica, String whom) {
        RaftServer.Division division = replica.division();
        GroupMembers members = GroupMembers.of(division);
        RaftPeerId heir;
        if (whom.isEmpty()) {
            Optional<RaftPeerId> best = furthest(division, healthy(division));
            if (best.isEmpty()) {
                return refused("no other peer of the store can be reached");
            }
            heir = best.get();
        } else {
            List<RaftPeer> meant = meant(members.all(), whom);
            if (meant.size() != 1) {
                return refused(notOne(members.voters(), meant, whom));
            }
            if (members.isListener(meant.getFirst())) {
                return refused(whom + " is a listener: it has no vote and cannot lead the store");
            }
            heir = meant.getFirst().getId();
        }
        String name = PeerMarker.nameOf(heir.toString());
        if (heir.equals(replica.server().getId())) {
            return done(name + " leads the store already");
        }
        return GroupChange.lead(replica, heir)
                .map(f -> failed("Raft leadership could not be handed over to " + name + ": " + f.why(), f))
                .orElseGet(() -> done(name + " leads the store now; the PostgreSQL leader is not affected"));
    }

    private static Optional<RaftPeerId> furthest(RaftServer.Division division, Set<RaftPeerId> healthy) {
        return StatusReport.peers(division).stream()
                .filter(p -> p.matchIndex().isPresent())
                .filter(p -> healthy.contains(RaftPeerId.valueOf(p.peerId())))
                .max(Comparator.comparingLong(p -> p.matchIndex().getAsLong()))
                .map(p -> RaftPeerId.valueOf(p.peerId()));
    }

    /**
     * The voters that answer now and are not far behind, this peer among them. Each is asked: the time since a peer was
     * last heard is seconds old when a host dies, and a change that counts on a dead peer never ends.
     */
    private Set<RaftPeerId> healthy(RaftServer.Division division) {
        long commit = division.getRaftLog().getLastCommittedIndex();
        String me = division.getId().toString();
        String group = division.getMemberId().getGroupId().getUuid().toString();
        List<RaftStatus.Peer> near = StatusReport.peers(division).stream()
                .filter(p -> !p.peerId().equals(me) && p.matchIndex().orElse(-BEHIND_ENTRIES) > commit - BEHIND_ENTRIES)
                .toList();
        Set<RaftPeerId> healthy = ConcurrentHashMap.newKeySet();
        healthy.add(division.getId());
        List<Thread> asking = near.stream()
                .map(p -> Thread.ofVirtual().name("raft-store-ask").start(() -> {
                    if (answers(p, group)) {
                        healthy.add(RaftPeerId.valueOf(p.peerId()));
                    }
                }))
                .toList();
        try {
            for (Thread one : asking) {
                one.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return Set.copyOf(healthy);
    }

    private boolean answers(RaftStatus.Peer peer, String group) {
        return view(peer.address(), peer.peerId())
                .filter(v -> v.getGroupId().equals(group) && v.getProblem().isEmpty())
                .isPresent();
    }

    /** The lock carries the name that the member has now; a peer id keeps the one that it began with. */
    private String nameNow(RaftPeer peer) {
        String id = peer.getId().toString();
        return view(peer.getAddress(), id)
                .map(v -> v.getMe().getName())
                .filter(n -> !n.isEmpty())
                .orElseGet(() -> PeerMarker.nameOf(id));
    }

    private Optional<ViewReply> view(String address, String peerId) {
        try {
            return Optional.of(rpc.view(
                            address,
                            ViewRequest.newBuilder()
                                    .setFormatVersion(Forming.FORMAT_VERSION)
                                    .setScope(settings.scope())
                                    .build(),
                            HELLO_TIMEOUT))
                    .filter(v -> v.getMe().getPeerId().equals(peerId));
        } catch (StatusRuntimeException | StoreStartException e) {
            return Optional.empty();
        }
    }

    private static List<RaftPeer> meant(Collection<RaftPeer> peers, String text) {
        return peers.stream()
                .filter(p -> p.getId().toString().equals(text)
                        || p.getAddress().equals(text)
                        || PeerMarker.nameOf(p.getId().toString()).equals(text))
                .toList();
    }

    private static String notOne(Collection<RaftPeer> now, List<RaftPeer> meant, String text) {
        String them = (meant.isEmpty() ? now : meant)
                .stream()
                        .map(p -> p.getId() + " (" + p.getAddress() + ")")
                        .sorted()
                        .collect(Collectors.joining(", "));
        return meant.isEmpty()
                ? "no peer of the store is called " + text + "; there are " + them
                : text + " is said of several peers: " + them + ". Name the one that is meant by its id";
    }

    static int majority(int voters) {
        return voters / 2 + 1;
    }

    private static String voters(int count) {
        int tolerated = count - majority(count);
        return count
                + (count == 1 ? " voter" : " voters")
                + ", the store survives the loss of "
                + (tolerated == 0 ? "none" : String.valueOf(tolerated))
                + (count == 2 ? ". Go on to three soon: while there are two, both are needed" : "");
    }

    private static ChangeReply done(String message) {
        return ChangeReply.newBuilder().setDone(true).setMessage(message).build();
    }

    private static ChangeReply failed(String sentence, GroupChange.Failure failure) {
        return failure.unknown() ? unknown(sentence) : refused(sentence);
    }

    private static ChangeReply unknown(String sentence) {
        return ChangeReply.newBuilder().setMessage(sentence).setUnknown(true).build();
    }

    private static ChangeReply refused(String message) {
        return ChangeReply.newBuilder().setMessage(message).build();
    }
}
