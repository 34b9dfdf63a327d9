package dev.matriarch.agent.rpc;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.ha.Candidacy;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Survey;
import dev.matriarch.agent.recorder.Event;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Measure;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/** A member whose loop does nothing but note what it was asked. */
public final class FakeLocalAgent implements LocalAgent {
    private final String name;
    private final FakeDcs dcs;
    final List<String> asked = new CopyOnWriteArrayList<>();
    final List<String> orders = new CopyOnWriteArrayList<>();
    volatile Progress cloning;
    volatile DynamicConfig config = config(DynamicConfig.SynchronousMode.OFF, false);
    final java.util.List<String> promises = new java.util.concurrent.CopyOnWriteArrayList<>();
    volatile Optional<String> promiseRefused = Optional.empty();
    volatile Candidacy candidacy = new Candidacy(true, "I am the healthiest member", new Lsn(100), 1);
    volatile List<Event> events = List.of();
    private volatile boolean primary;
    volatile Position position = new Position(true, true, new Lsn(100), 1, false, 1, false);

    public FakeLocalAgent(String name, FakeDcs dcs) {
        this.name = name;
        this.dcs = dcs;
    }

    /** What it has observed of its server. */
    public void runsAsPrimary(boolean is) {
        primary = is;
    }

    /** What it has heard from the store. */
    public void paused(boolean is) {
        config = config(DynamicConfig.SynchronousMode.OFF, is);
    }

    static DynamicConfig config(DynamicConfig.SynchronousMode mode, boolean paused) {
        return DynamicConfigJson.parse("""
                {"ttl": 5, "loop_wait": 1, "retry_timeout": 2, "synchronous_mode": "%s", "pause": %s}
                """.formatted(mode.name().toLowerCase(Locale.ROOT), paused));
    }

    public static Member member(String name, String role, String rpcAddress) {
        return Member.named(name)
                .connUrl("postgres://10.0.0.1:5432/postgres")
                .apiUrl("http://10.0.0.1:8008/patroni")
                .rpcAddress(rpcAddress)
                .role(role)
                .version("0.1.0")
                .xlogLocation(new Lsn(2 << 20))
                .receiveLsn(role.equals("primary") ? Optional.empty() : Optional.of(new Lsn(1 << 20)))
                .replayLsn(role.equals("primary") ? Optional.empty() : Optional.of(new Lsn(1 << 20)))
                .replicationState(role.equals("primary") ? Optional.empty() : Optional.of("streaming"))
                .timeline(1)
                .build();
    }

    static Member tagged(Member member, Map<String, Object> tags) {
        return member.but()
                .tags(tags)
                .pendingRestart(Map.of())
                .checkpointAfterPromote(Optional.empty())
                .paused(false)
                .build();
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String scope() {
        return "demo";
    }

    @Override
    public String version() {
        return "0.1.0";
    }

    @Override
    public Optional<ClusterView> view() {
        return Optional.of(dcs.now());
    }

    @Override
    public Duration viewAge() {
        return Duration.ofMillis(42);
    }

    @Override
    public DynamicConfig dynamicConfig() {
        return config;
    }

    @Override
    public LocalPostgres postgres() {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                Optional.of("74"),
                LocalPostgres.Process.RUNNING,
                Optional.empty(),
                Optional.of(new LocalPostgres.Status(
                        !primary,
                        1,
                        Lsn.INVALID,
                        Lsn.INVALID,
                        Lsn.INVALID,
                        false,
                        Optional.empty(),
                        true,
                        "",
                        true,
                        "on",
                        List.of(),
                        List.of(),
                        150004,
                        "",
                        Map.of())),
                "");
    }

    @Override
    public Dcs dcs() {
        return dcs;
    }

    @Override
    public Pulse pulse() {
        return new Pulse(
                Optional.of(Duration.ofSeconds(3)),
                true,
                "off",
                Duration.ZERO,
                "no action. I am (" + name + ")",
                List.of(Measure.gauge("raft_term", "Term.", 7)),
                "running");
    }

    @Override
    public List<Event> events(Instant since, int most) {
        return events.stream().filter(e -> !e.at().isBefore(since)).toList();
    }

    @Override
    public boolean holdsLease() {
        return false;
    }

    @Override
    public Candidacy candidacy(Survey others) {
        asked.add("candidacy against "
                + others.answers().stream().map(Survey.Answer::name).toList());
        return candidacy;
    }

    @Override
    public Position position() {
        return position;
    }

    @Override
    public Optional<String> promise(String leader, String connUrl, String apiUrl, Duration ttl) {
        promises.add(leader + " " + connUrl + " " + apiUrl + " " + ttl.toMillis());
        return promiseRefused;
    }

    @Override
    public void noteOrder(String sentence) {
        orders.add(sentence);
    }

    @Override
    public Outcome restart(RestartOrder order, Duration timeout, Progress progress) {
        progress.step("PostgreSQL: restarting");
        asked.add("restart " + timeout.toSeconds());
        return new Outcome(200, "restarted successfully");
    }

    @Override
    public Outcome scheduleRestart(RestartOrder order, Instant at) {
        asked.add("restart at " + at);
        return new Outcome(202, "Restart scheduled");
    }

    @Override
    public Outcome cancelScheduledRestart() {
        asked.add("cancel restart");
        return new Outcome(404, "no restarts are scheduled");
    }

    @Override
    public Outcome reinitialize(ReinitOrder order, Progress progress) {
        asked.add("reinitialize");
        progress.goesOn();
        cloning = progress;
        return new Outcome(200, "reinitialize started");
    }

    @Override
    public Outcome reload(Progress progress) {
        asked.add("reload");
        progress.step("the configuration was read again; nothing has changed");
        return new Outcome(202, "reload scheduled");
    }

    @Override
    public void wake(String why) {
        asked.add(why);
    }

    @Override
    public List<dev.matriarch.agent.config.EffectiveConfig.Row> effectiveConfig() {
        return List.of(new dev.matriarch.agent.config.EffectiveConfig.Row("name", name, "test.yml:1"));
    }
}
