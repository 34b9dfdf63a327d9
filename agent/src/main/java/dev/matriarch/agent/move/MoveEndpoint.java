package dev.matriarch.agent.move;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.DynamicConfigFile;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.RaftConfig;
import dev.matriarch.agent.config.StorePin;
import dev.matriarch.agent.rpc.AsksTheAgent;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.MovedAway;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.proto.control.v1.GetPlaceRequest;
import dev.matriarch.proto.control.v1.MarkStoreRequest;
import dev.matriarch.proto.control.v1.MemberAddress;
import dev.matriarch.proto.control.v1.MoveReply;
import dev.matriarch.proto.control.v1.MoveServiceGrpc;
import dev.matriarch.proto.control.v1.Place;
import dev.matriarch.proto.control.v1.PrepareStoreRequest;
import dev.matriarch.proto.control.v1.UseStoreRequest;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What is asked when a cluster moves to another store. Calls run on the door's virtual threads and end within half a minute. */
public final class MoveEndpoint extends MoveServiceGrpc.MoveServiceImplBase implements AsksTheAgent {
    private static final Logger LOG = LoggerFactory.getLogger(MoveEndpoint.class);
    private static final Duration READ = Duration.ofSeconds(2);
    private static final Duration WRITE = Duration.ofSeconds(5);
    private static final Duration COPY = Duration.ofSeconds(3);

    private final ConfigSource source;
    private final Moves moves;
    private final Opener opener;
    private final MoveNote note;
    private volatile LocalAgent agent;
    private volatile Runnable leave = () -> {};

    /** Makes connections to a store of others, with a configuration that names it. */
    public interface Opener {
        /** @throws IOException if its files cannot be used */
        Dcs open(AgentConfig config) throws IOException;
    }

    /** What a request is refused with. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1;

        Refused(String why) {
            super(why);
        }
    }

    private interface Work {
        void run() throws Refused, DcsException, IOException;
    }

    /** @param pin as it stands in {@code state_dir} */
    public MoveEndpoint(ConfigSource source, Moves moves, StorePin pin, Opener opener) {
        this.source = source;
        this.moves = moves;
        this.note = new MoveNote(source, pin);
        this.opener = opener;
    }

    @Override
    public void agent(LocalAgent known) {
        agent = known;
    }

    /** @param leave ends the agent as soon as nothing is under way; PostgreSQL stays */
    public void leaving(Runnable leave) {
        this.leave = leave;
    }

    /** The store of this life of the agent, with what has to be noted before somebody leads by it. */
    public Dcs guard(Dcs store) {
        return note.pin().settled() ? store : new NotedLead(store, () -> note.beforeTheLock(agent));
    }

    private AgentConfig config() {
        return source.current().config();
    }

    /** After each heartbeat; returns at once. */
    public void beat() {
        note.beat(agent);
    }

    /** Said by the store and heard, and so that the next life of this agent begins with it. */
    private boolean isPausedForGood() {
        return agent.dynamicConfig().paused() && isCopyPaused();
    }

    /** Empty: the store has no configuration. */
    private static Optional<Boolean> isPaused(ClusterView view) {
        return view.config()
                .map(Versioned::value)
                .filter(json -> !json.isBlank())
                .map(json -> DynamicConfigJson.parse(json).paused());
    }

    @Override
    public void getPlace(GetPlaceRequest request, StreamObserver<Place> reply) {
        if (!request.getScope().isEmpty() && !isOurs(request.getScope(), reply)) {
            return;
        }
        Optional<ClusterView> read = read();
        ClusterView view = read.or(() -> agent.view()).orElseGet(ClusterView::empty);
        DynamicConfig dynamic = agent.dynamicConfig();
        Optional<MovedAway> away = MovedAway.of(view);
        StorePin noted = note.pin();
        Place.Builder place = Place.newBuilder()
                .setScope(agent.scope())
                .setName(agent.name())
                .setVersion(agent.version())
                .setStore(config().store().section())
                .setMovingFrom(noted.settled() ? "" : noted.from())
                .setSystemIdentifier(agent.postgres().systemIdentifier().orElse(""))
                .setPaused(isPausedForGood())
                .setLeads(agent.holdsLease() && agent.postgres().isPrimary())
                .setPrimary(agent.postgres().isPrimary())
                .setSeen(read.isPresent())
                .setLeader(view.leader().map(Leader::name).orElse(""))
                .setInitialize(view.initialize().map(Versioned::value).orElse(""))
                .setMovedTo(away.map(MovedAway::to).orElse(""))
                .setConfigThere(view.config().isPresent())
                .setMayOpen(note.mayOpen())
                .setPausedThere(isPaused(view).orElse(false))
                .setSyncThere(dynamic.synchronousMode() == DynamicConfig.SynchronousMode.OFF
                        || view.sync()
                                .map(s -> view.leader()
                                        .map(Leader::name)
                                        .equals(Optional.of(s.value().leader())))
                                .orElse(false))
                .setPendingSwitchover(
                        view.pendingFailover().map(f -> words(f.value())).orElse(""))
                .setResume(noted.resume() || away.filter(MovedAway::resume).isPresent())
                .setProblem(moves.problem());
        view.members().forEach(m -> place.addMembers(address(m.name(), m.rpcAddress())));
        noted.members().forEach((name, address) -> place.addTakingPart(address(name, address)));
        if (request.getExamine()) {
            place.addAllObstacles(new Obstacles(source, agent, opener).of(request.getTarget()));
            raft(request.getTarget(), place);
        }
        reply.onNext(place.build());
        reply.onCompleted();
    }

    private static MemberAddress address(String name, String rpcAddress) {
        return MemberAddress.newBuilder()
                .setName(name)
                .setRpcAddress(rpcAddress)
                .build();
    }

    private static String words(FailoverRequest request) {
        return (request.isSwitchover() ? "a switchover" : "a failover")
                + request.candidate().map(c -> " to " + c).orElse("")
                + request.scheduledAt().map(at -> " at " + at).orElse("");
    }

    private void raft(String target, Place.Builder place) {
        try {
            if (target.equals("raft") && source.with(target).store() instanceof RaftConfig raft) {
                place.setRaftSelf(raft.selfAddress().toString());
                raft.partners().forEach(p -> place.addRaftPartners(p.toString()));
                Obstacles.answering(raft).stream().map(HostPort::toString).forEach(place::addRaftAnswering);
            }
        } catch (ConfigProblems named) {
            // Each of them is among the obstacles.
            return;
        }
    }

    private Optional<ClusterView> read() {
        try {
            return Optional.of(agent.dcs().read(READ));
        } catch (DcsException e) {
            return Optional.empty();
        }
    }

    @Override
    public void prepareStore(PrepareStoreRequest request, StreamObserver<MoveReply> reply) {
        answer(request.getScope(), reply, () -> {
            ClusterView view = agent.dcs().read(WRITE);
            String system = own();
            if (!agent.holdsLease() || !agent.postgres().isPrimary()) {
                throw new Refused(agent.name() + " does not lead");
            }
            if (!agent.dynamicConfig().paused() || view.config().isEmpty()) {
                throw new Refused("the cluster is not paused");
            }
            try (Dcs store = opener.open(with(request.getStore()))) {
                MovedAway closed = new MovedAway(config().store().section(), false);
                new OtherStore(store)
                        .prepare(
                                agent.name(),
                                system,
                                closed,
                                view.config().get().value(),
                                view.history());
            }
            LOG.info("The store {} is prepared for this cluster (matriarchctl migrate)", request.getStore());
        });
    }

    private String own() throws Refused {
        return agent.postgres()
                .systemIdentifier()
                .orElseThrow(() -> new Refused("whose data " + agent.name() + " has cannot be read"));
    }

    private AgentConfig with(String store) throws Refused {
        try {
            return source.with(store);
        } catch (ConfigProblems problems) {
            throw new Refused(problems.getMessage());
        }
    }

    @Override
    public void markStore(MarkStoreRequest request, StreamObserver<MoveReply> reply) {
        answer(request.getScope(), reply, () -> {
            ClusterView view = agent.dcs().read(WRITE);
            String system = own();
            String wanted =
                    request.getTo().isEmpty() ? system : new MovedAway(request.getTo(), request.getResume()).text();
            String there = view.initialize().map(Versioned::value).orElse("");
            if (there.equals(wanted)) {
                return;
            }
            // Who goes back closes the store that it has come to: if that is the built-in one, it knows no cluster
            // before
            // somebody leads.
            boolean opens = request.getTo().isEmpty();
            boolean backs = !opens && !note.pin().settled();
            boolean ours = there.equals(system)
                    || MovedAway.of(there).isPresent()
                    || backs && view.initialize().isEmpty();
            if (!ours) {
                throw new Refused("the store holds the keys of another cluster (initialize: \"" + there + "\")");
            }
            if (opens && !note.mayOpen()) {
                throw new Refused(
                        agent.name() + " has found this store closed and is not noted to take part in a move: the"
                                + " cluster may be led elsewhere");
            }
            if (view.leader().isPresent() && !agent.holdsLease()) {
                throw new Refused(view.leader().get().name() + " leads");
            }
            // Who has just been told otherwise may not have heard it yet; in a closed store nobody hears it.
            boolean heard = agent.dynamicConfig().paused();
            boolean paused = opens
                    ? isPaused(view).orElse(heard)
                    : heard && isPaused(view).orElse(true);
            if (!paused && !backs) {
                throw new Refused("the cluster is not paused");
            }
            Expected before = view.initialize()
                    .<Expected>map(i -> Expected.revision(i.revision()))
                    .orElseGet(Expected::absent);
            if (!(agent.dcs().writeInitialize(wanted, before, WRITE) instanceof WriteResult.Written)) {
                throw new Refused("somebody else has just written the key initialize");
            }
            LOG.info(
                    request.getTo().isEmpty()
                            ? "The store {} is this cluster's again (matriarchctl migrate)"
                            : "The store {} is closed: the cluster moves to {} (matriarchctl migrate)",
                    config().store().section(),
                    request.getTo());
            agent.wake("the store was marked");
        });
    }

    @Override
    public void useStore(UseStoreRequest request, StreamObserver<MoveReply> reply) {
        answer(request.getScope(), reply, () -> {
            String store = request.getStore();
            String now = config().store().section();
            if (now.equals(store)) {
                return;
            }
            with(store);
            if (request.getBack()) {
                mayGoBack(store);
            } else {
                mayLeave(store);
            }
            if (agent.dynamicConfig().paused()) {
                awaitPausedCopy();
            }
            Map<String, String> members = new TreeMap<>();
            request.getMembersList().forEach(m -> members.put(m.getName(), m.getRpcAddress()));
            give(new Moves.Order(store, now, request.getBack(), request.getResume(), members));
            LOG.info("Told to use the store {} from now on, in place of {} (matriarchctl migrate)", store, now);
            leave.run();
        });
    }

    private void give(Moves.Order order) throws Refused {
        if (order.back() && !note.returns()) {
            throw led(order.store());
        }
        if (!moves.give(order)) {
            throw new Refused("another order is being carried out");
        }
    }

    /** Before its store is closed, only who could not be missed there leaves. */
    private void mayLeave(String store) throws Refused {
        boolean closed = (read().or(() -> agent.view()))
                .flatMap(MovedAway::of)
                .filter(away -> away.to().equals(store))
                .isPresent();
        if (!closed && (agent.holdsLease() || agent.postgres().isPrimary())) {
            throw new Refused(agent.name() + " is the primary, and the store "
                    + config().store().section() + " is not closed");
        }
        if (agent.postgres().isPrimary() && !agent.dynamicConfig().paused()) {
            throw new Refused("the cluster is not paused");
        }
    }

    private void mayGoBack(String store) throws Refused {
        if (!note.mayGoBackTo(store, read().or(() -> agent.view()))) {
            throw led(store);
        }
    }

    private Refused led(String store) {
        return new Refused("somebody may have led in the store " + note.pin().store() + ": what stands in " + store
                + " is old. Finish the move, and move back then");
    }

    /** What this agent finds when it begins anew, before the new store answers. */
    private void awaitPausedCopy() throws Refused {
        long deadline = System.nanoTime() + COPY.toNanos();
        while (!isCopyPaused()) {
            if (System.nanoTime() - deadline >= 0) {
                throw new Refused("the copy of the cluster-wide configuration in "
                        + config().postgres().dataDir().resolve(DynamicConfigFile.NAME)
                        + " does not say that the cluster is paused; the agent's log says why");
            }
            agent.wake("the copy of the configuration is awaited");
            try {
                Thread.sleep(50);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new Refused("this agent ends");
            }
        }
    }

    private boolean isCopyPaused() {
        try {
            return DynamicConfigFile.read(config().postgres().dataDir())
                    .map(json -> DynamicConfigJson.parse(json).paused())
                    .orElse(false);
        } catch (IOException | IllegalArgumentException e) {
            LOG.warn("The copy of the cluster-wide configuration cannot be read: {}", e.toString());
            return false;
        }
    }

    private boolean isOurs(String scope, StreamObserver<?> reply) {
        if (scope.equals(agent.scope())) {
            return true;
        }
        reply.onError(Status.FAILED_PRECONDITION
                .withDescription(
                        "this is " + agent.name() + " of cluster '" + agent.scope() + "', not of '" + scope + "'")
                .asRuntimeException());
        return false;
    }

    private void answer(String scope, StreamObserver<MoveReply> reply, Work work) {
        if (!isOurs(scope, reply)) {
            return;
        }
        MoveReply.Builder answer = MoveReply.newBuilder();
        try {
            work.run();
            answer.setDone(true);
        } catch (Refused | DcsException | IOException | IllegalArgumentException e) {
            LOG.warn("Not done for matriarchctl migrate: {}", e.getMessage());
            answer.setProblem(String.valueOf(e.getMessage()));
        }
        reply.onNext(answer.build());
        reply.onCompleted();
    }
}
