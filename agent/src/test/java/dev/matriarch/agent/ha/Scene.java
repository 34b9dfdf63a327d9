package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineClaim;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.Versioned;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/** Builds an observation of a healthy three-node cluster, in which n1 leads, and lets a test change what it is about. */
final class Scene {
    static final long NOW = 1_000_000_000_000L;
    static final Instant WALL_CLOCK = Instant.parse("2026-01-01T00:00:00Z");
    static final String SYSTEM = "7400000000000000001";

    private String me = "n1";
    private Optional<Leader> leader = Optional.of(new Leader("n1", 5));
    private Optional<String> initialize = Optional.of(SYSTEM);
    private long initializeRevision = 1;
    private Optional<SyncState> sync = Optional.empty();
    private Optional<FailoverRequest> failover = Optional.empty();
    private Optional<TimelineHistory> history = Optional.empty();
    private Instant wallClock = WALL_CLOCK;
    private Optional<String> unreachable = Optional.empty();
    private Optional<ClusterView> wholeView = Optional.empty();
    private Lease lease = new Lease.NotHeld();
    private LocalPostgres postgres = primary(100);
    private Settings.Synchronous synchronous = Settings.Synchronous.OFF;
    private boolean paused;
    private boolean prePromote;
    private boolean cloneWithoutLeader;
    private boolean standbyFromArchive;
    private Duration primaryStartTimeout = Duration.ofSeconds(300);
    private Tags tags = Tags.NONE;
    private long now = NOW;
    private Duration raceBackoff = Duration.ZERO;
    private boolean useSlots = true;
    private SlotRules slots = SlotRules.NONE;
    private Optional<StandbyCluster> standbyCluster = Optional.empty();
    private ClusterStatus published = ClusterStatus.NONE;
    private boolean failsafe;
    private Map<String, String> listed = Map.of();
    private boolean checkTimeline;
    private Situation situation = Situation.fresh();
    private Optional<Survey> survey = Optional.empty();
    private Optional<Task> task = Optional.empty();
    private Optional<Order> order = Optional.empty();
    private Watchdog watchdog = Watchdog.OFF;
    private long optime = 100;
    private Optional<TimelineClaim> claim = Optional.empty();
    private final List<Member> members =
            new ArrayList<>(List.of(member("n1", "primary"), member("n2", "replica"), member("n3", "replica")));

    static Scene of(String me) {
        Scene scene = new Scene();
        scene.me = me;
        return scene;
    }

    /** n1, the primary, with a freshly renewed lease. */
    static Scene leader() {
        return of("n1").holding(Duration.ofSeconds(4), true).situation(new Memories().situation());
    }

    /** n2, a running replica of n1. */
    static Scene replica() {
        return of("n2").postgres(replica(100)).following("n1");
    }

    static Member member(String name, String role) {
        return Member.named(name)
                .connUrl("postgres://10.0.0." + name.substring(1) + ":5432/postgres")
                .apiUrl("http://10.0.0." + name.substring(1) + ":8008/patroni")
                .rpcAddress("10.0.0." + name.substring(1) + ":8009")
                .role(role)
                .version("0.1.0")
                .xlogLocation(new Lsn(100))
                .timeline(1)
                .build();
    }

    static LocalPostgres.Status status(boolean inRecovery, long lsn, int timeline) {
        return new LocalPostgres.Status(
                inRecovery,
                timeline,
                new Lsn(lsn),
                inRecovery ? new Lsn(lsn) : Lsn.INVALID,
                new Lsn(lsn),
                false,
                Optional.empty(),
                inRecovery,
                "",
                true,
                "on",
                List.of(),
                List.of(
                        new LocalPostgres.Slot(inRecovery ? "n1" : "n2", !inRecovery, new Lsn(1)),
                        new LocalPostgres.Slot("n3", !inRecovery, new Lsn(1))),
                150_000,
                "2026-01-01",
                Map.of());
    }

    static LocalPostgres running(LocalPostgres.Status status) {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                Optional.of(SYSTEM),
                LocalPostgres.Process.RUNNING,
                Optional.empty(),
                Optional.of(status),
                "");
    }

    static LocalPostgres primary(long lsn) {
        return running(status(false, lsn, 1));
    }

    static LocalPostgres replica(long lsn) {
        return running(status(true, lsn, 1));
    }

    static LocalPostgres replicaWithStandbyNames(long lsn, String standbyNames) {
        LocalPostgres.Status s = status(true, lsn, 1);
        return running(new LocalPostgres.Status(
                s.inRecovery(),
                s.timeline(),
                s.position(),
                s.received(),
                s.replayed(),
                s.replayPaused(),
                s.replayTimestamp(),
                s.streaming(),
                standbyNames,
                s.reloadTakenUp(),
                s.synchronousCommit(),
                s.senders(),
                s.slots(),
                s.serverVersion(),
                s.postmasterStartTime(),
                s.pendingRestart()));
    }

    static LocalPostgres stopped(String controlState) {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                Optional.of(SYSTEM),
                LocalPostgres.Process.STOPPED,
                Optional.of(new LocalPostgres.ControlFile(controlState, 1, new Lsn(90), Lsn.INVALID, 0, true)),
                Optional.empty(),
                "");
    }

    static LocalPostgres empty() {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.EMPTY,
                Optional.empty(),
                LocalPostgres.Process.STOPPED,
                Optional.empty(),
                Optional.empty(),
                "");
    }

    Scene holding(Duration left, boolean renewed) {
        lease = new Lease.Held(5, NOW + left.toNanos(), renewed);
        return this;
    }

    Scene ledBy(String name) {
        leader = Optional.of(new Leader(name, 6));
        members.replaceAll(m -> member(m.name(), m.name().equals(name) ? "primary" : "replica"));
        return this;
    }

    Scene unlocked() {
        leader = Optional.empty();
        return this;
    }

    Scene postgres(LocalPostgres value) {
        postgres = value;
        return this;
    }

    Scene following(String name) {
        return situation(new Memories().following(name).situation());
    }

    Scene situation(Situation value) {
        situation = value;
        return this;
    }

    Scene standbyFromArchive() {
        standbyFromArchive = true;
        return this;
    }

    Scene cloneWithoutLeader() {
        cloneWithoutLeader = true;
        return this;
    }

    Scene uninitialized() {
        initialize = Optional.empty();
        return this;
    }

    Scene sync(String leaderName, int votes, String... voters) {
        synchronous = synchronous(Settings.Synchronous.Mode.QUORUM);
        sync = Optional.of(new SyncState(leaderName, new TreeSet<>(List.of(voters)), votes));
        return this;
    }

    static Settings.Synchronous synchronous(Settings.Synchronous.Mode mode) {
        return new Settings.Synchronous(mode, false, 1, 0, "");
    }

    Scene asked(String from, String to) {
        failover =
                Optional.of(new FailoverRequest(Optional.ofNullable(from), Optional.ofNullable(to), Optional.empty()));
        return this;
    }

    Scene asked(String from, String to, Instant at) {
        failover =
                Optional.of(new FailoverRequest(Optional.ofNullable(from), Optional.ofNullable(to), Optional.of(at)));
        return this;
    }

    /** Somebody who held the lock before has begun to create the cluster. */
    Scene begunBefore() {
        initialize("");
        initializeRevision = 1;
        return this;
    }

    Scene initialize(String value) {
        // An empty one by the present holder of the lock, unless a test is about it.
        initializeRevision = value.isEmpty() ? 1_000_000 : 1;
        initialize = Optional.of(value);
        return this;
    }

    Scene askedFor(Instant time, String from, String to) {
        failover = Optional.of(new FailoverRequest(Optional.of(from), Optional.of(to), Optional.of(time)));
        return this;
    }

    Scene wallClock(Instant value) {
        wallClock = value;
        return this;
    }

    Scene paused() {
        paused = true;
        return this;
    }

    Scene nofailover() {
        tags = new Tags(true, 1, false, Optional.empty());
        return this;
    }

    Scene tagged(Map<String, Object> own) {
        tags = Tags.of(own);
        return this;
    }

    /** Gives a member tags, as it published them. */
    Scene memberTagged(String name, Map<String, Object> published) {
        members.replaceAll(m -> m.name().equals(name) ? withTags(m, published) : m);
        return this;
    }

    Scene memberState(String name, String state) {
        members.replaceAll(m -> m.name().equals(name) ? withState(m, state) : m);
        return this;
    }

    /** It has been promoted and has made no checkpoint since. */
    Scene awaitsCheckpoint(String name) {
        members.replaceAll(
                m -> m.name().equals(name) ? copy(m, m.state(), m.xlogLocation(), m.tags(), Optional.of(false)) : m);
        return this;
    }

    Scene memberStreams(String name) {
        members.replaceAll(m ->
                m.name().equals(name) ? m.but().replicationState("streaming").build() : m);
        return this;
    }

    Scene memberRole(String name, String role) {
        members.replaceAll(m -> m.name().equals(name) ? member(name, role) : m);
        return this;
    }

    Scene later(long nanos) {
        now += nanos;
        return this;
    }

    Scene memberAt(String name, long lsn) {
        members.replaceAll(m -> m.name().equals(name) ? at(m, lsn) : m);
        return this;
    }

    Scene without(String name) {
        members.removeIf(m -> m.name().equals(name));
        return this;
    }

    Scene history(int timeline) {
        history = Optional.of(new TimelineHistory(List.of(new TimelineHistory.Row(
                timeline - 1, new Lsn(50), "no recovery target specified", Optional.empty(), Optional.empty()))));
        return this;
    }

    Scene checkTimeline() {
        checkTimeline = true;
        return this;
    }

    /** Failsafe mode is on, and the key names these members. */
    Scene failsafe(String... members) {
        failsafe = true;
        return listed(members);
    }

    Scene listed(String... members) {
        listed = apiUrls(members);
        return this;
    }

    static Map<String, String> apiUrls(String... members) {
        Map<String, String> urls = new java.util.TreeMap<>();
        for (String name : members) {
            urls.put(name, member(name, "replica").apiUrl());
        }
        return urls;
    }

    Scene holdingEpoch(long epoch) {
        lease = new Lease.Held(epoch, NOW + 4_000_000_000L, true);
        return this;
    }

    /** The lease of n1 was moved on by promises. */
    Scene holdingByPromise(Duration left) {
        lease = new Lease.Held(5, NOW + left.toNanos(), false, true);
        return this;
    }

    Scene standbyCluster(StandbyCluster value) {
        standbyCluster = Optional.of(value);
        return this;
    }

    Scene slots(SlotRules value) {
        slots = value;
        return this;
    }

    /** The slots of the status key. */
    Scene published(Map<String, Lsn> positions, String... retained) {
        published = new ClusterStatus(new Lsn(optime), positions, List.of(retained));
        return this;
    }

    static LocalPostgres withSlots(boolean inRecovery, long lsn, LocalPostgres.Slot... slots) {
        LocalPostgres.Status s = status(inRecovery, lsn, 1);
        return running(new LocalPostgres.Status(
                s.inRecovery(),
                s.timeline(),
                s.position(),
                s.received(),
                s.replayed(),
                s.replayPaused(),
                s.replayTimestamp(),
                s.streaming(),
                s.synchronousStandbyNames(),
                s.reloadTakenUp(),
                s.synchronousCommit(),
                s.senders(),
                List.of(slots),
                s.serverVersion(),
                s.postmasterStartTime(),
                s.pendingRestart()));
    }

    /** The same server of another version. */
    static LocalPostgres ofVersion(int serverVersion, LocalPostgres server) {
        LocalPostgres.Status s = server.status().orElseThrow();
        return running(new LocalPostgres.Status(
                s.inRecovery(),
                s.timeline(),
                s.position(),
                s.received(),
                s.replayed(),
                s.replayPaused(),
                s.replayTimestamp(),
                s.streaming(),
                s.synchronousStandbyNames(),
                s.reloadTakenUp(),
                s.synchronousCommit(),
                s.senders(),
                s.slots(),
                serverVersion,
                s.postmasterStartTime(),
                s.pendingRestart()));
    }

    Scene withoutSlots() {
        useSlots = false;
        return this;
    }

    Scene raceBackoff(Duration value) {
        raceBackoff = value;
        return this;
    }

    static Member withTags(Member m, Map<String, Object> tags) {
        return copy(m, m.state(), m.xlogLocation(), tags);
    }

    static Member withState(Member m, String state) {
        return copy(m, state, m.xlogLocation(), m.tags());
    }

    static Member at(Member m, long lsn) {
        return copy(m, m.state(), Optional.of(new Lsn(lsn)), m.tags());
    }

    private static Member copy(Member m, String state, Optional<Lsn> position, Map<String, Object> tags) {
        return copy(m, state, position, tags, m.checkpointAfterPromote());
    }

    private static Member copy(
            Member m, String state, Optional<Lsn> position, Map<String, Object> tags, Optional<Boolean> checkpoint) {
        return m.but()
                .state(state)
                .xlogLocation(position)
                .tags(tags)
                .checkpointAfterPromote(checkpoint)
                .build();
    }

    Scene prePromoteScript() {
        prePromote = true;
        return this;
    }

    Scene primaryStartTimeout(Duration value) {
        primaryStartTimeout = value;
        return this;
    }

    Scene storeLost() {
        unreachable = Optional.of("no quorum");
        return this;
    }

    Scene watchdog(boolean required, Watchdog.State state) {
        watchdog = new Watchdog(required, state, state == Watchdog.State.UNUSABLE ? "no device" : "");
        return this;
    }

    Scene optime(long value) {
        optime = value;
        return this;
    }

    Scene busy(Task.Kind kind) {
        task = Optional.of(new Task(kind, NOW - 1));
        return this;
    }

    Scene busySince(Task.Kind kind, Duration ago) {
        task = Optional.of(new Task(kind, NOW - ago.toNanos()));
        return this;
    }

    Scene order(Order value) {
        order = Optional.of(value);
        return this;
    }

    Scene answers(Survey.Answer... answers) {
        survey = Optional.of(new Survey(List.of(answers)));
        return this;
    }

    static Survey.Answer standby(String name, long lsn) {
        return standby(name, lsn, 1);
    }

    static Survey.Answer standby(String name, long lsn, int timeline) {
        return new Survey.Answer(name, true, true, true, new Lsn(lsn), timeline, false, 1);
    }

    static Survey.Answer dead(String name) {
        return Survey.Answer.unreachable(name);
    }

    /** An election without n1 in which the other replica is ahead. */
    static Scene election(String me, Settings.Synchronous.Mode mode, String syncLeader, String... voters) {
        return Scene.of(me)
                .postgres(replica(100))
                .following("n1")
                .unlocked()
                .sync(syncLeader, 0, voters)
                .answers(dead("n1"), standby(me.equals("n2") ? "n3" : "n2", 150))
                .synchronous(synchronous(mode));
    }

    Scene synchronous(Settings.Synchronous value) {
        synchronous = value;
        return this;
    }

    /** Takes the place of all that the scene itself says of the store. */
    Scene view(ClusterView value) {
        wholeView = Optional.of(value);
        return this;
    }

    ClusterView view() {
        return wholeView.orElseGet(this::ownView);
    }

    private ClusterView ownView() {
        return new ClusterView(
                9,
                initialize.map(v -> new Versioned<>(v, initializeRevision)),
                Optional.of(new Versioned<>("{}", 2)),
                leader,
                members,
                new ClusterStatus(new Lsn(optime), published.slots(), published.retainSlots(), claim()),
                failover.map(v -> new Versioned<>(v, 3)),
                history,
                sync.map(v -> new Versioned<>(v, 4)),
                listed);
    }

    Scene claim(int timeline, long epoch) {
        claim = Optional.of(new TimelineClaim(timeline, epoch));
        return this;
    }

    /** Unless a test is about it, the number of the next timeline has been claimed under the lock that is held. */
    private Optional<TimelineClaim> claim() {
        return claim.or(() ->
                lease instanceof Lease.Held held ? Optional.of(new TimelineClaim(2, held.epoch())) : Optional.empty());
    }

    Decision decide() {
        return Decider.decide(observation());
    }

    Observation observation() {
        Settings settings = new Settings(
                Duration.ofSeconds(5),
                Duration.ofSeconds(1),
                Duration.ofSeconds(2),
                Duration.ofMillis(750),
                1_048_576,
                checkTimeline,
                synchronous,
                paused,
                primaryStartTimeout,
                true,
                useSlots,
                true,
                true,
                0,
                raceBackoff,
                failsafe,
                prePromote,
                slots,
                standbyCluster,
                cloneWithoutLeader,
                standbyFromArchive);
        return new Observation(
                now,
                wallClock,
                me,
                tags,
                unreachable.<Store>map(Store.Unreachable::new).orElse(new Store.Known(view())),
                lease,
                postgres,
                settings,
                situation,
                task,
                survey,
                order,
                watchdog);
    }
}
