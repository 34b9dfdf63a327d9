package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.HelloReply;
import dev.matriarch.proto.store.v1.HelloRequest;
import dev.matriarch.proto.store.v1.JoinReply;
import dev.matriarch.proto.store.v1.JoinRequest;
import dev.matriarch.proto.store.v1.PeerIdentity;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a peer without a group comes into one. Peers that were given the same addresses form a group once every one of
 * them is present and none has a group yet: a peer that is missing could be the one that has the data. A peer whose
 * partners have a group already joins it in place of the peer that used to be at its address.
 */
final class Forming {
    private static final Logger LOG = LoggerFactory.getLogger(Forming.class);
    static final int FORMAT_VERSION = 1;
    private static final Duration HELLO_TIMEOUT = Duration.ofSeconds(1);
    private static final Duration JOIN_TIMEOUT = Duration.ofSeconds(15);
    private static final long PAUSE_MILLIS = 200;
    private static final long JOIN_PAUSE_MILLIS = 1000;

    /** What forming does to the peer. */
    interface Peer {
        PeerMarker marker();

        /** Enters the group with an empty log; {@code members} is empty for a peer that waits to be taken in. */
        void enter(UUID group, List<PeerIdentity> members) throws StoreStartException;

        /** The group has this peer among its members. */
        void settle() throws StoreStartException;

        /** What another peer says of stores that this cluster had before. */
        void learn(List<GivenUp> news);

        /** True once the replica itself has seen that it is a member. */
        boolean isMember();

        /** Nothing more is to be done here: the store closes, or it has to begin anew. */
        boolean isClosed();
    }

    private final RaftStoreSettings settings;
    private final KnownPeers knownPeers;
    private final PeerRpc rpc;
    private final Peer peer;
    private final FeatureLevel level;
    private final Consumer<String> progress;
    private final Map<String, PeerIdentity> heard = new LinkedHashMap<>();
    private Set<String> remembered = Set.of();
    private String lastSentence = "";
    private String sentenceBefore = "";

    Forming(
            RaftStoreSettings settings,
            KnownPeers knownPeers,
            PeerRpc rpc,
            Peer peer,
            FeatureLevel level,
            Consumer<String> progress) {
        this.settings = settings;
        this.knownPeers = knownPeers;
        this.rpc = rpc;
        this.peer = peer;
        this.level = level;
        this.progress = progress;
    }

    /**
     * Returns when this peer is part of a group or the store was closed.
     *
     * @throws StoreStartException if that can never be, with these settings
     */
    void run() throws StoreStartException, InterruptedException {
        if (!peer.marker().settled()) {
            remembered = knownPeers.load();
        }
        while (!peer.isClosed() && !peer.marker().settled()) {
            if (peer.isMember()) {
                // Taken in meanwhile, or stopped between entering and settling: nobody else would say so.
                peer.settle();
                say("this peer is part of the store");
                return;
            }
            List<HelloReply> formed = new ArrayList<>();
            List<HelloReply> waiting = new ArrayList<>();
            Set<String> missing = new LinkedHashSet<>();
            Set<String> partners = partners();
            for (String partner : partners) {
                Optional<HelloReply> reply = hello(partner);
                if (reply.isEmpty()) {
                    missing.add(partner);
                } else if (!reply.get().getGroupId().isEmpty()) {
                    formed.add(reply.get());
                } else if (!reply.get().getWaitingFor().isEmpty()) {
                    waiting.add(reply.get());
                }
            }
            long pause = PAUSE_MILLIS;
            if (!formed.isEmpty()) {
                pause = enterExisting(formed) ? 0 : JOIN_PAUSE_MILLIS;
            } else if (settings.listener()) {
                say("this listener waits for the store: none of " + String.join(", ", partners) + " is part of it, or"
                        + " none answers; a listener forms none");
            } else if (missing.isEmpty() && peer.marker().groupId().isEmpty()) {
                Optional<String> obstacle = listening().or(this::nameInUseTwice).or(() -> bound(waiting));
                if (obstacle.isEmpty()) {
                    form();
                    continue;
                }
                say(obstacle.get());
            } else {
                say(waitingFor(missing, partners.size() + 1));
            }
            if (pause > 0) {
                Thread.sleep(pause);
            }
        }
    }

    private String waitingFor(Set<String> missing, int all) {
        Optional<UUID> group = peer.marker().groupId();
        if (missing.isEmpty() && group.isPresent()) {
            return "waiting to be taken into the store " + group.get() + ", of which "
                    + (heard.isEmpty() ? "no peer is known here" : String.join(", ", heard.keySet()) + " knows nothing")
                    + ": raft.partner_addrs must name one of its peers";
        }
        String sentence = "waiting for " + String.join(", ", missing) + " to form the store (" + (all - missing.size())
                + " of " + all + " present)";
        Set<String> former = new LinkedHashSet<>(missing);
        former.retainAll(remembered);
        settings.partners().forEach(former::remove);
        return former.isEmpty()
                ? sentence
                : sentence + ". By " + knownPeers.file() + " this node was part of a store with "
                        + String.join(", ", former)
                        + ": start them, or, if that store is gone for good, remove the file and start this node again";
    }

    /**
     * Those of the configuration; a peer that was in a group before knows that one's too. Without the ones noted outside
     * the data directory a node that lost that one, and whose configuration names nobody, would form a second store.
     */
    private Set<String> partners() {
        Set<String> all = new LinkedHashSet<>(settings.partners());
        peer.marker().known().stream().map(PeerIdentity::getAddress).forEach(all::add);
        all.addAll(remembered);
        all.remove(settings.selfAddress());
        return all;
    }

    /** Without a vote it is no founder; whether the configuration means this one as well, nobody knows. */
    private Optional<String> listening() {
        return heard.values().stream()
                .filter(PeerIdentity::getListener)
                .findFirst()
                .map(l -> l.getName() + " at " + l.getAddress()
                        + " is a listener, which has no vote: no store is formed"
                        + " with it. Take " + l.getAddress() + " out of raft.partner_addrs here and start this node"
                        + " again; the listener is taken in when the store is there (matriarchctl raft add-peer"
                        + " --listener " + l.getAddress() + ")");
    }

    /** Two agents of one name would take each other's lock for their own. It can be cured while this peer waits. */
    private Optional<String> nameInUseTwice() {
        Map<String, String> addresses = new LinkedHashMap<>();
        addresses.put(settings.name(), settings.selfAddress());
        for (PeerIdentity other : heard.values()) {
            String twin = addresses.put(other.getName(), other.getAddress());
            if (twin != null) {
                return Optional.of("two peers are named '" + other.getName() + "', those at " + twin + " and "
                        + other.getAddress() + ": the store is not formed. Give one of them another name and start "
                        + "it again");
            }
        }
        return Optional.empty();
    }

    /** A peer that waits for another store than the one that would be formed here is no founder of this one. */
    private Optional<String> bound(List<HelloReply> waiting) {
        String mine = group(founders()).toString();
        return waiting.stream()
                .filter(r -> !r.getWaitingFor().equals(mine))
                .findFirst()
                .map(r -> r.getMe().getName() + " at " + r.getMe().getAddress() + " waits to be taken into the store "
                        + r.getWaitingFor() + ": no other store is formed with it. Start the peers of that one and name"
                        + " them in raft.partner_addrs; or, if it is gone for good, move raft.data_dir on "
                        + r.getMe().getName() + " aside and start it again");
    }

    private List<PeerIdentity> founders() {
        List<PeerIdentity> members = new ArrayList<>(heard.values());
        members.add(peer.marker().identity());
        members.sort(Comparator.comparing(PeerIdentity::getPeerId));
        return members;
    }

    private UUID group(List<PeerIdentity> founders) {
        String seed = founders.stream().map(PeerIdentity::getPeerId).collect(Collectors.joining(",")) + "@"
                + settings.scope();
        return UUID.nameUUIDFromBytes(seed.getBytes(StandardCharsets.UTF_8));
    }

    private void form() throws StoreStartException {
        List<PeerIdentity> members = founders();
        if (new HashSet<>(members.stream().map(PeerIdentity::getPeerId).toList()).size() != members.size()) {
            throw new StoreStartException("Two peers of the store have the same identity: a data directory was copied. "
                    + "Nothing was changed. Remove " + settings.dataDir() + " on the copy and start it again.");
        }
        peer.enter(group(members), members);
        peer.settle();
        say("formed the store with " + members.size() + (members.size() == 1 ? " peer" : " peers"));
    }

    /** True if this peer is settled now. */
    private boolean enterExisting(List<HelloReply> formed) throws StoreStartException {
        String me = peer.marker().peerId();
        // A list that this peer stands in may be of another store than the one that it waits for.
        Optional<String> group = peer.marker().groupId().map(UUID::toString);
        List<HelloReply> fitting = formed.stream()
                .filter(r -> group.isEmpty() || group.get().equals(r.getGroupId()))
                .toList();
        for (HelloReply reply : fitting) {
            if (reply.getMembersList().stream().anyMatch(m -> m.getPeerId().equals(me))) {
                if (peer.marker().groupId().isEmpty()) {
                    peer.enter(UUID.fromString(reply.getGroupId()), reply.getMembersList());
                }
                peer.settle();
                say("entered the store that " + reply.getMe().getName() + " has formed");
                return true;
            }
        }
        return join(fitting.isEmpty() ? formed.getFirst() : fitting.getFirst());
    }

    private boolean join(HelloReply host) throws StoreStartException {
        if (peer.isMember()) {
            peer.settle();
            return true;
        }
        if (peer.marker().groupId().isEmpty()) {
            peer.enter(UUID.fromString(host.getGroupId()), List.of());
        }
        if (!peer.marker().groupId().get().toString().equals(host.getGroupId())) {
            say("this peer waits to be taken into the store "
                    + peer.marker().groupId().get() + ", but "
                    + host.getMe().getName() + " is part of " + host.getGroupId() + ": move " + settings.dataDir()
                    + " aside and start again to join that one as a new peer");
            return false;
        }
        say("asking " + host.getMe().getName() + " to take this new peer into the store");
        try {
            JoinReply reply = rpc.join(
                    host.getMe().getAddress(),
                    JoinRequest.newBuilder()
                            .setFormatVersion(FORMAT_VERSION)
                            .setScope(settings.scope())
                            .setMe(peer.marker().identity())
                            .setFeatureLevel(level.known())
                            .build(),
                    JOIN_TIMEOUT);
            if (reply.getAccepted()) {
                peer.settle();
                say("joined the store as a new peer; its data is being copied");
                return true;
            }
            say("cannot join the store yet: " + reply.getRefusal());
        } catch (StatusRuntimeException e) {
            say("cannot join the store yet: " + host.getMe().getAddress() + " did not answer ("
                    + e.getStatus().getCode() + ")");
        }
        return false;
    }

    private Optional<HelloReply> hello(String partner) throws StoreStartException {
        HelloReply reply;
        try {
            reply = rpc.hello(
                    partner,
                    HelloRequest.newBuilder()
                            .setFormatVersion(FORMAT_VERSION)
                            .setScope(settings.scope())
                            .setMe(peer.marker().identity())
                            .build(),
                    HELLO_TIMEOUT);
        } catch (StatusRuntimeException e) {
            LOG.debug("No answer from {}: {}", partner, e.getStatus());
            heard.remove(partner);
            return Optional.empty();
        }
        if (reply.getFormatVersion() != FORMAT_VERSION) {
            throw new StoreStartException("The peer at " + partner + " speaks format " + reply.getFormatVersion()
                    + " of the store's protocol, this version only " + FORMAT_VERSION
                    + ". Nothing was changed. Run versions that fit together.");
        }
        if (!reply.getScope().equals(settings.scope())) {
            throw new StoreStartException("The peer at " + partner + " belongs to the cluster \"" + reply.getScope()
                    + "\", not to \"" + settings.scope() + "\". Nothing was changed. Correct the scope or the raft "
                    + "partner addresses of one of them.");
        }
        if (!reply.getMe().getAddress().equals(partner)) {
            throw new StoreStartException("The peer at " + partner + " says that its own address is "
                    + reply.getMe().getAddress() + ". Nothing was changed. Give raft.self_addr there and "
                    + "raft.partner_addrs here the same form.");
        }
        peer.learn(reply.getGivenUpList());
        heard.put(partner, reply.getMe());
        return Optional.of(reply);
    }

    private void say(String sentence) {
        if (sentence.equals(lastSentence)) {
            return;
        }
        // Asking and being refused take turns, every second for as long as nobody takes this peer in.
        if (!sentence.equals(sentenceBefore)) {
            LOG.info("Store: {}", sentence);
        }
        sentenceBefore = lastSentence;
        lastSentence = sentence;
        progress.accept(sentence);
    }
}
