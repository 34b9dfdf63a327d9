package dev.matriarch.agent.ha;

import dev.matriarch.agent.ha.Settings.Synchronous;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Five servers as far as commits, acknowledgements and elections are concerned. Their WAL is a list of commits, so that
 * histories can part; the decisions are the real ones.
 */
final class SyncModel {
    /** @param id negative for the record that begins a timeline */
    record Entry(long id, int timeline) {}

    static final class Server {
        final List<Entry> wal = new ArrayList<>();

        int timeline() {
            return wal.isEmpty() ? 1 : wal.getLast().timeline();
        }

        boolean has(Set<Long> ids) {
            Set<Long> mine = new HashSet<>();
            wal.forEach(e -> mine.add(e.id()));
            return mine.containsAll(ids);
        }

        /** Ordered like LSNs on one timeline. */
        Lsn position() {
            return new Lsn(1 + wal.size());
        }
    }

    final List<String> all = List.of("a", "b", "c", "d", "e");
    final Map<String, Server> servers = new TreeMap<>();
    final Map<String, Map<String, Object>> tags = new HashMap<>();
    final Map<String, String> states = new HashMap<>();
    final Set<String> connected = new HashSet<>();
    final StringBuilder story = new StringBuilder();
    final Set<Long> acknowledged = new HashSet<>();
    String leader = "a";
    Optional<Versioned<SyncState>> sync = Optional.empty();
    String names = "";
    Optional<Lsn> namesSince = Optional.of(new Lsn(1));
    boolean longPrimary = true;
    boolean takenUp = true;
    Synchronous settings = Synchronous.OFF;
    int serverVersion = 150_000;
    /** False from taking the lock until the promotion. */
    boolean promoted = true;
    /** Whose key says still that it is the primary. */
    final Set<String> stale = new HashSet<>();

    /** Whose key the store has no more. */
    final Set<String> forgotten = new HashSet<>();

    private long commits;
    private int revision;
    private int timelines = 1;

    SyncModel() {
        all.forEach(n -> servers.put(n, new Server()));
    }

    // --- What servers do ---

    void commit() {
        if (promoted) {
            Server server = servers.get(leader);
            server.wal.add(new Entry(++commits, timelines));
            acknowledge();
        }
    }

    void connect(String name) {
        if (promoted && !name.equals(leader) && connected.add(name)) {
            // What the leader does not have is rewound.
            Server mine = servers.get(name);
            Server leaders = servers.get(leader);
            while (!mine.wal.isEmpty()
                    && (mine.wal.size() > leaders.wal.size()
                            || !mine.wal.getLast().equals(leaders.wal.get(mine.wal.size() - 1)))) {
                mine.wal.removeLast();
            }
        }
    }

    /** The standby receives up to so many commits. */
    void stream(String name, int most) {
        if (!connected.contains(name)) {
            return;
        }
        Server mine = servers.get(name);
        List<Entry> source = servers.get(leader).wal;
        for (int i = 0; i < most && mine.wal.size() < source.size(); i++) {
            mine.wal.add(source.get(mine.wal.size()));
        }
        acknowledge();
    }

    /** As PostgreSQL: everything up to the place that enough standbys have confirmed. */
    private void acknowledge() {
        if (!promoted) {
            return;
        }
        List<Entry> wal = servers.get(leader).wal;
        int upTo;
        if (names.isEmpty()) {
            upTo = wal.size();
        } else {
            Optional<StandbyNames> parsed = StandbyNames.parse(names);
            // A star waits for one standby, whichever.
            int count = parsed.map(StandbyNames::count).orElse(1);
            List<Integer> reached = new ArrayList<>();
            for (String name : all) {
                boolean listed = parsed.map(p -> p.names().contains(name)).orElse(true);
                if (connected.contains(name) && listed) {
                    reached.add(servers.get(name).wal.size());
                }
            }
            boolean first = parsed.map(p -> p.kind() == StandbyNames.Kind.FIRST).orElse(false);
            if (first && reached.size() > count) {
                reached = reached.subList(0, count);
            }
            reached.sort((x, y) -> y - x);
            upTo = reached.size() >= count ? reached.get(count - 1) : 0;
        }
        wal.subList(0, Math.min(upTo, wal.size())).stream()
                .map(Entry::id)
                .filter(id -> id > 0)
                .forEach(acknowledged::add);
    }

    // --- What agents do ---

    void apply(Decision step) {
        story.append(leader).append(": ").append(step.because()).append('\n');
        switch (step) {
            case Decision.WriteSync write -> sync = write.state().map(s -> new Versioned<>(s, ++revision));
            case Decision.SetStandbyNames set -> {
                names = set.setting();
                acknowledge();
                namesSince = Optional.of(servers.get(leader).position());
            }
            case Decision.Promote promote -> {
                promoted = true;
                timelines++;
                servers.get(leader).wal.add(new Entry(-timelines, timelines));
                namesSince = Optional.of(servers.get(leader).position());
                longPrimary = false;
                acknowledge();
            }
            default -> throw new AssertionError(step);
        }
    }

    /** What the leader does next about synchronous replication; before its promotion, what it does first of all. */
    Optional<Decision> next() {
        Observation seen = observation(leader);
        Synchronization duty =
                new Synchronization(seen, view(), seen.postgres().status().orElseThrow());
        return promoted
                ? duty.next()
                : Optional.of(
                        duty.beforePromotion().orElse(new Decision.Promote(Set.of(), 0, "promoted self to leader")));
    }

    /** The leader is gone and this member has won. */
    void elected(String winner) {
        story.append(leader).append(" has died, elected: ").append(winner).append('\n');
        connected.clear();
        leader = winner;
        names = "";
        promoted = false;
        longPrimary = false;
        namesSince = Optional.empty();
        if (sync.isEmpty()) {
            // Nothing was promised.
            acknowledged.removeIf(id -> !servers.get(winner).has(Set.of(id)));
        }
    }

    /** The leader's server crashes and comes back under its lock. */
    void restartPrimary() {
        story.append(leader).append(" starts again\n");
        connected.clear();
        names = Synchronization.settingAtStart(observation(leader).settings(), sync);
        namesSince = Optional.of(servers.get(leader).position());
        longPrimary = false;
        acknowledge();
    }

    /** The best that can happen to a candidate: everybody answers who does not stand in its way. */
    boolean mayWin(String candidate) {
        List<Survey.Answer> answers = new ArrayList<>();
        Server mine = servers.get(candidate);
        for (String name : all) {
            if (name.equals(candidate)) {
                continue;
            }
            Server other = servers.get(name);
            boolean behind = other.timeline() < mine.timeline()
                    || other.timeline() == mine.timeline() && other.wal.size() <= mine.wal.size();
            answers.add(
                    behind
                            ? new Survey.Answer(name, true, true, true, other.position(), other.timeline(), false, 1)
                            : Survey.Answer.unreachable(name));
        }
        Observation seen = observation(candidate, answers.toArray(Survey.Answer[]::new));
        return new LeaderRace(seen, view(), seen.postgres().status().orElseThrow()).verdict()
                instanceof LeaderRace.Verdict.Stand;
    }

    /** Who may win an election now although it lacks an acknowledged commit. */
    Optional<String> wrongWinner() {
        if (sync.isEmpty() || sync.get().value().leader().isEmpty()) {
            return Optional.empty();
        }
        for (String candidate : all) {
            Server server = servers.get(candidate);
            if (!server.has(acknowledged) && mayWin(candidate)) {
                return Optional.of(
                        candidate + " may win under " + sync.get().value() + " and '" + names + "'\n" + story);
            }
        }
        return Optional.empty();
    }

    // --- The same in the words of the decision core ---

    private ClusterView view() {
        return new ClusterView(
                1,
                Optional.of(new Versioned<>(Scene.SYSTEM, 1)),
                Optional.of(new Versioned<>("{}", 2)),
                Optional.of(new Leader(leader, 1)),
                all.stream()
                        .filter(name -> !forgotten.contains(name))
                        .map(this::member)
                        .toList(),
                new ClusterStatus(Lsn.INVALID, Map.of(), List.of()),
                Optional.empty(),
                Optional.empty(),
                sync,
                Map.of());
    }

    private Member member(String name) {
        return Member.named(name)
                .connUrl("postgres://" + name + ":5432/postgres")
                .state(states.getOrDefault(name, "running"))
                .role(name.equals(leader) || stale.contains(name) ? "primary" : "replica")
                .tags(tags.getOrDefault(name, Map.of()))
                .build();
    }

    private LocalPostgres postgres(String name) {
        Server server = servers.get(name);
        boolean primary = name.equals(leader) && promoted;
        Optional<StandbyNames> parsed = StandbyNames.parse(names);
        List<LocalPostgres.Sender> senders = new ArrayList<>();
        for (String standby : all) {
            if (primary && connected.contains(standby)) {
                boolean listed = parsed.map(p -> p.names().contains(standby)).orElse(true);
                String state = !listed
                        ? "async"
                        : parsed.map(p -> p.kind() == StandbyNames.Kind.ANY).orElse(false) ? "quorum" : "sync";
                Lsn at = servers.get(standby).position();
                senders.add(new LocalPostgres.Sender(standby, "r", "", "streaming", state, 1, at, at, at));
            }
        }
        return Servers.running(new LocalPostgres.Status(
                !primary,
                server.timeline(),
                server.position(),
                server.position(),
                server.position(),
                false,
                Optional.empty(),
                false,
                name.equals(leader) ? names : "",
                takenUp,
                "on",
                senders,
                List.of(),
                serverVersion,
                "",
                Map.of()));
    }

    private Observation observation(String me, Survey.Answer... answers) {
        Scene scene = Scene.of(me)
                .view(view())
                .postgres(postgres(me))
                .synchronous(settings)
                .tagged(tags.getOrDefault(me, Map.of()))
                .situation(new Memories()
                        .standbyNamesSince(namesSince)
                        .primaryFor(Duration.ofSeconds(longPrimary ? 60 : 0))
                        .situation());
        return answers.length == 0
                ? scene.observation()
                : scene.answers(answers).observation();
    }
}
