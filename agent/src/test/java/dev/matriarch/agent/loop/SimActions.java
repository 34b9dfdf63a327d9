package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Divergence;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.sim.Network;
import dev.matriarch.sim.Rng;
import dev.matriarch.sim.SimHost;
import dev.matriarch.sim.SimPostgres;
import dev.matriarch.sim.World;
import java.util.Optional;
import java.util.Set;

/** The long actions of {@link Actions}, each as a chain of events on the simulated server. */
final class SimActions {
    private static final long START_STOP_PATIENCE = 60_000_000_000L;
    private static final long COMPARE_PATIENCE = 10_000_000_000L;

    private final SimHost host;
    private final SimAgent agent;
    private final World world;
    private final SimPostgres pg;
    private final Rng rng;
    private Optional<Task> task = Optional.empty();
    private final AfterPromotion afterPromotion;
    private int number;

    SimActions(SimHost host, SimAgent agent) {
        this.host = host;
        this.agent = agent;
        this.world = host.world();
        this.pg = host.postgres();
        this.rng = host.rng();
        this.afterPromotion =
                new AfterPromotion(() -> {}, made -> pg.checkpointOfNewTimeline(() -> agent.run(made)), agent::wake);
    }

    Optional<Task> current() {
        return task;
    }

    AfterPromotion afterPromotion() {
        return afterPromotion;
    }

    int index(Upstream upstream) {
        return upstream instanceof Upstream.Of of ? world.index(of.member()) : -1;
    }

    /** Ends whatever runs; the server goes on with what it has been told. */
    private int begin(Task.Kind kind) {
        number++;
        task = Optional.of(new Task(kind, agent.now()));
        return number;
    }

    private void end(int which) {
        if (which == number) {
            task = Optional.empty();
            agent.wake();
        }
    }

    private void fail(int which, Runnable told) {
        if (which == number) {
            told.run();
            end(which);
        }
    }

    private void failed(int which) {
        fail(which, () -> agent.memory().failed(agent.now()));
    }

    /** Continues the action later, if it has not been cancelled by then. */
    private void then(int which, long nanos, Runnable next) {
        agent.after(nanos, () -> {
            if (which == number) {
                next.run();
            }
        });
    }

    /** Runs next when the server accepts connections; the action fails as soon as the server has ended. */
    private void started(int which, boolean asStandby, Runnable next) {
        if (pg.alive()) {
            failed(which);
            return;
        }
        boolean[] over = {false};
        pg.start(
                asStandby,
                () -> agent.run(() -> {
                    if (!over[0] && which == number) {
                        over[0] = true;
                        next.run();
                    }
                }));
        int life = pg.life();
        pg.onExit(() -> {
            agent.wake();
            agent.run(() -> {
                if (!over[0] && pg.life() != life) {
                    over[0] = true;
                    failed(which);
                }
            });
        });
    }

    void bootstrap() {
        int mine = begin(Task.Kind.BOOTSTRAP);
        if (pg.writable()) {
            then(mine, rng.millis(20, 200), () -> {
                if (!pg.writable()) {
                    failed(mine);
                    return;
                }
                agent.memory().bootstrapped();
                agent.memory().succeeded();
                end(mine);
            });
            return;
        }
        then(mine, rng.millis(800, 3000), () -> {
            if (pg.data().state() != LocalPostgres.DataDirectory.EMPTY || pg.diskFull()) {
                failed(mine);
                return;
            }
            pg.data().initdb("74" + world.events().now());
            if (host.uptimeCentis() >= agent.lease().startNotAfterCentis()) {
                failed(mine);
                return;
            }
            started(mine, false, () -> {
                agent.memory().bootstrapped();
                agent.memory().succeeded();
                end(mine);
            });
        });
    }

    private boolean answers(SimPostgres source) {
        return source.running() && world.network().joins(Network.WAL, host.index(), source.host());
    }

    void cloneFrom(Upstream.Of from, long leaderEpoch) {
        int mine = begin(Task.Kind.CLONE);
        SimPostgres source = world.host(index(from)).postgres();
        copying(mine, source, source.life(), rng.millis(500, rng.chance(0.1) ? 20_000 : 4000), () -> {
            pg.data().becomeCopyOf(source.data());
            agent.memory().compared(leaderEpoch, new Divergence.None());
            agent.memory().succeeded();
            startStandby(mine, from);
        });
    }

    /** The source must live and be reached all the time; the copy is of its state at the end. */
    private void copying(int mine, SimPostgres source, int life, long left, Runnable done) {
        if (!answers(source)
                || source.life() != life
                || pg.data().state() != LocalPostgres.DataDirectory.EMPTY
                || pg.diskFull()) {
            then(mine, rng.millis(10, 300), () -> failed(mine));
            return;
        }
        long slice = Math.min(left, 400_000_000L);
        then(mine, slice, () -> {
            if (left > slice) {
                copying(mine, source, life, left - slice, done);
            } else if (answers(source) && source.life() == life) {
                done.run();
            } else {
                failed(mine);
            }
        });
    }

    void startReplica(Upstream upstream) {
        startStandby(begin(Task.Kind.START_REPLICA), upstream);
    }

    private void startStandby(int mine, Upstream upstream) {
        agent.lease().disarm();
        pg.data().configure(index(upstream), "");
        agent.memory().followed(upstream, agent.now());
        started(mine, true, () -> {
            agent.memory().succeeded();
            end(mine);
        });
        agent.wake();
    }

    void startPrimary(String names) {
        int mine = begin(Task.Kind.START_PRIMARY);
        long notAfter = agent.lease().startNotAfterCentis();
        then(mine, rng.millis(1, 20), () -> {
            if (!agent.lease().guardAccepted() || host.uptimeCentis() >= notAfter) {
                failed(mine);
                return;
            }
            pg.data().configure(-1, names);
            started(mine, false, () -> {
                agent.memory().succeeded();
                end(mine);
            });
            agent.memory().forgetUpstream();
            agent.wake();
        });
    }

    void promote(Set<String> slotsFor, int timeline) {
        int mine = begin(Task.Kind.PROMOTE);
        then(mine, rng.millis(1, 30), () -> {
            if (!agent.lease().guardAccepted() || !pg.standby()) {
                failed(mine);
                return;
            }
            slotsFor.forEach(pg.data()::createSlot);
            pg.data().leaveOut(timeline);
            int life = pg.life();
            boolean[] over = {false};
            pg.promote(() -> agent.run(() -> {
                if (mine == number) {
                    over[0] = true;
                    agent.memory().forgetUpstream();
                    agent.memory().succeeded();
                    end(mine);
                }
            }));
            watchLife(mine, life, over);
            // pg_promote() waits no longer than for a start.
            then(mine, START_STOP_PATIENCE, () -> {
                if (!over[0]) {
                    failed(mine);
                }
            });
        });
    }

    private void watchLife(int mine, int life, boolean[] over) {
        then(mine, 500_000_000L, () -> {
            if (!over[0] && (pg.life() != life || !pg.alive())) {
                failed(mine);
            } else if (!over[0]) {
                watchLife(mine, life, over);
            }
        });
    }

    void stop(Decision.StopMode mode) {
        int mine = begin(mode == Decision.StopMode.IMMEDIATE ? Task.Kind.STOP_NOW : Task.Kind.STOP);
        switch (mode) {
            case GRACEFUL -> checkpointThenStop(mine, () -> end(mine));
            case FAST -> stopFast(mine, () -> end(mine));
            case IMMEDIATE -> stopNow(mine, () -> end(mine));
        }
    }

    private void checkpointThenStop(int mine, Runnable next) {
        then(mine, rng.millis(20, rng.chance(0.1) ? 5000 : 500), () -> stopFast(mine, next));
    }

    private void stopFast(int mine, Runnable next) {
        boolean[] over = {false};
        Runnable once = () -> agent.run(() -> {
            if (!over[0] && mine == number) {
                over[0] = true;
                next.run();
            }
        });
        pg.stop(false, once);
        then(mine, 60_000_000_000L, () -> {
            if (!over[0]) {
                over[0] = true;
                stopNow(mine, next);
            }
        });
    }

    private void stopNow(int mine, Runnable next) {
        boolean[] over = {false};
        pg.stop(
                true,
                () -> agent.run(() -> {
                    if (!over[0] && mine == number) {
                        over[0] = true;
                        next.run();
                    }
                }));
        then(mine, 500_000_000L, () -> {
            if (!over[0]) {
                over[0] = true;
                pg.crash("killed by the agent");
                next.run();
            }
        });
    }

    void cancel() {
        number++;
        task = Optional.empty();
    }

    void crashRecovery() {
        agent.memory().crashRecoveryTried();
        int mine = begin(Task.Kind.CRASH_RECOVERY);
        agent.lease().disarm();
        then(mine, rng.millis(100, 2000), () -> {
            if (!pg.alive() && !pg.diskFull()) {
                pg.recoverAlone();
            }
            end(mine);
        });
    }

    void checkDivergence(Upstream.Of leader, long epoch) {
        int mine = begin(Task.Kind.CHECK_DIVERGENCE);
        then(mine, rng.millis(5, 200), () -> {
            SimPostgres source = world.host(index(leader)).postgres();
            Optional<Divergence> found =
                    answers(source) && source.writable() ? pg.compareWith(source) : Optional.empty();
            if (found.isPresent()) {
                agent.memory().compared(epoch, found.get());
                end(mine);
            } else {
                long wait = answers(source) ? rng.millis(5, 50) : rng.millis(5, COMPARE_PATIENCE / 1_000_000);
                then(
                        mine,
                        wait,
                        () -> fail(
                                mine, () -> agent.memory().notCompared(agent.now(), java.time.Duration.ofSeconds(1))));
            }
        });
    }

    void rewind(Upstream.Of leader) {
        int mine = begin(Task.Kind.REWIND);
        SimPostgres source = world.host(index(leader)).postgres();
        int life = source.life();
        // Single-user recovery, reading of WAL: nothing is written yet.
        then(mine, rng.millis(100, 1500), () -> {
            if (!answers(source) || source.life() != life || !source.writable() || pg.alive() || pg.diskFull()) {
                fail(mine, () -> agent.memory().rewound(false));
                return;
            }
            if (source.data().controlTimeline() == pg.data().timelineNumber()) {
                // "no rewind required"
                agent.memory().rewound(true);
                agent.memory().succeeded();
                end(mine);
                return;
            }
            world.judge().losesData(pg, "is rewound");
            pg.data().halfWritten(true);
            then(mine, rng.millis(100, rng.chance(0.1) ? 10_000 : 2000), () -> {
                if (!answers(source) || source.life() != life || pg.diskFull()) {
                    fail(mine, () -> agent.memory().rewound(false));
                    return;
                }
                pg.data().halfWritten(false);
                pg.data().becomeCopyOf(source.data());
                agent.memory().rewound(true);
                agent.memory().succeeded();
                end(mine);
            });
        });
    }

    void restart(boolean asPrimary, Upstream upstream, String names) {
        int mine = begin(Task.Kind.RESTART);
        checkpointThenStop(mine, () -> {
            if (!asPrimary) {
                startStandby(mine, upstream);
                return;
            }
            if (host.uptimeCentis() >= agent.lease().startNotAfterCentis()) {
                failed(mine);
                return;
            }
            pg.data().configure(-1, names);
            started(mine, false, () -> {
                agent.memory().succeeded();
                end(mine);
            });
        });
    }
}
