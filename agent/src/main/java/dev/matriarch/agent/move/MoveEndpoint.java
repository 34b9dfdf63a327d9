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
import java.util.concurrent.atomic.AtomicBoolean;
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
    private final AtomicBoolean noting = new AtomicBoolean();
    private volatile StorePin pin;
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
        this.pin = pin;
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
        return pin.settled() ? store : new NotedLead(store, this::settle);
    }

    private synchronized void settle() throws IOException {
        if (!pin.settled()) {
            note(pin.asSettled());
        }
    }

    private synchronized void note(StorePin changed) throws IOException {
        changed.write(config().stateDir());
        pin = changed;
    }

    private AgentConfig config() {
        return source.current().config();
    }

    /** After each heartbeat; returns at once. */
    public void beat() {
        boolean led =
                !pin.settled() && agent.view().flatMap(ClusterView::leader).isPresent();
        boolean resumed =
                pin.settled() && pin.resume() && !agent.dynamicConfig().paused();
        if ((led || resumed) && noting.compareAndSet(false, true)) {
            Thread.ofVirtual().name("store-note").start(() -> {
                try {
                    settle();
                    if (resumed) {
                        note(pin.asResumed());
                    }
                } catch (IOException e) {
                    LOG.warn("{} could not be written: {}", StorePin.FILE, e.toString());
                } finally {
                    noting.set(false);
                }
            });
        }
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
        StorePin noted = pin;
        Place.Builder place = Place.newBuilder()
                .setScope(agent.scope())
                .setName(agent.name())
                .setVersion(agent.version())
                .setStore(config().store().section())
                .setMovingFrom(noted.settled() ? "" : noted.from())
                .setSystemIdentifier(agent.postgres().systemIdentifier().orElse(""))
                .setPaused(dynamic.paused())
                .setLeads(agent.holdsLease() && agent.postgres().isPrimary())
                .setPrimary(agent.postgres().isPrimary())
                .setSeen(read.isPresent())
                .setLeader(view.leader().map(Leader::name).orElse(""))
                .setInitialize(view.initialize().map(Versioned::value).orElse(""))
                .setMovedTo(away.map(MovedAway::to).orElse(""))
                .setConfigThere(view.config().isPresent())
                .setSyncThere(dynamic.synchronousMode() == DynamicConfig.SynchronousMode.OFF
                        || view.sync()
                                .map(s -> view.leader()
                                        .map(Leader::name)
                                        .equals(Optional.of(s.value().leader())))
                                .orElse(false))
                .setPendingSwitchover(
                        view.pendingFailover().map(f -> words(f.value())).orElse(""))
                .setResume(away.map(MovedAway::resume).orElse(noted.resume()))
                .setProblem(moves.problem());
        Map<String, String> members = new TreeMap<>();
        if (read.isEmpty()) {
            members.putAll(noted.members());
        }
        view.members().forEach(m -> members.put(m.name(), m.rpcAddress()));
        members.forEach((name, address) ->
                place.addMembers(MemberAddress.newBuilder().setName(name).setRpcAddress(address)));
        if (request.getExamine()) {
            place.addAllObstacles(new Obstacles(source, agent, opener).of(request.getTarget()));
            raft(request.getTarget(), place);
        }
        reply.onNext(place.build());
        reply.onCompleted();
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
                new OtherStore(store)
                        .prepare(agent.name(), system, view.config().get().value(), view.history());
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
            if (!there.equals(system) && MovedAway.of(there).isEmpty()) {
                throw new Refused("the store holds the keys of another cluster (initialize: \"" + there + "\")");
            }
            boolean led = view.leader().isPresent() && !agent.holdsLease();
            if (!agent.dynamicConfig().paused() || led) {
                throw new Refused(led ? view.leader().get().name() + " leads" : "the cluster is not paused");
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
            if (!moves.give(new Moves.Order(store, now, request.getBack(), request.getResume(), members))) {
                throw new Refused("another order is being carried out");
            }
            LOG.info("Told to use the store {} from now on, in place of {} (matriarchctl migrate)", store, now);
            leave.run();
        });
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
        if (pin.settled() || !pin.from().equals(store)) {
            throw new Refused("somebody may have led in the store " + pin.store() + ": what stands in " + store
                    + " is old. Finish the move, and move back then");
        }
    }

    /** What this agent finds when it begins anew, before the new store answers. */
    private void awaitPausedCopy() throws Refused, IOException {
        long deadline = System.nanoTime() + COPY.toNanos();
        while (true) {
            Optional<String> copy = DynamicConfigFile.read(config().postgres().dataDir());
            if (copy.map(json -> DynamicConfigJson.parse(json).paused()).orElse(false)) {
                return;
            }
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
