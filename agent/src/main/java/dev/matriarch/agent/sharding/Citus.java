package dev.matriarch.agent.sharding;

import dev.matriarch.agent.config.CitusConfig;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.dcs.ClusterView;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * A group of a Citus database.
 *
 * <p>The coordinator's members listen to announcements of all others; its leader acts on them. A worker's members
 * announce themselves to all of the coordinator's, and its leader tells of what it is about to do.
 */
public final class Citus implements Sharding {
    private static final Duration COMPARE = Duration.ofSeconds(10);
    private static final Duration SQL = Duration.ofSeconds(45);

    private final String scope;
    private final String me;
    private final CitusConfig config;
    private final CitusDatabase database;
    private final Map<Integer, Group> known = new TreeMap<>();
    private final Coordinator coordinator;
    private final Worker worker;

    /** How long changes may take, as the cluster is configured now. */
    public record Timing(Duration ttl, Duration loopWait, Duration retryTimeout) {}

    /**
     * @param me this member's name
     * @param calls used by a worker
     */
    public Citus(
            String scope,
            String me,
            CitusConfig config,
            PostgresServer server,
            CoordinatorCalls calls,
            Supplier<Timing> timing) {
        this.scope = scope;
        this.me = me;
        this.config = config;
        this.database = new CitusDatabase(server, config.database());
        this.coordinator = config.isCoordinator()
                ? new Coordinator(new NodeStore(() -> database.connect(SQL)), System::nanoTime, COMPARE)
                : null;
        this.worker = config.isCoordinator() ? null : new Worker(scope, config, calls, timing, this::learnt);
    }

    @Override
    public void founded() throws PostgresException {
        database.create();
    }

    @Override
    public void seen(ClusterView view, boolean leading) {
        Group own = Group.of(config.group(), view);
        learnt(List.of(own));
        if (coordinator != null) {
            coordinator.leads(leading, own);
        } else {
            worker.seen(own, view.member(me).flatMap(m -> Node.of(m, true)), leading);
        }
    }

    private void learnt(List<Group> groups) {
        synchronized (known) {
            groups.forEach(group -> known.put(group.number(), group));
        }
    }

    /** The coordinator itself does not announce its going: who needs it finds it at its new address. */
    @Override
    public void beforeDemote() throws InterruptedException {
        if (worker != null) {
            worker.beforeDemote();
        }
    }

    @Override
    public void beforePromote() {
        if (worker != null) {
            worker.tell(Event.Type.BEFORE_PROMOTE);
        }
    }

    @Override
    public void afterPromote() {
        if (worker != null) {
            worker.tell(Event.Type.AFTER_PROMOTE);
        }
    }

    @Override
    public Answer announced(Announcement announcement) {
        String problem = "";
        if (coordinator == null) {
            problem = "this is a member of group " + config.group() + ", not of the coordinator's";
        } else if (!announcement.scope().equals(scope)
                || !announcement.database().equals(config.database())) {
            problem = "this is the coordinator of database '" + config.database() + "' of cluster '" + scope
                    + "', not of '" + announcement.database() + "' of '" + announcement.scope() + "'";
        } else if (announcement.group().number() == CitusConfig.COORDINATOR) {
            problem = "group 0 is the coordinator's own";
        }
        if (!problem.isEmpty()) {
            return new Answer(false, problem, List.of());
        }
        synchronized (known) {
            // Who does not lead knows where the others are, but not yet who is to be used.
            if (announcement.leads() || !known.containsKey(announcement.group().number())) {
                known.put(announcement.group().number(), announcement.group());
            }
        }
        if (announcement.leads()) {
            coordinator.announced(announcement.group());
        }
        return new Answer(coordinator.leads(), "", groups());
    }

    @Override
    public EventAnswer event(Event event) throws InterruptedException {
        if (coordinator == null || !coordinator.leads()) {
            return new EventAnswer(false, "");
        }
        boolean needsAddress = event.type() != Event.Type.BEFORE_DEMOTE;
        if (!needsAddress || !event.leader().host().isEmpty()) {
            return new EventAnswer(true, coordinator.event(event));
        }
        Optional<Node> announced;
        synchronized (known) {
            announced = Optional.ofNullable(known.get(event.group()))
                    .flatMap(g -> g.of(event.leader().member()));
        }
        if (announced.isEmpty()) {
            return new EventAnswer(
                    true,
                    "no member '" + event.leader().member() + "' of group " + event.group() + " has announced itself");
        }
        Node leader = new Node(
                event.leader().member(), announced.get().host(), announced.get().port(), true);
        return new EventAnswer(
                true,
                coordinator.event(new Event(
                        event.type(), event.group(), leader, event.epoch(), event.timeout(), event.cooldown())));
    }

    @Override
    public OptionalInt ownGroup() {
        return OptionalInt.of(config.group());
    }

    @Override
    public List<Group> groups() {
        synchronized (known) {
            return new ArrayList<>(known.values());
        }
    }

    @Override
    public void close() {
        if (coordinator != null) {
            coordinator.close();
        } else {
            worker.close();
        }
    }
}
