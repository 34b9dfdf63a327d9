package dev.matriarch.sim;

import dev.matriarch.agent.ha.Divergence;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.TimelineHistory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * One PostgreSQL server and its data directory, as far as high availability can see it: a position on a branch of WAL,
 * the control file, streaming from and to others, the wait of commits for standbys, start, stop, crash, promotion.
 */
public final class SimPostgres {
    private static final long FIRST_POSITION = 0x3000000L;
    private static final int SERVER_VERSION = 150014;

    final int host;
    private final World world;
    private final Rng rng;

    // --- The data directory: survives everything but its deletion ---
    LocalPostgres.DataDirectory directory = LocalPostgres.DataDirectory.EMPTY;
    String systemIdentifier = "";
    Timeline timeline;
    /** End of the WAL that is on disk. */
    long end;
    /** How far replay is sure to have come; what is reported right after a crash. */
    long redo;
    /** Highest number for which a history file is here. */
    int knownTimeline;

    String control = "";
    long checkpoint;
    boolean wasStandby;
    /** Made by initdb here, for a cluster that may never have been announced. */
    boolean bornHere;
    /** The note of a promotion: this member opened a timeline that left this one; -1 if there is none. */
    int promotedFrom = -1;
    /** The first checkpoint on a new timeline is still to come: the control file names the old one. */
    boolean checkpointPending;

    final Map<String, Long> slots = new TreeMap<>();
    // postgresql.conf as the agent wrote it
    private String names = "";
    private int upstream = -1;

    // --- The running server ---
    LocalPostgres.Process process = LocalPostgres.Process.STOPPED;
    boolean inRecovery;
    boolean hung;
    boolean diskFull;
    private String namesShown = "";
    private SyncNames namesOfSenders = SyncNames.NONE;
    private boolean namesTakenUp = true;
    private long received;
    private long replayed;
    private boolean localWalDone;
    private int connectedTo = -1;
    private long started;
    /** Everything that was planned for an earlier life of the server is void. */
    int life;

    private int receiverLife;
    private final Sender[] senders;
    private final List<Long> waitingCommits = new ArrayList<>();
    private List<Runnable> onExit = new ArrayList<>();

    /** One WAL sender process. */
    private static final class Sender {
        boolean connected;
        long flush;
        boolean busy;
        int receiver;
    }

    SimPostgres(World world, int host, Rng rng) {
        this.world = world;
        this.host = host;
        this.rng = rng;
        senders = new Sender[world.size()];
        for (int i = 0; i < senders.length; i++) {
            senders[i] = new Sender();
        }
    }

    private String me() {
        return world.name(host);
    }

    private void trace(Supplier<String> what) {
        if (world.tracing()) {
            world.trace(me() + " postgres: " + what.get());
        }
    }

    String place() {
        return timeline == null ? "nothing" : timeline + " at " + new Lsn(end);
    }

    /** Runs once when the postmaster that lives now has ended. */
    public void onExit(Runnable action) {
        onExit.add(action);
    }

    public boolean alive() {
        return process != LocalPostgres.Process.STOPPED;
    }

    public boolean writable() {
        return process == LocalPostgres.Process.RUNNING && !inRecovery;
    }

    public boolean standby() {
        return process == LocalPostgres.Process.RUNNING && inRecovery;
    }

    boolean holds(Timeline other, long position) {
        return directory == LocalPostgres.DataDirectory.VALID
                && timeline != null
                && timeline.holds(end, other, position);
    }

    // --- What a monitoring query and the control file tell ---

    public LocalPostgres observe() {
        if (!alive()) {
            boolean valid = directory == LocalPostgres.DataDirectory.VALID;
            return new LocalPostgres(
                    directory,
                    valid ? Optional.of(systemIdentifier) : Optional.empty(),
                    LocalPostgres.Process.STOPPED,
                    valid ? Optional.of(controlFile()) : Optional.empty(),
                    Optional.empty(),
                    "");
        }
        boolean answers = process == LocalPostgres.Process.RUNNING && !hung;
        return new LocalPostgres(
                directory,
                Optional.of(systemIdentifier),
                process,
                Optional.empty(),
                answers ? Optional.of(status()) : Optional.empty(),
                answers ? "" : "no answer in time");
    }

    private LocalPostgres.ControlFile controlFile() {
        return new LocalPostgres.ControlFile(
                control,
                timeline.number,
                new Lsn(checkpoint),
                wasStandby ? new Lsn(redo) : Lsn.INVALID,
                wasStandby ? timeline.number : 0,
                true);
    }

    private LocalPostgres.Status status() {
        List<LocalPostgres.Sender> rows = new ArrayList<>(2);
        for (int i = 0; i < senders.length; i++) {
            if (senders[i].connected) {
                String name = world.name(i);
                Lsn flush = new Lsn(senders[i].flush);
                rows.add(new LocalPostgres.Sender(
                        name, "replicator", "", "streaming", namesOfSenders.state(this, name), 1, flush, flush, flush));
            }
        }
        List<LocalPostgres.Slot> present = new ArrayList<>(slots.size());
        slots.forEach((name, restart) -> present.add(new LocalPostgres.Slot(name, false, new Lsn(end))));
        long position = !inRecovery ? end : localWalDone ? Math.max(received, replayed) : 0;
        return new LocalPostgres.Status(
                inRecovery,
                timeline.number,
                new Lsn(position),
                inRecovery ? new Lsn(received) : Lsn.INVALID,
                inRecovery ? new Lsn(replayed) : Lsn.INVALID,
                false,
                Optional.empty(),
                connectedTo >= 0,
                namesShown,
                namesTakenUp,
                "on",
                rows,
                present,
                SERVER_VERSION,
                Long.toString(started),
                Map.of());
    }

    // --- Files ---

    public int host() {
        return host;
    }

    /** Changes with each start and each end of the server. */
    public int life() {
        return life;
    }

    public LocalPostgres.DataDirectory directory() {
        return directory;
    }

    public boolean hung() {
        return hung;
    }

    public boolean diskFull() {
        return diskFull;
    }

    /** It answers questions. */
    public boolean running() {
        return process == LocalPostgres.Process.RUNNING && !hung;
    }

    public int timelineNumber() {
        return timeline == null ? 0 : timeline.number;
    }

    /** As the control file has it: behind until the first checkpoint after a promotion. */
    public int controlTimeline() {
        return checkpointPending && timeline.parent != null ? timeline.parent.number : timeline.number;
    }

    public void halfWritten(boolean value) {
        directory = value ? LocalPostgres.DataDirectory.HALF_WRITTEN : LocalPostgres.DataDirectory.VALID;
    }

    boolean openedItsTimeline() {
        return timeline.parent != null && timeline.parent.number == promotedFrom;
    }

    /** History files of the numbers below this one. */
    public void leaveOut(int timeline) {
        knownTimeline = Math.max(knownTimeline, timeline - 1);
    }

    public void createSlot(String name) {
        slots.put(name, end);
    }

    public void changeSlots(List<SlotChange> changes) {
        for (SlotChange change : changes) {
            switch (change) {
                case SlotChange.CreatePhysical created -> createSlot(created.name());
                case SlotChange.Drop drop -> slots.remove(drop.name());
                case SlotChange.Expire expire -> slots.remove(expire.name());
                default -> {}
            }
        }
    }

    /** The file NNNNNNNN.history of the current timeline. */
    public TimelineHistory history() {
        List<TimelineHistory.Row> rows = new ArrayList<>();
        for (Timeline t = timeline; t.parent != null; t = t.parent) {
            rows.addFirst(new TimelineHistory.Row(
                    t.parent.number,
                    new Lsn(t.start),
                    "no recovery target specified",
                    Optional.empty(),
                    Optional.empty()));
        }
        return new TimelineHistory(rows).upTo(timeline.number);
    }

    /** As Replication.checkDivergence: by numbers and positions; empty if it cannot tell. */
    public Optional<Divergence> compareWith(SimPostgres leader) {
        boolean answers = running();
        if (alive() && !answers) {
            return Optional.empty();
        }
        if (!leader.systemIdentifier.equals(systemIdentifier)) {
            return Optional.empty();
        }
        boolean replica = answers ? inRecovery : wasStandby;
        long position = answers ? (inRecovery ? Math.max(received, replayed) : end) : wasStandby ? redo : checkpoint;
        if (answers && inRecovery && !localWalDone) {
            return Optional.empty();
        }
        boolean clean = control.equals("shut down");
        if (timeline.number > leader.timeline.number) {
            return Optional.of(new Divergence.Found("a later timeline"));
        }
        if (timeline.number == leader.timeline.number) {
            return Optional.of(
                    replica && !openedItsTimeline()
                            ? new Divergence.None()
                            : new Divergence.Found("a number taken twice", false));
        }
        long left = leader.timeline.leaves(timeline.number, leader.end);
        if (left < 0) {
            return Optional.of(new Divergence.Found("a timeline that the leader never was on"));
        }
        if (replica) {
            return Optional.of(position > left ? new Divergence.Found("ahead") : new Divergence.None());
        }
        if (!clean || alive()) {
            return Optional.of(new Divergence.Found("was primary and not shut down cleanly"));
        }
        return Optional.of(
                position < left && end == left ? new Divergence.None() : new Divergence.Found("a former primary"));
    }

    public void initdb(String identifier) {
        Timeline first = new Timeline(1, null, 0);
        bornHere = true;
        directory = LocalPostgres.DataDirectory.VALID;
        systemIdentifier = identifier;
        timeline = first;
        end = FIRST_POSITION;
        first.tail = end;
        checkpoint = end;
        redo = end;
        control = "shut down";
        knownTimeline = 1;
        wasStandby = false;
        names = "";
        upstream = -1;
    }

    /** pg_basebackup, or what pg_rewind leaves: everything as the source had it. */
    public void becomeCopyOf(SimPostgres source) {
        bornHere = false;
        directory = LocalPostgres.DataDirectory.VALID;
        systemIdentifier = source.systemIdentifier;
        timeline = source.timeline;
        end = source.end;
        redo = end;
        checkpoint = end;
        knownTimeline = Math.max(source.timeline.number, 1);
        control = "in archive recovery";
        wasStandby = true;
        promotedFrom = -1;
        slots.clear();
    }

    public void removeData() {
        directory = LocalPostgres.DataDirectory.EMPTY;
        timeline = null;
        end = 0;
        slots.clear();
        upstream = -1;
        names = "";
    }

    public void configure(int upstreamHost, String standbyNames) {
        upstream = upstreamHost;
        names = standbyNames;
    }

    String configuredNames() {
        return names;
    }

    int upstream() {
        return upstream;
    }

    // --- Start and stop ---

    /** The postmaster lives from now on; {@code ready} runs when it accepts connections, unless it ends before. */
    public void start(boolean asStandby, Runnable ready) {
        world.judge().mayStart(this, asStandby);
        life++;
        int mine = life;
        process = LocalPostgres.Process.STARTING;
        inRecovery = asStandby;
        hung = false;
        started = world.events().now();
        received = 0;
        localWalDone = false;
        connectedTo = -1;
        boolean crashed = !control.equals("shut down") && !control.equals("shut down in recovery");
        trace(() -> (asStandby ? "starts as a standby at " : "starts as a primary at ") + place());
        long time = rng.millis(60, 400) + (crashed ? rng.millis(50, rng.chance(0.1) ? 6000 : 1500) : 0);
        if (diskFull && (!asStandby || rng.chance(0.5))) {
            world.events().after(rng.millis(30, 300), () -> {
                if (life == mine) {
                    trace(() -> "ends: no space left on device");
                    ended(control);
                }
            });
            return;
        }
        world.host(host).guards().postmasterAppeared();
        world.events().after(time, () -> {
            if (life != mine || process != LocalPostgres.Process.STARTING) {
                return;
            }
            process = LocalPostgres.Process.RUNNING;
            checkpointPending = false;
            namesShown = names;
            namesOfSenders = SyncNames.parse(names);
            namesTakenUp = true;
            if (asStandby) {
                // A former primary replays all it has before it is consistent; a standby only up to where it once was.
                replayed = wasStandby ? Math.min(redo, end) : end;
                control = "in archive recovery";
                wasStandby = true;
                long local = replayed < end ? rng.millis(100, rng.chance(0.2) ? 8000 : 1500) : 0;
                world.events().after(local, () -> {
                    if (life == mine) {
                        replayed = end;
                        localWalDone = true;
                        connectSoon(0);
                    }
                });
                trace(() -> "accepts connections as a standby, replayed " + new Lsn(replayed) + " of " + place());
            } else {
                control = "in production";
                wasStandby = false;
                becomeWriter();
                trace(() -> "accepts writes at " + place());
                world.judge().becameWritable(this, false);
            }
            ready.run();
        });
    }

    /** WAL goes on from here: on the branch that this server was on, or on a fork of it if others went on before. */
    private void becomeWriter() {
        if (end < timeline.tail) {
            timeline = new Timeline(timeline.number, timeline, end);
        }
        write(56);
    }

    private void write(long bytes) {
        end += bytes;
        timeline.tail = end;
        replayed = end;
    }

    /** Single-user mode: replays all it has and shuts down cleanly; nobody can connect. */
    public void recoverAlone() {
        if (directory == LocalPostgres.DataDirectory.VALID) {
            if (end < timeline.tail) {
                timeline = new Timeline(timeline.number, timeline, end);
            }
            checkpoint = end;
            write(120);
            control = "shut down";
            wasStandby = false;
        }
    }

    /** @param done runs when the server has stopped */
    public void stop(boolean immediate, Runnable done) {
        if (!alive()) {
            done.run();
            return;
        }
        int mine = life;
        if (immediate) {
            // Nothing more is acknowledged once the backends have got their SIGQUIT.
            world.events().after(rng.millis(1, 30), () -> {
                if (life == mine && !hung) {
                    trace(() -> "stopped immediately");
                    ended(crashState());
                }
                if (!alive()) {
                    done.run();
                }
            });
            return;
        }
        if (hung) {
            return;
        }
        boolean primary = writable();
        process = LocalPostgres.Process.STOPPING;
        waitingCommits.clear();
        if (primary) {
            checkpoint = end;
            write(120);
            shipAll();
        }
        long time = rng.millis(30, rng.chance(0.05) ? 15000 : 600);
        world.events().after(time, () -> {
            if (life == mine && alive()) {
                if (primary) {
                    flushToStandbys();
                } else {
                    redo = Math.max(replayed, redo);
                }
                trace(() -> "shut down at " + place());
                ended(primary ? "shut down" : inRecovery ? "shut down in recovery" : control);
                done.run();
            }
        });
    }

    /** A fast shutdown waits until connected standbys have the shutdown checkpoint. */
    private void flushToStandbys() {
        for (int i = 0; i < senders.length; i++) {
            SimPostgres standby = world.host(i).postgres();
            if (senders[i].connected
                    && standby.connectedTo == host
                    && standby.standby()
                    && world.network().joins(Network.WAL, host, i)
                    && !standby.diskFull) {
                standby.take(this, timeline, end);
            }
        }
    }

    private String crashState() {
        return inRecovery ? "in archive recovery" : "in production";
    }

    /** SIGKILL, a panic, or the host is gone. */
    public void crash(String why) {
        if (alive()) {
            trace(() -> "crashes: " + why);
            ended(crashState());
        }
    }

    private void ended(String state) {
        if (inRecovery && state.equals("in archive recovery") && wasStandby) {
            // minRecoveryPoint is only as new as the last buffer that had to be written out.
            redo = rng.chance(0.5) ? Math.max(redo, Math.min(end, replayed)) : Math.min(redo, end);
        }
        control = state;
        life++;
        process = LocalPostgres.Process.STOPPED;
        hung = false;
        waitingCommits.clear();
        for (int i = 0; i < senders.length; i++) {
            if (senders[i].connected) {
                senders[i].connected = false;
                world.host(i).postgres().lostUpstream(host);
            }
        }
        disconnect();
        List<Runnable> told = onExit;
        onExit = new ArrayList<>();
        told.forEach(Runnable::run);
    }

    // --- Promotion ---

    public void promote(Runnable done) {
        int mine = life;
        if (!standby()) {
            return;
        }
        if (hung) {
            // The request waits for it.
            world.events().after(rng.millis(50, 150), () -> {
                if (life == mine) {
                    promote(done);
                }
            });
            return;
        }
        world.events().after(rng.millis(20, rng.chance(0.05) ? 3000 : 300), () -> {
            if (life != mine || !standby()) {
                return;
            }
            disconnect();
            replayed = end;
            redo = end;
            int number = Math.max(knownTimeline, timeline.number) + 1;
            promotedFrom = timeline.number;
            Timeline next = new Timeline(number, timeline, end);
            trace(() -> "promoted: " + place() + " continues as " + next);
            timeline = next;
            knownTimeline = number;
            inRecovery = false;
            wasStandby = false;
            upstream = -1;
            control = "in production";
            checkpoint = end;
            checkpointPending = true;
            write(56);
            world.judge().becameWritable(this, true);
            world.badMoment();
            shipAll();
            done.run();
        });
    }

    public void checkpointOfNewTimeline(Runnable done) {
        int mine = life;
        if (!checkpointPending) {
            world.events().after(0, done);
            return;
        }
        world.events().after(rng.millis(50, rng.chance(0.1) ? 4000 : 900), () -> {
            if (life == mine && writable()) {
                checkpointPending = false;
                checkpoint = end;
                write(120);
                shipAll();
            }
            done.run();
        });
    }

    // --- Commits ---

    void commit(int bytes) {
        if (!writable() || hung) {
            return;
        }
        if (diskFull) {
            crash("no space left on device");
            return;
        }
        write(bytes);
        if (namesShown.isEmpty() && waitingCommits.isEmpty()) {
            acknowledge(end);
        } else {
            waitingCommits.add(end);
            releaseWaiters();
        }
        shipAll();
    }

    boolean commitsWait() {
        return !waitingCommits.isEmpty();
    }

    private void acknowledge(long position) {
        world.judge().acknowledged(this, position);
    }

    private void releaseWaiters() {
        if (waitingCommits.isEmpty() || !writable() || hung) {
            return;
        }
        long safe = namesOfSenders.isNone() ? (namesShown.isEmpty() ? end : 0) : namesOfSenders.confirmed(this);
        while (!waitingCommits.isEmpty() && waitingCommits.getFirst() <= safe) {
            acknowledge(waitingCommits.removeFirst());
        }
    }

    /** The position that a connected standby has confirmed to have flushed; -1 if it is not connected. */
    long confirmedBy(String name) {
        int i = world.index(name);
        return i >= 0 && senders[i].connected ? senders[i].flush : -1;
    }

    int hosts() {
        return senders.length;
    }

    String nameOf(int i) {
        return world.name(i);
    }

    /** @param seen runs when a session sees the new value */
    public void setNames(String value, Runnable seen) {
        names = value;
        world.badMoment();
        if (!alive()) {
            return;
        }
        int mine = life;
        world.events().after(rng.millis(2, 20), () -> {
            if (life != mine) {
                return;
            }
            namesShown = value;
            namesTakenUp = false;
            world.events().after(rng.millis(0, 80), () -> {
                if (life == mine) {
                    namesOfSenders = SyncNames.parse(namesShown);
                    namesTakenUp = true;
                    releaseWaiters();
                }
            });
            seen.run();
        });
    }

    // --- Streaming ---

    public void follow(int upstreamHost) {
        upstream = upstreamHost;
        if (standby() && connectedTo != upstreamHost) {
            if (connectedTo >= 0) {
                world.host(connectedTo).postgres().senders[host].connected = false;
            }
            disconnect();
            if (localWalDone) {
                connectSoon(rng.millis(5, 100));
            }
        }
    }

    private void disconnect() {
        if (connectedTo >= 0) {
            Sender sender = world.host(connectedTo).postgres().senders[host];
            if (sender.receiver == receiverLife) {
                sender.connected = false;
            }
        }
        connectedTo = -1;
        receiverLife++;
    }

    private void lostUpstream(int who) {
        if (connectedTo == who) {
            connectedTo = -1;
            receiverLife++;
            connectSoon(rng.millis(100, 2000));
        }
    }

    private void connectSoon(long nanos) {
        int mine = life;
        int receiver = ++receiverLife;
        world.events().after(nanos, () -> {
            if (life == mine && receiver == receiverLife && standby() && upstream >= 0 && connectedTo < 0) {
                if (!connect()) {
                    connectSoon(rng.millis(900, 2500));
                }
            }
        });
    }

    /** What a WAL receiver and PostgreSQL's checks of timelines do. They compare numbers and positions, not contents. */
    private boolean connect() {
        SimPostgres source = world.host(upstream).postgres();
        boolean answers = upstream != host
                && source.process == LocalPostgres.Process.RUNNING
                && !source.hung
                && !hung
                && !diskFull
                && world.network().joins(Network.WAL, host, upstream)
                && source.systemIdentifier.equals(systemIdentifier);
        if (!answers || source.timeline.number < timeline.number) {
            return false;
        }
        knownTimeline = Math.max(knownTimeline, source.timeline.number);
        long limit = source.timeline.leaves(timeline.number, source.end);
        if (limit < 0 || end > limit) {
            return false;
        }
        world.judge().streams(this, source);
        connectedTo = upstream;
        received = end;
        Sender sender = source.senders[host];
        sender.connected = true;
        sender.busy = false;
        sender.receiver = receiverLife;
        sender.flush = end;
        trace(() -> "streams from " + world.name(upstream) + " at " + place());
        source.releaseWaiters();
        source.ship(host);
        return true;
    }

    private void shipAll() {
        for (int i = 0; i < senders.length; i++) {
            if (senders[i].connected) {
                ship(i);
            }
        }
    }

    private void ship(int to) {
        Sender sender = senders[to];
        if (sender.busy || !sender.connected || !alive()) {
            return;
        }
        if (!world.network().joins(Network.WAL, host, to)) {
            return;
        }
        sender.busy = true;
        int receiver = sender.receiver;
        int mine = life;
        Timeline sentTimeline = timeline;
        long sentEnd = end;
        world.network().send(Network.WAL, host, to, () -> {
            SimPostgres standby = world.host(to).postgres();
            if (standby.connectedTo != host || standby.receiverLife != receiver || !standby.standby() || standby.hung) {
                if (life == mine && sender.receiver == receiver) {
                    sender.busy = false;
                }
                return;
            }
            if (standby.diskFull) {
                standby.crash("could not write WAL: no space left on device");
                return;
            }
            standby.take(this, sentTimeline, sentEnd);
            long flushed = standby.end;
            boolean back = world.network().send(Network.WAL, to, host, () -> {
                if (life == mine && sender.receiver == receiver) {
                    sender.busy = false;
                    if (sender.connected) {
                        sender.flush = Math.max(sender.flush, flushed);
                        releaseWaiters();
                        if (end > flushed) {
                            ship(to);
                        }
                    }
                }
            });
            if (!back && life == mine) {
                sender.busy = false;
            }
        });
    }

    private void take(SimPostgres source, Timeline sentTimeline, long sentEnd) {
        if (sentEnd > end || sentTimeline != timeline) {
            timeline = sentTimeline;
            end = Math.max(sentEnd, end);
            replayed = end;
            received = end;
            knownTimeline = Math.max(knownTimeline, timeline.number);
            shipAll();
        }
    }

    /** The network has changed: senders go on where there is a way, and give up after their timeout where there is none. */
    void networkChanged() {
        for (int i = 0; i < senders.length; i++) {
            Sender sender = senders[i];
            if (!sender.connected) {
                continue;
            }
            if (world.network().joins(Network.WAL, host, i)) {
                if (sender.flush < end) {
                    ship(i);
                }
            } else {
                int to = i;
                int receiver = sender.receiver;
                world.events().after(rng.millis(3000, 30000), () -> {
                    if (sender.connected
                            && sender.receiver == receiver
                            && !world.network().joins(Network.WAL, host, to)) {
                        sender.connected = false;
                        world.host(to).postgres().lostUpstream(host);
                    }
                });
            }
        }
    }

    boolean streamsFrom(int who) {
        return standby() && connectedTo == who;
    }
}
