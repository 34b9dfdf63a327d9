package dev.matriarch.sim;

import dev.matriarch.agent.ha.Divergence;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.dcs.Lsn;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * One PostgreSQL server, as far as high availability can see it: start, stop, crash, promotion. What is on its disk is
 * {@link SimDataDirectory}; what it streams, {@link WalSenders} and {@link WalReceiver}; whom its commits wait for,
 * {@link CommitWait}.
 */
public final class SimPostgres {
    private static final int SERVER_VERSION = 150014;

    final int host;
    final SimDataDirectory data = new SimDataDirectory();
    final WalSenders senders;
    final WalReceiver receiver;
    final CommitWait commits;
    private final World world;
    private final Rng rng;

    LocalPostgres.Process process = LocalPostgres.Process.STOPPED;
    private boolean inRecovery;
    boolean hung;
    boolean diskFull;
    long replayed;
    /** A standby has replayed what it found in its own directory. */
    boolean localWalDone;

    private long started;
    /** Everything that was planned for an earlier life of the server is void. */
    int life;

    private List<Runnable> onExit = new ArrayList<>();

    SimPostgres(World world, int host, Rng rng) {
        this.world = world;
        this.host = host;
        this.rng = rng;
        senders = new WalSenders(world, this, rng);
        receiver = new WalReceiver(world, this, rng);
        commits = new CommitWait(world, this, rng);
    }

    void trace(Supplier<String> what) {
        if (world.tracing()) {
            world.trace(world.name(host) + " postgres: " + what.get());
        }
    }

    public int host() {
        return host;
    }

    public SimDataDirectory data() {
        return data;
    }

    /** Runs once when the postmaster that lives now has ended. */
    public void onExit(Runnable action) {
        onExit.add(action);
    }

    /** Changes with each start and each end of the server. */
    public int life() {
        return life;
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

    /** It answers questions. */
    public boolean running() {
        return process == LocalPostgres.Process.RUNNING && !hung;
    }

    public boolean hung() {
        return hung;
    }

    public boolean diskFull() {
        return diskFull;
    }

    boolean streamsFrom(int who) {
        return standby() && receiver.isConnectedTo(who);
    }

    // --- What a monitoring query and the control file tell ---

    public LocalPostgres observe() {
        if (!alive()) {
            boolean valid = data.isValid();
            return new LocalPostgres(
                    data.state,
                    valid ? Optional.of(data.systemIdentifier) : Optional.empty(),
                    LocalPostgres.Process.STOPPED,
                    valid ? Optional.of(data.controlFile()) : Optional.empty(),
                    Optional.empty(),
                    "");
        }
        boolean answers = running();
        return new LocalPostgres(
                data.state,
                Optional.of(data.systemIdentifier),
                process,
                Optional.empty(),
                answers ? Optional.of(status()) : Optional.empty(),
                answers ? "" : "no answer in time");
    }

    private LocalPostgres.Status status() {
        long position = !inRecovery ? data.end : localWalDone ? replayedOrReceived() : 0;
        return new LocalPostgres.Status(
                inRecovery,
                data.timeline.number,
                new Lsn(position),
                inRecovery ? new Lsn(receiver.received()) : Lsn.INVALID,
                inRecovery ? new Lsn(replayed) : Lsn.INVALID,
                false,
                Optional.empty(),
                receiver.isConnected(),
                commits.shown(),
                commits.isTakenUp(),
                "on",
                senders.rows(commits.namesOfSenders()),
                data.slots(),
                SERVER_VERSION,
                Long.toString(started),
                Map.of());
    }

    private long replayedOrReceived() {
        return Math.max(receiver.received(), replayed);
    }

    /** As Replication.checkDivergence; empty if it cannot tell. */
    public Optional<Divergence> compareWith(SimPostgres leader) {
        boolean answers = running();
        if (alive() && !answers) {
            return Optional.empty();
        }
        if (!leader.data.systemIdentifier.equals(data.systemIdentifier)) {
            return Optional.empty();
        }
        if (answers && inRecovery && !localWalDone) {
            return Optional.empty();
        }
        boolean replica = answers ? inRecovery : data.wasStandby;
        long running = inRecovery ? replayedOrReceived() : data.end;
        long stopped = data.wasStandby ? data.redo : data.checkpoint;
        return Optional.of(data.compareWith(leader.data, replica, answers ? running : stopped, !alive()));
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
        localWalDone = false;
        receiver.reset();
        boolean crashed = !data.shutDownCleanly();
        trace(() -> (asStandby ? "starts as a standby at " : "starts as a primary at ") + data.place());
        long time = rng.millis(60, 400) + (crashed ? rng.millis(50, rng.chance(0.1) ? 6000 : 1500) : 0);
        if (diskFull && (!asStandby || rng.chance(0.5))) {
            world.events().after(rng.millis(30, 300), () -> {
                if (life == mine) {
                    trace(() -> "ends: no space left on device");
                    ended(data.control);
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
            data.checkpointPending = false;
            commits.startWith(data.names);
            if (asStandby) {
                beginRecovery();
            } else {
                data.control = "in production";
                data.wasStandby = false;
                data.branchOff();
                write(56);
                trace(() -> "accepts writes at " + data.place());
                world.judge().becameWritable(this, false);
            }
            ready.run();
        });
    }

    private void beginRecovery() {
        int mine = life;
        // A former primary replays all it has before it is consistent; a standby only up to where it once was.
        replayed = data.wasStandby ? Math.min(data.redo, data.end) : data.end;
        data.control = "in archive recovery";
        data.wasStandby = true;
        long local = replayed < data.end ? rng.millis(100, rng.chance(0.2) ? 8000 : 1500) : 0;
        world.events().after(local, () -> {
            if (life == mine) {
                replayed = data.end;
                localWalDone = true;
                receiver.connectSoon(0);
            }
        });
        trace(() -> "accepts connections as a standby, replayed " + new Lsn(replayed) + " of " + data.place());
    }

    private void write(long bytes) {
        data.write(bytes);
        replayed = data.end;
    }

    private void checkpoint() {
        data.checkpoint = data.end;
        write(120);
    }

    /** Single-user mode: replays all it has and shuts down cleanly; nobody can connect. */
    public void recoverAlone() {
        if (data.isValid()) {
            data.branchOff();
            checkpoint();
            data.control = "shut down";
            data.wasStandby = false;
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
        commits.abandon();
        if (primary) {
            checkpoint();
            senders.shipAll();
        }
        long time = rng.millis(30, rng.chance(0.05) ? 15000 : 600);
        world.events().after(time, () -> {
            if (life == mine && alive()) {
                if (primary) {
                    senders.flush();
                } else {
                    data.redo = Math.max(replayed, data.redo);
                }
                trace(() -> "shut down at " + data.place());
                ended(primary ? "shut down" : inRecovery ? "shut down in recovery" : data.control);
                done.run();
            }
        });
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
        if (inRecovery && state.equals("in archive recovery") && data.wasStandby) {
            // minRecoveryPoint is only as new as the last buffer that had to be written out.
            long reached = Math.min(data.end, replayed);
            data.redo = rng.chance(0.5) ? Math.max(data.redo, reached) : Math.min(data.redo, data.end);
        }
        data.control = state;
        life++;
        process = LocalPostgres.Process.STOPPED;
        hung = false;
        commits.abandon();
        senders.end();
        receiver.disconnect();
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
            receiver.disconnect();
            replayed = data.end;
            data.redo = data.end;
            Timeline next = data.nextTimeline();
            trace(() -> "promoted: " + data.place() + " continues as " + next);
            data.open(next);
            inRecovery = false;
            write(56);
            world.judge().becameWritable(this, true);
            world.badMoment();
            senders.shipAll();
            done.run();
        });
    }

    public void checkpointOfNewTimeline(Runnable done) {
        int mine = life;
        if (!data.checkpointPending) {
            world.events().after(0, done);
            return;
        }
        world.events().after(rng.millis(50, rng.chance(0.1) ? 4000 : 900), () -> {
            if (life == mine && writable()) {
                data.checkpointPending = false;
                checkpoint();
                senders.shipAll();
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
        commits.committed(data.end);
        senders.shipAll();
    }

    /**
     * A new {@code synchronous_standby_names}.
     *
     * @param seen runs when a session sees the new value
     */
    public void setNames(String value, Runnable seen) {
        data.names = value;
        world.badMoment();
        if (alive()) {
            commits.reload(value, seen);
        }
    }

    public void follow(int upstreamHost) {
        data.upstream = upstreamHost;
        receiver.follow(upstreamHost);
    }
}
