package dev.matriarch.sim;

/**
 * The pair of guards of a host: each has the last deadline that it was told, asks the postmaster to quit and then kills
 * it, and goes on killing until it is told otherwise. Times are hundredths of a second of the host's uptime.
 */
public final class SimGuards {
    private static final int SIZE = 2;

    private enum Mode {
        DISARMED,
        ARMED,
        QUITTING,
        FIRED
    }

    private static final class Guard {
        boolean alive;
        Mode mode = Mode.DISARMED;
        long quitAt;
        long killAt;
        long timerAt = Long.MAX_VALUE;
    }

    private final World world;
    private final int host;
    private final Rng rng;
    private final Guard[] guards = {new Guard(), new Guard()};
    private boolean lastArmed;
    private long lastQuitAt;
    private long lastKillAt;

    SimGuards(World world, int host, Rng rng) {
        this.world = world;
        this.host = host;
        this.rng = rng;
    }

    /** An agent starts: it adopts who lives and starts who is missing. */
    public void open() {
        boolean adopted = false;
        for (Guard guard : guards) {
            adopted |= guard.alive;
        }
        if (!adopted) {
            lastArmed = false;
        }
        ensure();
    }

    /** A dead guard is replaced by one that is told the last line. */
    public void ensure() {
        world.host(host).looked();
        for (Guard guard : guards) {
            if (!guard.alive) {
                guard.alive = true;
                guard.mode = Mode.DISARMED;
                if (lastArmed) {
                    tell(guard);
                }
            }
        }
    }

    /** True if a guard may hold a deadline. */
    public boolean armed() {
        for (Guard guard : guards) {
            if (guard.alive && guard.mode != Mode.DISARMED) {
                return true;
            }
        }
        return false;
    }

    public void arm(long quitAt, long killAt) {
        lastArmed = true;
        lastQuitAt = quitAt;
        lastKillAt = killAt;
        ensure();
        for (Guard guard : guards) {
            tell(guard);
        }
    }

    private void tell(Guard guard) {
        guard.mode = Mode.ARMED;
        guard.quitAt = lastQuitAt;
        guard.killAt = lastKillAt;
        schedule(guard, guard.quitAt);
    }

    public void disarm() {
        lastArmed = false;
        for (Guard guard : guards) {
            guard.mode = Mode.DISARMED;
        }
    }

    private void schedule(Guard guard, long centis) {
        long at = world.host(host).whenUptimeShows(centis);
        if (at < guard.timerAt) {
            guard.timerAt = at;
            world.events().at(at, () -> {
                if (guard.timerAt == at) {
                    guard.timerAt = Long.MAX_VALUE;
                    look(guard);
                }
            });
        }
    }

    private void look(Guard guard) {
        if (!guard.alive || guard.mode == Mode.DISARMED) {
            return;
        }
        long now = world.host(host).uptimeCentis();
        SimPostgres postgres = world.host(host).postgres();
        if (guard.mode == Mode.FIRED || now >= guard.killAt) {
            guard.mode = Mode.FIRED;
            if (postgres.alive()) {
                world.traceIf(() -> world.name(host) + " guard: kills");
                postgres.crash("killed by the guard");
            }
        } else if (guard.mode == Mode.ARMED && now >= guard.quitAt) {
            guard.mode = Mode.QUITTING;
            if (postgres.alive()) {
                world.traceIf(() -> world.name(host) + " guard: asks to quit");
                postgres.stop(true, () -> {});
            }
            schedule(guard, guard.killAt);
        } else {
            schedule(guard, guard.mode == Mode.ARMED ? guard.quitAt : guard.killAt);
        }
    }

    /** A guard that has fired looks twice a second. */
    void postmasterAppeared() {
        for (Guard guard : guards) {
            if (guard.alive && guard.mode == Mode.FIRED) {
                world.events().after(rng.millis(1, 500), () -> look(guard));
            }
        }
    }

    /** @return false if it was dead already */
    boolean kill(int which) {
        boolean was = guards[which].alive;
        guards[which].alive = false;
        return was;
    }

    public int living() {
        int living = 0;
        for (Guard guard : guards) {
            living += guard.alive ? 1 : 0;
        }
        return living;
    }

    /** The machine is off. */
    void gone() {
        for (int i = 0; i < SIZE; i++) {
            guards[i].alive = false;
            guards[i].mode = Mode.DISARMED;
        }
        lastArmed = false;
    }
}
