package dev.matriarch.agent.loop;

import dev.matriarch.agent.callbacks.Callbacks;
import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.CitusConfig;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.DynamicConfigFile;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.fencing.GuardPair;
import dev.matriarch.agent.fencing.KernelWatchdog;
import dev.matriarch.agent.ha.Order;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.log.LogConfig;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.agent.postgres.linux.IoctlWatchdog;
import dev.matriarch.agent.recorder.FlightRecorder;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.agent.rpc.RpcDoor;
import dev.matriarch.agent.rpc.RpcTransport;
import dev.matriarch.agent.rpc.ShardingCalls;
import dev.matriarch.agent.sharding.Citus;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.rest.RestDoor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The parts of one agent, put together and taken apart in reverse order. */
public final class Agent implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Agent.class);
    /** Changes that call for a heartbeat at once; the rest can wait for the next one. */
    private static final Set<Change> URGENT =
            EnumSet.of(Change.LEADER, Change.CONFIG, Change.FAILOVER, Change.SYNC, Change.INITIALIZE, Change.RESYNC);

    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private final Heartbeat heartbeat;
    private final Reloads reloads;

    /**
     * Starts everything but the heartbeat.
     *
     * @param source read again at each reload
     * @param logging is told of the log section at each reload
     * @throws IOException if a door cannot be opened or the guard cannot be started
     * @throws PostgresException if the server binaries or the data directory cannot be used
     */
    public Agent(ConfigSource source, Dcs dcs, Consumer<LogConfig> logging) throws IOException, PostgresException {
        AgentConfig config = source.current().config();
        boolean complete = false;
        try {
            Clock clock = Clock.system();
            Wakeup wakeup = new Wakeup();
            SettingsSource settings = new SettingsSource(config, firstConfiguration(config));
            PostgresServer server =
                    opened(new PostgresServer(config.postgres(), config.scope(), config.name(), config.stateDir()));
            server.adopt();
            GuardPair guard =
                    GuardPair.open(config.stateDir(), config.postgres().dataDir());
            parts.push(() -> guard.close(server.postmasterPid().isEmpty()));
            guard.onDeath(wakeup::call);
            KernelWatchdog watchdog = new KernelWatchdog(
                    () -> settings.local().watchdog(),
                    device -> IoctlWatchdog.open(device, config.stateDir()),
                    clock::nanos,
                    config.stateDir());
            parts.push(() -> watchdog.close(server.postmasterPid().isEmpty()));
            Memory memory = new Memory(clock.nanos());
            LeaseKeeper lease = new LeaseKeeper(
                    dcs,
                    config.name(),
                    clock,
                    guard,
                    watchdog,
                    () -> server.postmasterPid().orElse(0));
            TaskRunner tasks = new TaskRunner(clock, wakeup::call);
            Callbacks callbacks =
                    opened(new Callbacks(() -> settings.local().postgres().scripts(), config.scope()));
            WriteProbe probe = opened(new WriteProbe(server, clock, wakeup::call));
            LogicalSlotWork logicalSlots = opened(new LogicalSlotWork(server, memory, clock));
            RpcTransport transport = opened(new RpcTransport());
            Peers peers = opened(new Peers(transport, config.scope(), config.name()));
            Sharding sharding = opened(sharding(config, server, peers, settings));
            Actions actions =
                    new Actions(server, settings, lease, memory, tasks, clock, callbacks, sharding, wakeup::call);
            reloads = new Reloads(source, settings, wakeup::call);
            reloads.tell(changed -> logging.accept(changed.log()));
            reloads.tell(changed -> server.reconfigure(changed.postgres()));
            FrontDesk desk = new FrontDesk(settings, dcs, server, memory, clock, reloads);
            Tally tally = new Tally();
            heartbeat = new Heartbeat(
                    new Heartbeat.Parts(
                            config.name(),
                            dcs,
                            server,
                            settings,
                            lease,
                            memory,
                            tasks,
                            actions,
                            new Peerage(peers),
                            probe,
                            logicalSlots,
                            clock,
                            callbacks,
                            desk,
                            recorder(config, tally),
                            opened(new DynamicCopy(config.postgres().dataDir())),
                            sharding),
                    wakeup);
            heartbeat.look();
            probe.start();
            dcs.onChange(change -> {
                if (URGENT.contains(change)) {
                    wakeup.call();
                }
            });
            RpcDoor rpc = opened(RpcDoor.open(
                    config.control().listen(),
                    desk,
                    transport,
                    peers,
                    json -> problems(settings.local(), json),
                    sharding));
            desk.open(heartbeat);
            RestDoor rest = opened(RestDoor.open(
                    RestSettingsOf.config(config), new RestDesk(desk, settings, rpc.operations(), tally, sharding)));
            reloads.tell(changed -> rest.reconfigure(RestSettingsOf.config(changed)));
            complete = true;
        } finally {
            if (!complete) {
                close();
            }
        }
    }

    private static Sharding sharding(AgentConfig config, PostgresServer server, Peers peers, SettingsSource settings) {
        if (config.citus().isEmpty()) {
            return Sharding.NONE;
        }
        CitusConfig citus = config.citus().get();
        return new Citus(
                config.scope(), config.name(), citus, server, new ShardingCalls(peers, citus.coordinator()), () -> {
                    Settings now = settings.current().settings();
                    return new Citus.Timing(now.ttl(), now.loopWait(), now.retryTimeout());
                });
    }

    private static List<String> problems(AgentConfig config, String json) {
        List<String> problems =
                DynamicConfigJson.validate(json).stream().map(Object::toString).toList();
        return problems.isEmpty()
                ? config.watchdogProblem(DynamicConfigJson.parse(json)).stream().toList()
                : problems;
    }

    private Heartbeat.Recorder recorder(AgentConfig config, Tally tally) {
        AgentConfig.FlightRecorderConfig wanted = config.flightRecorder();
        if (!wanted.enabled()) {
            return tally;
        }
        FlightRecorder flight = opened(
                new FlightRecorder(wanted.directory(), wanted.size(), Version.TEXT, config.scope(), config.name()));
        return (step, seen, decided) -> {
            tally.record(step, seen, decided);
            flight.record(step, seen, decided);
        };
    }

    private <T extends AutoCloseable> T opened(T part) {
        parts.push(part);
        return part;
    }

    /** The dynamic configuration that this member would give to an empty store. */
    private static String firstConfiguration(AgentConfig config) {
        Path dataDir = config.postgres().dataDir();
        try {
            Optional<String> copy = DynamicConfigFile.read(dataDir);
            if (copy.isPresent()) {
                return copy.get();
            }
        } catch (IOException e) {
            LOG.warn("The copy of the cluster-wide configuration in {} cannot be read: {}", dataDir, e.toString());
        }
        return config.bootstrap().dcsJson().isBlank()
                ? "{}"
                : config.bootstrap().dcsJson();
    }

    /** Reads the local configuration again, and has PostgreSQL do so. Any thread. */
    public void reload() {
        reloads.reload();
    }

    /** Beats until the agent is to end; returns its exit code. */
    public int run() throws InterruptedException {
        return heartbeat.run();
    }

    /** Asks for an orderly end: PostgreSQL is stopped, the lock handed over. Any thread. */
    public void shutDown() {
        heartbeat.order(new Order.Shutdown());
    }

    @Override
    public void close() {
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (Exception e) {
                LOG.warn("While stopping: {}", e.getMessage());
            }
        }
    }
}
