package dev.matriarch.agent.loop;

import dev.matriarch.agent.callbacks.Callbacks;
import dev.matriarch.agent.certificates.CertificateEndpoint;
import dev.matriarch.agent.certificates.Members;
import dev.matriarch.agent.certificates.OwnTls;
import dev.matriarch.agent.certificates.ShownCertificate;
import dev.matriarch.agent.certificates.StorePeers;
import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.CitusConfig;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.DynamicConfigFile;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.config.NodeConfig;
import dev.matriarch.agent.config.Problem;
import dev.matriarch.agent.doctor.Doctor;
import dev.matriarch.agent.doctor.Own;
import dev.matriarch.agent.fencing.GuardPair;
import dev.matriarch.agent.fencing.KernelWatchdog;
import dev.matriarch.agent.ha.Order;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.join.JoinDoor;
import dev.matriarch.agent.join.JoinStore;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.agent.postgres.linux.IoctlWatchdog;
import dev.matriarch.agent.recorder.Chronicle;
import dev.matriarch.agent.recorder.FlightRecorder;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.agent.rpc.Progress;
import dev.matriarch.agent.rpc.RpcDoor;
import dev.matriarch.agent.rpc.RpcTransport;
import dev.matriarch.agent.rpc.ShardingCalls;
import dev.matriarch.agent.sharding.Citus;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.rest.NamedHealth;
import dev.matriarch.rest.RestDoor;
import dev.matriarch.tls.LiveTls;
import dev.matriarch.tls.authority.OwnCertificate;
import io.grpc.BindableService;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
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
     * @param tls of the control port; absent: plain text
     * @param told of the local configuration at each reload
     * @param more services of the control port that only the main class knows of
     * @param joining where tokens for new members are kept; absent: nowhere
     * @param storePeers who else has a certificate of this cluster; absent: nobody
     * @throws IOException if a door cannot be opened or the guard cannot be started
     * @throws PostgresException if the server binaries or the data directory cannot be used
     */
    public Agent(
            ConfigSource source,
            Dcs dcs,
            Optional<LiveTls> tls,
            Consumer<AgentConfig> told,
            List<BindableService> more,
            Optional<JoinStore> joining,
            Optional<StorePeers> storePeers)
            throws IOException, PostgresException {
        AgentConfig config = source.current().config();
        boolean complete = false;
        try {
            Clock clock = Clock.system();
            Wakeup wakeup = new Wakeup();
            SettingsSource settings = new SettingsSource(config, firstConfiguration(config));
            settings.within(dcs::longestTtl);
            PostgresServer server =
                    opened(new PostgresServer(settings.postgres(), config.scope(), config.name(), config.stateDir()));
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
            TaskRunner tasks = new TaskRunner(
                    clock,
                    wakeup::call,
                    (kind, success) -> memory.ended(new ServerState.LastAction(
                            kind, success, config.bootstrap().method().isPresent())));
            Callbacks callbacks = opened(new Callbacks(() -> settings.postgres().scripts(), config.scope()));
            WriteProbe probe = opened(new WriteProbe(server, clock, wakeup::call));
            LogicalSlotWork logicalSlots = opened(new LogicalSlotWork(server, memory, clock));
            Optional<OwnCertificate> ownTls = OwnTls.of(NodeConfig.of(config));
            RpcTransport transport = opened(new RpcTransport(
                    tls, () -> ownTls.isPresent() && joining.isPresent() && JoinDoor.isAjar(joining.get())));
            Peers peers = opened(new Peers(
                    transport,
                    config.scope(),
                    config.name(),
                    () -> settings.local().rest().authentication()));
            Sharding sharding = opened(sharding(config, server, peers, settings));
            Actions actions =
                    new Actions(server, settings, lease, memory, tasks, clock, callbacks, sharding, wakeup::call);
            reloads = new Reloads(source, settings, wakeup::call);
            reloads.tell(told);
            settings.tell(server::reconfigure);
            Optional<TlsWatch> tlsWatch = tls.map(t -> opened(new TlsWatch(t, ownTls)));
            tlsWatch.ifPresent(watch -> reloads.tell(changed -> changed.tls().ifPresent(watch::reload)));
            Chronicle chronicle = new Chronicle(
                    clock.wall(),
                    Version.TEXT,
                    config.flightRecorder().enabled()
                            ? Optional.of(config.flightRecorder().directory())
                            : Optional.empty());
            FrontDesk desk = new FrontDesk(settings, dcs, server, memory, clock, reloads, chronicle);
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
                            recorder(config, tally, chronicle),
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
            List<BindableService> services = new ArrayList<>(more);
            services.add(new Doctor(
                    desk,
                    new Own(source, server, settings::examined, desk::watchdogProblem, desk::writeProblem),
                    peers));
            Members members = new Members(desk, peers, storePeers);
            services.addAll(JoinDoor.services(desk, members, peers, joining, ownTls, source));
            ShownCertificate shown = new ShownCertificate(
                    config.name(),
                    tls,
                    ownTls,
                    () -> tlsWatch.ifPresent(watch -> config.tls().ifPresent(watch::reload)));
            storePeers.ifPresent(s -> s.answerWith(shown));
            services.add(new CertificateEndpoint(
                    desk, members, shown, config.citus().isPresent(), () -> joining.flatMap(JoinDoor::revokeTokens)));
            RpcDoor rpc = opened(RpcDoor.open(
                    config.control().listen(),
                    desk,
                    transport,
                    peers,
                    json -> problems(settings.local(), dcs, desk.view(), json),
                    sharding,
                    services,
                    name -> desk.ready()
                            ? NamedHealth.of(name, desk.snapshot(), System.nanoTime())
                            : Optional.empty()));
            desk.open(heartbeat);
            RestDoor rest = opened(RestDoor.open(
                    RestSettingsOf.config(config),
                    new RestDesk(
                            desk,
                            settings,
                            rpc.operations(),
                            tally,
                            sharding,
                            opened(new Lookout(desk, rpc.watch())))));
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

    private static List<String> problems(AgentConfig config, Dcs dcs, Optional<ClusterView> view, String json) {
        List<String> problems =
                DynamicConfigJson.validate(json).stream().map(Problem::text).toList();
        if (!problems.isEmpty()) {
            return problems;
        }
        DynamicConfig asked = DynamicConfigJson.parse(json);
        return config
                .store()
                .timingProblem(asked, dcs.longestTtl())
                .or(() -> config.watchdogProblem(asked))
                .or(() -> asked.synchronousMode() == DynamicConfig.SynchronousMode.QUORUM
                        ? view.map(ClusterView::members).flatMap(OlderPatroni::withoutVotes)
                        : Optional.empty())
                .stream()
                .toList();
    }

    private Heartbeat.Recorder recorder(AgentConfig config, Tally tally, Chronicle chronicle) {
        AgentConfig.FlightRecorderConfig wanted = config.flightRecorder();
        Heartbeat.Recorder inMemory = (step, seen, decided) -> {
            tally.record(step, seen, decided);
            chronicle.record(seen, decided);
        };
        if (!wanted.enabled()) {
            return inMemory;
        }
        FlightRecorder flight = opened(
                new FlightRecorder(wanted.directory(), wanted.size(), Version.TEXT, config.scope(), config.name()));
        chronicle.keep(flight::note);
        return (step, seen, decided) -> {
            inMemory.record(step, seen, decided);
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
        reloads.reload(Progress.NOBODY);
    }

    /** Asks for an end that leaves PostgreSQL and its guards as they are, for an agent that starts at once. Any thread. */
    public void leave() {
        heartbeat.leave();
    }

    /** Beats until the agent is to end; returns its exit code. */
    public int run(Heartbeat.Pulse pulse) throws InterruptedException {
        heartbeat.pulse(pulse);
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
