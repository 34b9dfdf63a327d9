package dev.matriarch.agent.doctor;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.Problem;
import dev.matriarch.agent.config.RaftConfig;
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
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** Collects what this member knows of itself and how it reaches the others. Any thread. */
final class Facts {
    /** All parts are looked at at the same time. */
    static final Duration LONGEST = Duration.ofMillis(3500);

    private static final Duration TURN = Duration.ofMillis(100);
    private static final int TURNS = 8;

    private static final Duration ASK_SERVER = Duration.ofMillis(1500);

    private final LocalAgent agent;
    private final Own own;
    private final Peers peers;
    private final Configured configured;
    private final Host host = new Host();

    Facts(LocalAgent agent, Own own, Peers peers) {
        this.agent = agent;
        this.own = own;
        this.peers = peers;
        this.configured = new Configured(agent, own);
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
        CompletableFuture<ConfigurationFacts> configuration = begun(() -> configured.facts(config));
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
        facts.addAllDoors(Configured.doors(config, report));
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
                .setKind(Configured.kind(config.store()))
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
            if (measure instanceof Measure.Gauge gauge) {
                switch (gauge.name()) {
                    case "raft_fsync_seconds_p99" -> facts.setFsyncP99Millis(gauge.value() * 1000);
                    case "raft_backup_age_seconds" -> facts.setBackupAgeSeconds(gauge.value());
                    case "raft_backup_failed" -> facts.setBackupFailed(gauge.value() > 0);
                    default -> {}
                }
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
            return own.source().preview().needRestart().contains(Configured.PARTNERS);
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
