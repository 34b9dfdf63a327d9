package dev.matriarch.agent.move;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.DynamicConfigFile;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.config.StorePin;
import dev.matriarch.agent.rpc.AsksTheAgent;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.MovedAway;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.proto.control.v1.GetPlaceRequest;
import dev.matriarch.proto.control.v1.MarkStoreRequest;
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

    private MoveRules.Self self() {
        return new MoveRules.Self(
                agent.name(),
                agent.holdsLease(),
                agent.postgres().isPrimary(),
                agent.dynamicConfig().paused());
    }

    @Override
    public void getPlace(GetPlaceRequest request, StreamObserver<Place> reply) {
        if (!request.getScope().isEmpty() && !isOurs(request.getScope(), reply)) {
            return;
        }
        Whereabouts here = new Whereabouts(source, agent, note);
        Optional<ClusterView> read = read();
        boolean paused = agent.dynamicConfig().paused() && isCopyPaused();
        Place.Builder place = here.of(read, paused).setProblem(moves.problem());
        if (request.getExamine()) {
            place.addAllObstacles(new Obstacles(source, agent, opener).of(request.getTarget()));
            here.addPeers(request.getTarget(), place);
        }
        reply.onNext(place.build());
        reply.onCompleted();
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
            refuseIf(MoveRules.refusesToPrepare(self(), view));
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

    private static void refuseIf(Optional<String> why) throws Refused {
        if (why.isPresent()) {
            throw new Refused(why.get());
        }
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
            Optional<MovedAway> to = request.getTo().isEmpty()
                    ? Optional.empty()
                    : Optional.of(new MovedAway(request.getTo(), request.getResume()));
            MoveRules.Note noted = new MoveRules.Note(note.pin().settled(), note.mayOpen());
            switch (MoveRules.mark(to, system, self(), noted, view)) {
                case MoveRules.Mark.Stands() -> {}
                case MoveRules.Mark.Refused(String why) -> throw new Refused(why);
                case MoveRules.Mark.Write(String text, Expected before) -> {
                    if (!(agent.dcs().writeInitialize(text, before, WRITE) instanceof WriteResult.Written)) {
                        throw new Refused("somebody else has just written the key initialize");
                    }
                    told(request.getTo());
                    agent.wake("the store was marked");
                }
            }
        });
    }

    private void told(String to) {
        LOG.info(
                to.isEmpty()
                        ? "The store {} is this cluster's again (matriarchctl migrate)"
                        : "The store {} is closed: the cluster moves to {} (matriarchctl migrate)",
                config().store().section(),
                to);
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
                Optional<ClusterView> view = read().or(() -> agent.view());
                refuseIf(MoveRules.refusesToLeave(store, now, self(), view));
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
