package dev.matriarch.agent.doctor;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.ConsulConfig;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.config.EtcdConfig;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.KubernetesConfig;
import dev.matriarch.agent.config.Problem;
import dev.matriarch.agent.config.RaftConfig;
import dev.matriarch.agent.config.RestConfig;
import dev.matriarch.agent.config.StoreConfig;
import dev.matriarch.agent.config.ZooKeeperConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.postgres.ServerReport;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.agent.rpc.Peers;
import dev.matriarch.agent.rpc.Pulse;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Measure;
import dev.matriarch.dcs.Member;
import dev.matriarch.proto.control.v1.ConfigurationFacts;
import dev.matriarch.proto.control.v1.DoorFacts;
import dev.matriarch.proto.control.v1.GuardFacts;
import dev.matriarch.proto.control.v1.MemberFacts;
import dev.matriarch.proto.control.v1.PostgresFacts;
import dev.matriarch.proto.control.v1.ReachFacts;
import dev.matriarch.proto.control.v1.SlotFacts;
import dev.matriarch.proto.control.v1.StoreFacts;
import dev.matriarch.proto.control.v1.VersionFacts;
import java.nio.file.Files;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/** Collects what this member knows of itself and how it reaches the others. Any thread. */
final class Facts {
    /** All parts are looked at at the same time. */
    static final Duration LONGEST = Duration.ofMillis(3500);

    private static final String PARTNERS = "raft.partner_addrs";
    private static final List<String> TOLD_PARAMETERS = List.of(
            "max_wal_senders",
            "max_replication_slots",
            "max_connections",
            "wal_level",
            "fsync",
            "full_page_writes",
            "synchronous_commit",
            "archive_mode");

    /** What stands there and is no YAML may be a part of a password. */
    private static final Pattern NOT_YAML = Pattern.compile("(is not YAML, near line \\d+).*", Pattern.DOTALL);

    private static final Duration TURN = Duration.ofMillis(100);
    private static final int TURNS = 8;

    private static final Duration ASK_SERVER = Duration.ofMillis(1500);

    private final LocalAgent agent;
    private final Own own;
    private final Peers peers;
    private final Host host = new Host();

    Facts(LocalAgent agent, Own own, Peers peers) {
        this.agent = agent;
        this.own = own;
        this.peers = peers;
    }

    /** Takes {@link #LONGEST} at most; what has not answered by then is said to be unknown. */
    MemberFacts collect() {
        long deadline = System.nanoTime() + LONGEST.toNanos();
        AgentConfig config = own.source().current().config();
        MemberFacts.Builder facts = MemberFacts.newBuilder().setName(agent.name());
        List<Member> others = agent.view().map(ClusterView::members).orElse(List.of()).stream()
                .filter(m -> !m.name().equals(agent.name()))
                .toList();

        // Before the server is asked: what it gets in between must not count as missing.
        Lsn published = agent.view().map(v -> v.status().optime()).orElse(Lsn.INVALID);
        CompletableFuture<Optional<ServerReport>> server = begun(this::server);
        CompletableFuture<Integer> installed =
                begun(() -> own.server().binaries().installed(ASK_SERVER).orElse(0));
        CompletableFuture<ConfigurationFacts> configuration = begun(() -> configuration(config));
        List<CompletableFuture<Clocks.Seen>> clocks = others.stream()
                .filter(m -> !m.rpcAddress().isEmpty())
                .map(m -> begun(() -> Clocks.compare(peers, m, agent.scope())))
                .toList();
        List<Reach.Way> ways = new ArrayList<>();
        for (Member other : others) {
            ways.add(Reach.rest(other));
            ways.add(Reach.postgres(own.server(), other));
            boolean leads = agent.view()
                    .flatMap(ClusterView::leader)
                    .filter(l -> l.name().equals(other.name()))
                    .isPresent();
            if (leads && own.settings().get().rewind()) {
                ways.add(Reach.rewind(own.server(), other));
            }
        }
        config.builtIn().ifPresent(raft -> ways.addAll(Reach.peers(raft, others)));
        // The members log in one after the other.
        Duration turn = TURN.multipliedBy(others.stream()
                        .filter(m -> m.name().compareTo(agent.name()) < 0)
                        .count()
                % TURNS);
        List<CompletableFuture<ReachFacts>> reach = ways.stream()
                .map(way -> begun(() -> way.isLogin() ? way.triedAfter(turn) : way.tried()))
                .toList();
        Future<Host.Look> look = host.begin(own);
        CompletableFuture<StoreFacts> store = begun(() -> store(config));
        CompletableFuture<PostgresFacts.Builder> postgres = begun(this::postgres);
        CompletableFuture<GuardFacts> guard = begun(() -> guard(config));

        Optional<ServerReport> report =
                within(server, deadline, "PostgreSQL", facts).flatMap(r -> r);
        report.filter(ServerReport::tls)
                .flatMap(r ->
                        within(begun(() -> Host.certificate(config, r)), deadline, "PostgreSQL's certificate", facts))
                .ifPresent(facts::addCertificates);
        within(look, deadline, "disks, files and certificates", facts)
                .ifPresent(seen -> facts.addAllDisks(seen.disks())
                        .addAllFiles(seen.files())
                        .addAllCertificates(seen.certificates()));
        within(configuration, deadline, "the configuration", facts).ifPresent(facts::setConfiguration);
        facts.setVersions(versions(
                report,
                within(installed, deadline, "PostgreSQL's programs", facts).orElse(0)));
        within(postgres, deadline, "PostgreSQL's state", facts)
                .ifPresent(seen -> facts.setPostgres(
                        report.map(r -> with(r, published, seen)).orElse(seen)));
        within(store, deadline, "the store", facts).ifPresent(facts::setStore);
        within(guard, deadline, "the guard", facts).ifPresent(facts::setGuard);
        doors(config, report, facts);
        for (CompletableFuture<Clocks.Seen> one : clocks) {
            within(one, deadline, "a member's clock", facts).ifPresent(seen -> {
                facts.addReach(seen.reach());
                seen.clock().ifPresent(facts::addClocks);
            });
        }
        for (int i = 0; i < ways.size(); i++) {
            facts.addReach(answer(reach.get(i), deadline).orElse(ways.get(i).silent(LONGEST)));
        }
        return facts.build();
    }

    private static Optional<ReachFacts> answer(Future<ReachFacts> attempt, long deadline) {
        return within(attempt, deadline, "", MemberFacts.newBuilder());
    }

    private static <T> CompletableFuture<T> begun(Supplier<T> work) {
        return CompletableFuture.supplyAsync(work, Thread::startVirtualThread);
    }

    private static <T> Optional<T> within(Future<T> work, long deadline, String what, MemberFacts.Builder facts) {
        try {
            return Optional.of(work.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS));
        } catch (TimeoutException e) {
            facts.addUnknown(what + ": no answer within " + LONGEST.toMillis() + " ms");
        } catch (ExecutionException e) {
            facts.addUnknown(what + ": " + e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            facts.addUnknown(what + ": interrupted");
        }
        return Optional.empty();
    }

    private Optional<ServerReport> server() {
        if (agent.postgres().status().isEmpty()) {
            // That it does not answer is said where its state is.
            return Optional.empty();
        }
        try {
            return Optional.of(own.server().report(ASK_SERVER));
        } catch (SQLException e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
    }

    // --- configuration ---

    private ConfigurationFacts configuration(AgentConfig config) {
        ConfigurationFacts.Builder facts = ConfigurationFacts.newBuilder()
                .setSource(own.source().file().map(Object::toString).orElse("environment"));
        try {
            ConfigSource.Reload preview = own.source().preview();
            facts.addAllNotLoaded(preview.taken());
            // The list of peers is the store's; a changed file is for the day on which this host loses its disk.
            preview.needRestart().stream().filter(key -> !key.equals(PARTNERS)).forEach(facts::addNeedRestart);
        } catch (ConfigProblems e) {
            e.problems().stream()
                    .map(Problem::text)
                    .map(text -> NOT_YAML.matcher(text).replaceFirst("$1"))
                    .forEach(facts::addProblems);
        }
        Own.InForce now = own.settings().get();
        facts.addAllNotUsed(now.notUsed()).setRewind(now.rewind());
        own.source()
                .current()
                .ignoredParameters()
                .forEach(name -> facts.addNotUsed("the file's postgresql.parameters." + name
                        + " is ignored: every member needs the same value, so only the cluster-wide one counts"));
        for (String name : TOLD_PARAMETERS) {
            Optional.ofNullable(now.parameters().get(name)).ifPresent(value -> facts.putParameters(name, value));
        }
        for (String name : List.of("archive_command", "archive_library")) {
            // It may hold a password; whether there is one is enough.
            Optional.ofNullable(now.parameters().get(name))
                    .filter(value -> !value.isBlank())
                    .ifPresent(value -> facts.putParameters(name, "set"));
        }
        config.watchdogProblem(agent.dynamicConfig()).ifPresent(facts::addMisfits);
        agent.view()
                .flatMap(ClusterView::config)
                .map(c -> DynamicConfigJson.parse(c.value()))
                .flatMap(timing -> config.store().timingProblem(timing))
                .ifPresent(facts::addMisfits);
        return facts.putAllCommon(common(config)).build();
    }

    /** What the members' files should say alike. No secrets. */
    private static Map<String, String> common(AgentConfig config) {
        Map<String, String> common = new TreeMap<>();
        common.put("namespace", config.namespace());
        common.put("tls", config.tls().isPresent() ? "on" : "off");
        common.put("restapi over TLS", config.rest().tls().isPresent() ? "on" : "off");
        common.put("restapi.authentication", config.rest().authentication().isPresent() ? "set" : "not set");
        common.put("watchdog.mode", config.watchdog().mode().name().toLowerCase(Locale.ROOT));
        common.put(
                "postgresql.authentication.superuser.username",
                config.postgres().superuser().username());
        common.put(
                "postgresql.authentication.replication.username",
                config.postgres().replication().username());
        config.citus().ifPresent(citus -> common.put("citus.group", Integer.toString(citus.group())));
        switch (config.store()) {
            case RaftConfig raft -> {
                common.put("store", kind(raft));
                // Not the addresses: peers come and go while the files stay as they are.
                common.put(
                        "raft.min_timeout and max_timeout",
                        raft.electionTimeoutMin().toMillis() + " and "
                                + raft.electionTimeoutMax().toMillis() + " ms");
            }
            case EtcdConfig etcd -> common.put("store", kind(etcd));
            case ZooKeeperConfig zoo -> common.put("store", kind(zoo));
            case KubernetesConfig kubernetes -> {
                common.put("store", kind(kubernetes));
                common.put("kubernetes.namespace", kubernetes.namespace());
                common.put("kubernetes.use_endpoints", Boolean.toString(kubernetes.useEndpoints()));
                common.put("kubernetes.scope_label", kubernetes.scopeLabel());
            }
            case ConsulConfig consul -> {
                common.put("store", kind(consul));
                consul.datacenter().ifPresent(dc -> common.put("consul.dc", dc));
            }
        }
        return common;
    }

    private static String kind(StoreConfig store) {
        return switch (store) {
            case RaftConfig raft -> "raft";
            case EtcdConfig etcd -> etcd.api().section();
            case ConsulConfig consul -> "consul";
            case ZooKeeperConfig zoo -> "zookeeper";
            case KubernetesConfig kubernetes -> "kubernetes";
        };
    }

    private static void doors(AgentConfig config, Optional<ServerReport> report, MemberFacts.Builder facts) {
        RestConfig rest = config.rest();
        facts.addDoors(DoorFacts.newBuilder()
                .setDoor("rest")
                .setListen(rest.listen().toString())
                .setTls(rest.tls().isPresent())
                .setPassword(rest.authentication().isPresent()
                        || !rest.guests().allowlist().isEmpty()
                        || rest.guests().members()
                        || rest.tls()
                                .filter(t -> t.verifyClient() != RestConfig.VerifyClient.NONE)
                                .isPresent())
                .setLoopback(isLoopback(rest.listen().host())));
        facts.addDoors(DoorFacts.newBuilder()
                .setDoor("control")
                .setListen(config.control().listen().toString())
                .setTls(config.tls().isPresent())
                .setLoopback(isLoopback(config.control().listen().host())));
        config.builtIn()
                .ifPresent(raft -> facts.addDoors(DoorFacts.newBuilder()
                        .setDoor("store")
                        .setListen(raft.bindAddress().toString())
                        .setTls(config.tls().isPresent())
                        .setLoopback(isLoopback(raft.bindAddress().host()))));
        facts.addDoors(DoorFacts.newBuilder()
                .setDoor("postgresql")
                .setListen(String.join(",", config.postgres().listenHosts()) + ":"
                        + config.postgres().port())
                .setTls(report.map(ServerReport::tls).orElse(false))
                .setPassword(true)
                .setLoopback(config.postgres().listenHosts().stream().allMatch(Facts::isLoopback)));
    }

    /** Of an address as it is written; a name is not looked up. */
    private static boolean isLoopback(String listen) {
        return listen.startsWith("127.") || listen.equals("::1") || listen.equals("localhost");
    }

    // --- what runs here ---

    private VersionFacts versions(Optional<ServerReport> report, int installed) {
        return VersionFacts.newBuilder()
                .setAgent(agent.version())
                .setJava(System.getProperty("java.runtime.version", "") + " " + System.getProperty("java.vendor", ""))
                .setServer(agent.postgres()
                        .status()
                        .map(LocalPostgres.Status::serverVersion)
                        .orElse(0))
                .setInstalled(installed)
                .setCollation(report.map(ServerReport::collation).orElse(""))
                .addAllStaleCollations(report.map(ServerReport::staleCollations).orElse(List.of()))
                .build();
    }

    private static PostgresFacts.Builder with(ServerReport report, Lsn published, PostgresFacts.Builder facts) {
        if (!published.equals(Lsn.INVALID) && !report.position().equals(Lsn.INVALID)) {
            facts.setBehind(Math.max(0, published.minus(report.position())));
        }
        return facts.setAsked(true)
                .setRewindable(report.rewindable())
                .setArchiving(report.archiving())
                .setArchiveProblem(report.archiveProblem());
    }

    private PostgresFacts.Builder postgres() {
        LocalPostgres seen = agent.postgres();
        PostgresFacts.Builder facts = PostgresFacts.newBuilder()
                .setRunning(seen.isRunning() && seen.status().isPresent())
                .setInRecovery(seen.isReplica())
                .setState(agent.pulse().state())
                .setProblem(seen.problem())
                .setSystemIdentifier(seen.systemIdentifier().orElse(""));
        seen.status().ifPresent(status -> {
            facts.putAllPendingRestart(status.pendingRestart()).setStreaming(status.streaming());
            for (LocalPostgres.Slot slot : status.slots()) {
                boolean known = !slot.restart().equals(Lsn.INVALID)
                        && !status.position().equals(Lsn.INVALID);
                facts.addSlots(SlotFacts.newBuilder()
                        .setName(slot.name())
                        .setActive(slot.active())
                        .setLost(slot.isLost())
                        .setRetained(
                                known
                                        ? Math.max(
                                                0,
                                                status.position().value()
                                                        - slot.restart().value())
                                        : 0));
            }
        });
        return facts;
    }

    private StoreFacts store(AgentConfig config) {
        Optional<ClusterView> view = agent.view();
        StoreFacts.Builder facts = StoreFacts.newBuilder()
                .setKind(kind(config.store()))
                .setHealth(agent.dcs().health())
                .setSeen(view.isPresent())
                .setViewAgeMillis(agent.viewAge().toMillis());
        config.builtIn()
                .flatMap(RaftConfig::backup)
                .ifPresent(backup ->
                        facts.setBackupIntervalSeconds(backup.interval().toSeconds()));
        // What was changed since the start is looked at after the next one; it is not in force before, and need not be.
        if (!partnersHaveChanged()) {
            config.builtIn()
                    .ifPresent(raft -> facts.setPeerAddress(raft.selfAddress().toString())
                            .addAllPartners(raft.partners().stream()
                                    .map(HostPort::toString)
                                    .toList()));
        }
        for (Measure measure : agent.dcs().measures()) {
            switch (measure.name()) {
                case "raft_fsync_seconds_p99" -> facts.setFsyncP99Millis(measure.value() * 1000);
                case "raft_backup_age_seconds" -> facts.setBackupAgeSeconds(measure.value());
                case "raft_backup_failed" -> facts.setBackupFailed(measure.value() > 0);
                default -> {}
            }
        }
        view.ifPresent(v -> {
            v.initialize().ifPresent(i -> facts.setInitialize(i.value()));
            facts.setLeader(v.leader().map(Leader::name).orElse(""))
                    .setConfigThere(v.config().isPresent());
            v.config()
                    .ifPresent(c -> DynamicConfigJson.validate(c.value()).stream()
                            .map(Problem::text)
                            .forEach(facts::addConfigProblems));
        });
        return facts.build();
    }

    private boolean partnersHaveChanged() {
        try {
            return own.source().preview().needRestart().contains(PARTNERS);
        } catch (ConfigProblems e) {
            // That the file cannot be read is said where the configuration is.
            return true;
        }
    }

    private GuardFacts guard(AgentConfig config) {
        Pulse pulse = agent.pulse();
        return GuardFacts.newBuilder()
                .setLeads(agent.holdsLease())
                .setGuarded(pulse.guarded())
                .setWatchdog(pulse.watchdog())
                .setWatchdogMode(config.watchdog().mode().name().toLowerCase(Locale.ROOT))
                .setWatchdogDevice(config.watchdog().device().toString())
                .setDeviceThere(Files.exists(config.watchdog().device()))
                .setWatchdogProblem(own.watchdogProblem().get())
                .setLateMillis(pulse.late().toMillis())
                .setWriteProblem(own.writeProblem().get())
                .build();
    }
}
