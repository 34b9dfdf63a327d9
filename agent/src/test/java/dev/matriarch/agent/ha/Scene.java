package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineClaim;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.Versioned;
import java.time.Duration;
import java.time.Instant;
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
    private LocalPostgres postgres = Servers.primary(100);
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
    private final PublishedMembers members = new PublishedMembers();

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
        return of("n2").postgres(Servers.replica(100)).following("n1");
    }

    Scene holding(Duration left, boolean renewed) {
        lease = new Lease.Held(5, NOW + left.toNanos(), renewed);
        return this;
    }

    Scene ledBy(String name) {
        leader = Optional.of(new Leader(name, 6));
        members.ledBy(name);
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
        members.change(name, m -> m.tags(published));
        return this;
    }

    Scene memberState(String name, String state) {
        members.change(name, m -> m.state(state));
        return this;
    }

    /** It has been promoted and has made no checkpoint since. */
    Scene awaitsCheckpoint(String name) {
        members.change(name, m -> m.checkpointAfterPromote(Optional.of(false)));
        return this;
    }

    Scene memberStreams(String name) {
        members.change(name, m -> m.replicationState("streaming"));
        return this;
    }

    Scene memberRole(String name, String role) {
        members.replace(name, m -> PublishedMembers.member(name, role));
        return this;
    }

    Scene later(long nanos) {
        now += nanos;
        return this;
    }

    Scene memberAt(String name, long lsn) {
        members.change(name, m -> m.xlogLocation(Optional.of(new Lsn(lsn))));
        return this;
    }

    Scene without(String name) {
        members.remove(name);
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
        listed = PublishedMembers.apiUrls(members);
        return this;
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

    Scene withoutSlots() {
        useSlots = false;
        return this;
    }

    Scene raceBackoff(Duration value) {
        raceBackoff = value;
        return this;
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

    /** An election without n1 in which the other replica is ahead. */
    static Scene election(String me, Settings.Synchronous.Mode mode, String syncLeader, String... voters) {
        return Scene.of(me)
                .postgres(Servers.replica(100))
                .following("n1")
                .unlocked()
                .sync(syncLeader, 0, voters)
                .answers(Answers.dead("n1"), Answers.standby(me.equals("n2") ? "n3" : "n2", 150))
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
                members.all(),
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
