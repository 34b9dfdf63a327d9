package dev.matriarch.raft;

import dev.matriarch.dcs.Member;
import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.HelloReply;
import dev.matriarch.proto.store.v1.HelloRequest;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.PeerSight;
import dev.matriarch.proto.store.v1.ReformPlan;
import dev.matriarch.proto.store.v1.ReformReply;
import dev.matriarch.proto.store.v1.ReformRequest;
import dev.matriarch.proto.store.v1.ServerNote;
import dev.matriarch.proto.store.v1.SurveyReply;
import dev.matriarch.proto.store.v1.SurveyRequest;
import dev.matriarch.proto.store.v1.ViewReply;
import dev.matriarch.raft.state.SavedStore;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A store in place of one that lost its majority for good: what the survivors have left, the order to begin a new one, and
 * the word to all who belonged to the old one, which they hear when they start and for as long as they live. Any thread.
 */
final class Succession {
    private static final Logger LOG = LoggerFactory.getLogger(Succession.class);
    private static final Duration SURVEY_TIMEOUT = Duration.ofSeconds(3);
    private static final Duration VIEW_TIMEOUT = Duration.ofMillis(1500);
    private static final Duration REFORM_TIMEOUT = Duration.ofSeconds(20);
    private static final Duration HERALD_TIMEOUT = Duration.ofSeconds(1);
    private static final Duration NEWS_TIMEOUT = Duration.ofMillis(700);
    /** Until the network of a host that has just started is up. */
    private static final Duration NEWS_PATIENCE = Duration.ofSeconds(5);

    private static final long NEWS_PAUSE_MILLIS = 100;
    private static final int KNOCK_MILLIS = 700;
    /** Longer than a preview takes; a process that was stopped in between looks again. */
    private static final Duration PREVIEW_HOLDS = Duration.ofSeconds(30);

    /** The store, to which this class gives orders; both methods return at once. */
    interface Orders {
        /** The store that this peer belongs to was given up. */
        void giveUp(GivenUp givenUp);

        /** The plan is on the disk: it is to be carried out. */
        void reform(ReformPlan plan);

        /** Another store took the place of the same old one, and this one is to end. */
        void stop(String why);
    }

    private final RaftStoreSettings settings;
    private final PeerRpc rpc;
    private final Supplier<ReplicaHost> host;
    private final Supplier<ViewReply> view;
    private final Orders orders;
    private final ReentrantLock one = new ReentrantLock();
    private volatile Supplier<Optional<ServerNote>> server = Optional::empty;
    private volatile List<GivenUp> planned = List.of();
    private volatile long oldOneSeen = System.nanoTime();

    Succession(
            RaftStoreSettings settings,
            PeerRpc rpc,
            Supplier<ReplicaHost> host,
            Supplier<ViewReply> view,
            Orders orders) {
        this.settings = settings;
        this.rpc = rpc;
        this.host = host;
        this.view = view;
        this.orders = orders;
    }

    /** @param note says how the PostgreSQL beside this peer is; may take a second */
    void server(Supplier<Optional<ServerNote>> note) {
        server = note;
    }

    /** A store that is about to be formed says from its beginning which one it replaces. */
    void planned(Optional<ReformPlan> plan) {
        planned = plan.map(Reforming::givenUp).map(List::of).orElse(List.of());
    }

    /** The stores that this peer's one has replaced; nobody may act by them. */
    List<GivenUp> givenUp() {
        List<GivenUp> all = new ArrayList<>(planned);
        ReplicaHost mine = host.get();
        if (mine.marker().settled()) {
            mine.replica()
                    .ifPresent(
                            r -> all.addAll(Reforming.givenUp(r.stateMachine().state())));
        }
        return all;
    }

    /** Somebody says that these stores were given up; this peer may belong to one of them. */
    void learn(List<GivenUp> news) {
        if (!news.isEmpty()) {
            about(host.get().marker(), news).ifPresent(orders::giveUp);
        }
    }

    private static Optional<GivenUp> about(PeerMarker me, List<GivenUp> news) {
        return me.groupId().map(UUID::toString).flatMap(g -> Reforming.about(g, news));
    }

    /**
     * Asks those whom a peer knows what became of its store, before it takes part in it: each one until it has answered or
     * refused the connection. Takes less than a second if they do, six if somebody is silent.
     */
    Optional<GivenUp> news(PeerMarker me) {
        List<GivenUp> news = new CopyOnWriteArrayList<>();
        AtomicLong end = new AtomicLong(System.nanoTime() + NEWS_PATIENCE.toNanos());
        List<Thread> asking = Stream.concat(
                        me.known().stream().map(PeerIdentity::getAddress), settings.partners().stream())
                .filter(a -> !a.equals(settings.selfAddress()))
                .distinct()
                .map(a -> Thread.ofVirtual().name("raft-store-news").start(() -> ask(a, me, news, end)))
                .toList();
        try {
            for (Thread one : asking) {
                one.join(NEWS_TIMEOUT.plusMillis(200).plusNanos(Math.max(0, end.get() - System.nanoTime())));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return about(me, news);
    }

    private void ask(String address, PeerMarker me, List<GivenUp> news, AtomicLong end) {
        while (about(me, news).isEmpty()) {
            try {
                HelloReply reply = rpc.hello(address, question(List.of()), NEWS_TIMEOUT);
                if (reply.getScope().equals(settings.scope())) {
                    news.addAll(reply.getGivenUpList());
                    if (isLed(address, reply, me)) {
                        end.set(System.nanoTime());
                    }
                }
                return;
            } catch (StatusRuntimeException e) {
                if (System.nanoTime() - end.get() >= 0 || !isSilent(e)) {
                    return;
                }
            } catch (StoreStartException e) {
                return;
            }
            try {
                Thread.sleep(NEWS_PAUSE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    /** The store that this peer belongs to has a leader: its majority is there, and nobody who is silent needs to be awaited. */
    private boolean isLed(String address, HelloReply reply, PeerMarker me) {
        String mine = me.groupId().map(UUID::toString).orElse("");
        return reply.getGroupId().equals(mine)
                && view(address, 1).filter(RecoveryPlan::hearsALeader).isPresent();
    }

    /** Neither an answer nor a refusal: nobody listens there, or no packet comes through. */
    private static boolean isSilent(StatusRuntimeException e) {
        if (e.getStatus().getCode() == Status.Code.DEADLINE_EXCEEDED) {
            return true;
        }
        Throwable cause = e;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return e.getStatus().getCode() == Status.Code.UNAVAILABLE
                && !String.valueOf(cause.getMessage()).contains("refused");
    }

    /** When somebody last answered who is still part of the store that is to be replaced, by {@link System#nanoTime()}. */
    long oldOneSeen() {
        return oldOneSeen;
    }

    private void heraldTo(String address, List<GivenUp> givenUp) {
        Optional<HelloReply> reply = hello(address, HERALD_TIMEOUT, givenUp);
        if (reply.isEmpty()) {
            return;
        }
        if (planned.stream().anyMatch(g -> g.getGroupId().equals(reply.get().getGroupId()))) {
            oldOneSeen = System.nanoTime();
        }
        learn(reply.get().getGivenUpList());
        compare(reply.get());
    }

    /** Two survivors that did not see each other may each have formed a store. */
    private void compare(HelloReply other) {
        PeerMarker me = host.get().marker();
        String mine = me.groupId().map(UUID::toString).orElse("");
        boolean there = !other.getGroupId().isEmpty();
        String theirs = there ? other.getGroupId() : other.getWaitingFor();
        Optional<String> twice = Reforming.givenUpTwice(givenUp(), other.getGivenUpList());
        if (twice.isEmpty() || mine.isEmpty() || theirs.isEmpty() || mine.equals(theirs)) {
            return;
        }
        int members = host.get()
                .replica()
                .map(r -> Admission.members(r.division()).size())
                .orElse(0);
        boolean yields = Reforming.yields(
                new Reforming.Rival(me.settled(), me.settled() ? members : 0, mine),
                new Reforming.Rival(there, there ? other.getMembersCount() : 0, theirs));
        String what =
                "The store " + twice.get() + " was given up twice: for " + mine + ", which this node is part of, and"
                        + " for " + theirs + " on " + other.getMe().getName() + " at "
                        + other.getMe().getAddress() + ". ";
        if (!yields) {
            LOG.error("{}This one goes on, the other one stops.", what);
        } else if (me.settled()) {
            orders.stop(what + "This one is stopped: nobody leads by it. Save what its servers wrote, move "
                    + settings.dataDir()
                    + " aside on each of its nodes and start them again: they join the other one.");
        } else {
            LOG.error("{}This one is not there yet and is given up.", what);
            orders.giveUp(
                    GivenUp.newBuilder().setGroupId(mine).setSuccessor(theirs).build());
        }
    }

    /** A majority of the store that is to be given up takes part in it, or one of them hears its Raft leader. */
    boolean isBack(ReformPlan plan) {
        long end = System.nanoTime() + NEWS_PATIENCE.toNanos();
        while (!answersNow(plan)) {
            if (System.nanoTime() - end >= 0) {
                return false;
            }
            try {
                Thread.sleep(NEWS_TIMEOUT);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
        return true;
    }

    private boolean answersNow(ReformPlan plan) {
        List<ViewReply> views = plan.getMembersList().stream()
                .filter(m -> !m.getAddress().equals(settings.selfAddress()))
                .map(m -> CompletableFuture.supplyAsync(() -> view(m.getAddress(), 2), Thread::startVirtualThread))
                .toList()
                .stream()
                .map(CompletableFuture::join)
                .flatMap(Optional::stream)
                .filter(v -> v.getGroupId().equals(plan.getGivenUp()))
                .toList();
        return views.size() >= Membership.majority(plan.getMembersCount())
                || views.stream().anyMatch(RecoveryPlan::hearsALeader);
    }

    /** Tells all who belonged to a store that was given up, dead or not, unless they are part of this one. */
    void herald() {
        List<GivenUp> givenUp = givenUp();
        if (givenUp.isEmpty()) {
            return;
        }
        Set<String> members = host.get().replica().stream()
                .flatMap(r -> Admission.members(r.division()).stream())
                .map(PeerIdentity::getAddress)
                .collect(Collectors.toSet());
        givenUp.stream()
                .flatMap(g -> g.getMembersList().stream())
                .map(PeerIdentity::getAddress)
                .distinct()
                .filter(a -> !members.contains(a) && !a.equals(settings.selfAddress()))
                .forEach(a -> Thread.ofVirtual().name("raft-store-herald-" + a).start(() -> heraldTo(a, givenUp)));
    }

    private Optional<HelloReply> hello(String address, Duration timeout, List<GivenUp> givenUp) {
        try {
            return Optional.of(rpc.hello(address, question(givenUp), timeout))
                    .filter(r -> r.getScope().equals(settings.scope()));
        } catch (StatusRuntimeException | StoreStartException e) {
            return Optional.empty();
        }
    }

    private HelloRequest question(List<GivenUp> givenUp) {
        return HelloRequest.newBuilder()
                .setFormatVersion(Forming.FORMAT_VERSION)
                .setScope(settings.scope())
                .addAllGivenUp(givenUp)
                .build();
    }

    /** What this peer has left. May take a second. */
    SurveyReply survey() {
        SurveyReply.Builder reply = SurveyReply.newBuilder().setView(view.get());
        ReplicaHost mine = host.get();
        Optional<Proposals.Replica> replica = mine.replica();
        if (mine.marker().settled()
                && replica.isPresent()
                && reply.getView().getProblem().isEmpty()) {
            try {
                LastKnown known = LastKnown.of(replica.get());
                String group = mine.marker().groupId().map(UUID::toString).orElse("");
                SavedStore saved = new SavedStore(settings.scope(), group, System.currentTimeMillis(), known.state());
                reply.setSaved(com.google.protobuf.ByteString.copyFrom(saved.bytes()))
                        .setLastTerm(known.last().getTerm())
                        .setLastIndex(known.last().getIndex());
            } catch (IOException | RuntimeException e) {
                LOG.warn("What this peer holds of the store could not be read: {}", e.toString());
            }
        }
        try {
            server.get().ifPresent(reply::setServer);
        } catch (RuntimeException e) {
            LOG.warn("The state of PostgreSQL could not be read", e);
        }
        return reply.build();
    }

    /** Asks everybody. Takes six seconds at most. */
    Recovery preview() {
        SurveyReply own = survey();
        Set<String> addresses = new LinkedHashSet<>();
        own.getView().getPeersList().stream()
                .map(PeerSight::getPeer)
                .map(PeerIdentity::getAddress)
                .forEach(addresses::add);
        addresses.addAll(settings.partners());
        Map<String, RecoveryPlan.Heard> heard = new LinkedHashMap<>();
        heard.put(settings.selfAddress(), new RecoveryPlan.Heard(Optional.of(own.getView()), Optional.of(own)));
        for (int round = 0; round < 2; round++) {
            Map<String, CompletableFuture<RecoveryPlan.Heard>> asked = new LinkedHashMap<>();
            addresses.stream()
                    .filter(a -> !heard.containsKey(a))
                    .forEach(
                            a -> asked.put(a, CompletableFuture.supplyAsync(() -> ask(a), Thread::startVirtualThread)));
            asked.forEach((address, answer) -> heard.put(address, answer.join()));
            heard.values().stream()
                    .flatMap(h -> h.view().stream())
                    .flatMap(v -> v.getPeersList().stream())
                    .forEach(p -> addresses.add(p.getPeer().getAddress()));
        }
        return RecoveryPlan.of(settings.scope(), own, heard, alive(own, heard));
    }

    private RecoveryPlan.Heard ask(String address) {
        try {
            SurveyReply reply = rpc.survey(
                    address,
                    SurveyRequest.newBuilder()
                            .setFormatVersion(Forming.FORMAT_VERSION)
                            .setScope(settings.scope())
                            .build(),
                    SURVEY_TIMEOUT);
            return reply.getView().getScope().equals(settings.scope())
                    ? new RecoveryPlan.Heard(Optional.of(reply.getView()), Optional.of(reply))
                    : RecoveryPlan.Heard.NOTHING;
        } catch (StatusRuntimeException e) {
            boolean refused = e.getStatus().getCode() == Status.Code.UNAVAILABLE;
            // A channel that could not connect before fails once more: ask in another way.
            return new RecoveryPlan.Heard(view(address, refused ? 2 : 1), Optional.empty());
        } catch (StoreStartException e) {
            return RecoveryPlan.Heard.NOTHING;
        }
    }

    private Optional<ViewReply> view(String address, int attempts) {
        for (int i = 0; i < attempts; i++) {
            try {
                return Optional.of(rpc.view(
                                address,
                                dev.matriarch.proto.store.v1.ViewRequest.newBuilder()
                                        .setFormatVersion(Forming.FORMAT_VERSION)
                                        .setScope(settings.scope())
                                        .build(),
                                VIEW_TIMEOUT))
                        .filter(v -> v.getScope().equals(settings.scope()));
            } catch (StatusRuntimeException | StoreStartException e) {
                LOG.debug("No answer from {}", address, e);
            }
        }
        return Optional.empty();
    }

    /** Knocks at the doors of members whose peers do not answer: an agent without its store, or a server that goes on. */
    private Map<String, String> alive(SurveyReply own, Map<String, RecoveryPlan.Heard> heard) {
        Map<String, String> alive = new ConcurrentHashMap<>();
        List<Thread> knocking = new ArrayList<>();
        Set<String> silent = own.getView().getPeersList().stream()
                .map(PeerSight::getPeer)
                .filter(p -> heard.getOrDefault(p.getAddress(), RecoveryPlan.Heard.NOTHING)
                        .view()
                        .isEmpty())
                .map(p -> PeerMarker.nameOf(p.getPeerId()))
                .collect(Collectors.toSet());
        try {
            if (own.getSaved().isEmpty()) {
                return Map.of();
            }
            SavedStore saved = SavedStore.read(own.getSaved().toByteArray());
            for (Member member : new ClusterViews().of(saved.state()).members()) {
                if (silent.contains(member.name())) {
                    knocking.add(Thread.ofVirtual().name("raft-store-knock").start(() -> {
                        if (opens(member.rpcAddress())) {
                            alive.put(member.name(), "its agent at " + member.rpcAddress() + " does");
                        } else if (opens(authority(member.connUrl()))) {
                            alive.put(
                                    member.name(),
                                    "its PostgreSQL at " + authority(member.connUrl()) + " takes connections");
                        }
                    }));
                }
            }
            for (Thread one : knocking) {
                one.join(Duration.ofMillis(4 * KNOCK_MILLIS));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (dev.matriarch.raft.state.SnapshotFormat.UnreadableSnapshot e) {
            LOG.warn("This peer's own copy of the store {}", e.getMessage());
        }
        return new TreeMap<>(alive);
    }

    private static String authority(String url) {
        try {
            URI uri = URI.create(url.split(",", 2)[0]);
            return uri.getHost() == null ? "" : uri.getHost() + ":" + (uri.getPort() < 0 ? 5432 : uri.getPort());
        } catch (IllegalArgumentException e) {
            return "";
        }
    }

    private static boolean opens(String address) {
        if (address.isEmpty()) {
            return false;
        }
        try (Socket socket = new Socket()) {
            socket.connect(PeerAddress.parse(address).socketAddress(), KNOCK_MILLIS);
            return true;
        } catch (IOException | StoreStartException | IllegalArgumentException e) {
            return false;
        }
    }

    /**
     * Gives the old store up, if what is found is what a person has agreed to. Takes half a minute at most; the new store
     * comes into being afterwards.
     */
    StoreGroup.Result recover(String group, Set<String> survivors, Set<String> dead, boolean lossless, long wait) {
        Recovery found = preview();
        Optional<String> no = differs(found, group, survivors, dead);
        if (no.isPresent()) {
            return new StoreGroup.Result(false, no.get());
        }
        if (lossless && !found.lossless()) {
            return new StoreGroup.Result(
                    false, "more may be lost than was agreed to; nothing was changed. Look at the preview again");
        }
        ReformRequest request = ReformRequest.newBuilder()
                .setFormatVersion(Forming.FORMAT_VERSION)
                .setScope(settings.scope())
                .setGroupId(group)
                .addAllSurvivors(survivors)
                .addAllDead(dead)
                .addAllSafe(found.safe())
                .setWaitMillis(Math.max(wait, found.waitMillis()))
                .build();
        Recovery.Survivor founder = found.founder().orElseThrow();
        ReformReply reply;
        try {
            reply = founder.address().equals(settings.selfAddress())
                    ? reform(request)
                    : rpc.reform(founder.address(), request, REFORM_TIMEOUT);
        } catch (StatusRuntimeException | StoreStartException e) {
            return StoreGroup.Result.unknown(
                    founder.name() + " did not answer; whether it has begun shows in: matriarchctl raft list-peers");
        }
        return new StoreGroup.Result(reply.getDone(), reply.getMessage());
    }

    private static Optional<String> differs(Recovery found, String group, Set<String> survivors, Set<String> dead) {
        if (found.refused()) {
            return Optional.of(String.join("; ", found.refusals()));
        }
        Set<String> now =
                found.survivors().stream().map(Recovery.Survivor::peerId).collect(Collectors.toSet());
        Set<String> gone = found.dead().stream().map(Recovery.Dead::peerId).collect(Collectors.toSet());
        return found.groupId().equals(group) && now.equals(survivors) && gone.equals(dead)
                ? Optional.empty()
                : Optional.of(
                        "others answer now than in the preview (" + String.join(", ", new java.util.TreeSet<>(now))
                                + "); nothing was changed. Look at the preview again");
    }

    /** On the survivor whose copy is the newest. */
    ReformReply reform(ReformRequest request) {
        if (!request.getScope().equals(settings.scope())) {
            return refused("this store belongs to the cluster \"" + settings.scope() + "\"");
        }
        if (!one.tryLock()) {
            return refused("it is under way already");
        }
        try {
            long begun = System.nanoTime();
            Recovery found = preview();
            Optional<String> no = differs(
                    found,
                    request.getGroupId(),
                    Set.copyOf(request.getSurvivorsList()),
                    Set.copyOf(request.getDeadList()));
            PeerMarker me = host.get().marker();
            if (no.isPresent()) {
                return refused(no.get());
            }
            if (!found.founder().orElseThrow().peerId().equals(me.peerId())
                    || !found.safe().equals(request.getSafeList())) {
                return refused("the survivors have changed in the meantime; nothing was changed. Try again");
            }
            Proposals.Replica replica =
                    host.get().replica().orElseThrow(() -> new IOException("its own peer has just stopped"));
            long wait = Math.max(request.getWaitMillis(), found.waitMillis());
            ReformPlan plan = plan(me, found, replica, wait);
            if (System.nanoTime() - begun > PREVIEW_HOLDS.toNanos()) {
                return refused("this peer was held up after it had looked; nothing was changed. Try again");
            }
            Reforming.save(settings.dataDir(), plan);
            orders.reform(plan);
            return ReformReply.newBuilder()
                    .setDone(true)
                    .setMessage(me.name() + " forms the store " + plan.getGroupId() + " in place of "
                            + plan.getGivenUp() + ". Nobody may lead for " + (wait + 999) / 1000
                            + " s: until then a lease of the old leader has ended")
                    .build();
        } catch (IOException | RuntimeException e) {
            return refused("the new store could not be begun: " + e);
        } finally {
            one.unlock();
        }
    }

    private ReformPlan plan(PeerMarker me, Recovery found, Proposals.Replica replica, long wait) throws IOException {
        PeerMarker fresh = PeerMarker.fresh(settings);
        GivenUp old = GivenUp.newBuilder()
                .setGroupId(found.groupId())
                .setSuccessor(UUID.randomUUID().toString())
                .addAllMembers(Admission.members(replica.division()))
                .build();
        return ReformPlan.newBuilder()
                .setGivenUp(old.getGroupId())
                .setGroupId(old.getSuccessor())
                .setMe(fresh.identity())
                .addAllMembers(old.getMembersList())
                .addAllAdmit(found.survivors().stream()
                        .filter(s -> !s.peerId().equals(me.peerId()))
                        .map(Recovery.Survivor::address)
                        .toList())
                .setWaitMillis(wait)
                .setSeed(Reforming.seed(
                                LastKnown.of(replica).state(),
                                old,
                                found.survivors().stream()
                                        .filter(s -> s.server().isPresent())
                                        .map(Recovery.Survivor::name)
                                        .toList(),
                                found.mayLead(),
                                System.currentTimeMillis())
                        .toByteString())
                .build();
    }

    private static ReformReply refused(String why) {
        return ReformReply.newBuilder().setMessage(why).build();
    }
}
