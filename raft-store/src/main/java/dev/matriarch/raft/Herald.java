package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.HelloReply;
import dev.matriarch.proto.store.v1.HelloRequest;
import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.ReformPlan;
import dev.matriarch.proto.store.v1.ViewReply;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The word that a store was given up: asked for before this peer takes part in its own, and brought to all who belonged
 * to the old one for as long as this peer lives. Any thread.
 */
final class Herald {
    private static final Logger LOG = LoggerFactory.getLogger(Herald.class);
    private static final long PAUSE_MILLIS = 2000;
    private static final Duration HERALD_TIMEOUT = Duration.ofSeconds(1);
    private static final Duration NEWS_TIMEOUT = Duration.ofMillis(700);
    /** Until the network of a host that has just started is up. */
    private static final Duration NEWS_PATIENCE = Duration.ofSeconds(5);

    private static final long NEWS_PAUSE_MILLIS = 100;

    private final RaftStoreSettings settings;
    private final PeerRpc rpc;
    private final Supplier<ReplicaHost> host;
    private final Survey survey;
    private final Supersession supersession;
    private volatile List<GivenUp> planned = List.of();
    private volatile long oldOneSeen = System.nanoTime();

    Herald(
            RaftStoreSettings settings,
            PeerRpc rpc,
            Supplier<ReplicaHost> host,
            Survey survey,
            Supersession supersession) {
        this.settings = settings;
        this.rpc = rpc;
        this.host = host;
        this.survey = survey;
        this.supersession = supersession;
    }

    /** Tells them every two seconds, on a thread of its own, until the store is closed. */
    void start(BooleanSupplier closed) {
        Thread.ofVirtual().name("raft-store-herald").start(() -> {
            try {
                while (!closed.getAsBoolean()) {
                    tell();
                    Thread.sleep(PAUSE_MILLIS);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    /** Tells them once. Returns at once. */
    void tell() {
        try {
            herald();
        } catch (RuntimeException e) {
            LOG.warn("The members of a store that was given up could not be told this time", e);
        }
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
            about(host.get().marker(), news).ifPresent(supersession::giveUp);
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
                && survey.view(address, 1).filter(RecoveryPlan::hearsALeader).isPresent();
    }

    /** Neither an answer nor a refusal: nobody listens there, or no packet comes through. */
    static boolean isSilent(StatusRuntimeException e) {
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
                .map(r -> GroupMembers.of(r.division()).voters().size())
                .orElse(0);
        boolean yields = Reforming.yields(
                new Reforming.Rival(me.settled(), me.settled() ? members : 0, mine),
                new Reforming.Rival(there, there ? voters(other.getMembersList()) : 0, theirs));
        String what =
                "The store " + twice.get() + " was given up twice: for " + mine + ", which this node is part of, and"
                        + " for " + theirs + " on " + other.getMe().getName() + " at "
                        + other.getMe().getAddress() + ". ";
        if (!yields) {
            LOG.error("{}This one goes on, the other one stops.", what);
        } else if (me.settled()) {
            supersession.stop(what + "This one is stopped: nobody leads by it. Save what its servers wrote, move "
                    + settings.dataDir()
                    + " aside on each of its nodes and start them again: they join the other one.");
        } else {
            LOG.error("{}This one is not there yet and is given up.", what);
            supersession.giveUp(
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
                .map(m ->
                        CompletableFuture.supplyAsync(() -> survey.view(m.getAddress(), 2), Thread::startVirtualThread))
                .toList()
                .stream()
                .map(CompletableFuture::join)
                .flatMap(Optional::stream)
                .filter(v -> v.getGroupId().equals(plan.getGivenUp()))
                .toList();
        long back = views.stream().filter(v -> !v.getMe().getListener()).count();
        return back >= Membership.majority(voters(plan.getMembersList()))
                || views.stream().anyMatch(RecoveryPlan::hearsALeader);
    }

    private static int voters(List<PeerIdentity> members) {
        return (int) members.stream().filter(m -> !m.getListener()).count();
    }

    /** Tells all who belonged to a store that was given up, dead or not, unless they are part of this one. */
    private void herald() {
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
}
