package dev.matriarch.sim;

import dev.matriarch.agent.loop.SimAgent;

/** A machine: its clocks, its power, and what lives on it. */
public final class SimHost {
    /** A started agent has looked at its server and done something by then. */
    private static final long FIRST_LOOK = 3_000_000_000L;

    private final World world;
    private final int index;
    private final SimPostgres postgres;
    private final SimGuards guards;
    private final Rng rng;
    private final double rate;
    private final long offset;
    private long wallOffset;
    private SimAgent agent;
    private boolean on = true;

    /** The end of the lease that this host's agent last had confirmed, in simulated time. */
    private long leaseEnds = Long.MIN_VALUE;

    private long storeLeaseEnds = Long.MIN_VALUE;
    /** Its server ran as primary while the cluster was paused and no guard has held a deadline for it since. */
    private boolean unfencedByPause;

    /** Its agent goes on after a time in which it stood still and no guard was left: nobody has looked yet. */
    private boolean nobodyLooked;

    private long orphanedUntil = Long.MIN_VALUE;

    SimHost(World world, int index, Rng rng) {
        this.world = world;
        this.index = index;
        this.rng = rng;
        this.rate = 1 + rng.between(-1000, 1000) / 1_000_000.0;
        this.offset = rng.between(1_000_000_000L, 1_000_000_000_000L);
        this.wallOffset = rng.millis(-2000, 2000);
        this.postgres = new SimPostgres(world, index, rng.split());
        this.guards = new SimGuards(world, index, rng.split());
    }

    public World world() {
        return world;
    }

    public int index() {
        return index;
    }

    public String name() {
        return world.name(index);
    }

    public SimPostgres postgres() {
        return postgres;
    }

    public SimGuards guards() {
        return guards;
    }

    public Rng rng() {
        return rng;
    }

    // --- Clocks ---

    /** Monotonic nanoseconds. */
    public long nanos() {
        return offset + (long) (world.events().now() * rate);
    }

    /** When this host's monotonic clock will show this, in simulated time. */
    public long whenNanosShow(long nanos) {
        return (long) Math.ceil((nanos - offset) / rate);
    }

    public long uptimeCentis() {
        return nanos() / 10_000_000;
    }

    long whenUptimeShows(long centis) {
        return whenNanosShow(centis * 10_000_000);
    }

    public long wallMillis() {
        return 1_800_000_000_000L + (world.events().now() + wallOffset) / 1_000_000;
    }

    void jumpWallClock(long nanos) {
        wallOffset += nanos;
    }

    // --- The agent ---

    public SimAgent agent() {
        return agent;
    }

    public boolean agentRuns() {
        return agent != null && agent.alive() && !agent.paused();
    }

    void startAgent() {
        if (on && (agent == null || !agent.alive())) {
            // Nobody has watched its server until now, and the guards that it starts know nothing.
            orphanedUntil =
                    postgres.alive() && guards.living() == 0 ? world.events().now() + FIRST_LOOK : Long.MIN_VALUE;
            agent = new SimAgent(this);
            world.raft().start(index);
            guards.open();
            agent.start();
        }
    }

    /** SIGKILL to the agent; the server and the guards live on. */
    void killAgent() {
        if (agent != null && agent.alive()) {
            agent.die();
            agentEnded();
        }
    }

    /** The process of the agent is gone, and with it the replica of the store. */
    public void agentEnded() {
        world.raft().stop(index);
    }

    void pauseAgent(boolean value) {
        if (agent != null && agent.alive()) {
            nobodyLooked = !value && guards.living() == 0;
            agent.pause(value);
            world.raft().pause(index, value);
        }
    }

    boolean on() {
        return on;
    }

    void powerOff() {
        if (on) {
            on = false;
            killAgent();
            guards.gone();
            postgres.crash("power failure");
            unfencedByPause = false;
            world.raft().refresh();
        }
    }

    void powerOn() {
        on = true;
    }

    // --- What the judge wants to know ---

    public void leaseConfirmed(long deadlineNanos) {
        leaseEnds = whenNanosShow(deadlineNanos);
        storeLeaseEnds = leaseEnds;
    }

    /** By promises of the others, without the store. */
    public void leaseExtended(long deadlineNanos) {
        leaseEnds = whenNanosShow(deadlineNanos);
    }

    long storeLeaseEnds() {
        return storeLeaseEnds;
    }

    long leaseEnds() {
        return leaseEnds;
    }

    public void noteFencing(boolean guarded, boolean paused) {
        if (guarded || !postgres.alive()) {
            unfencedByPause = false;
        } else if (paused) {
            unfencedByPause = true;
        }
    }

    void looked() {
        nobodyLooked = false;
    }

    /** Somebody there can stop its server: a guard, or an agent that has not just woken up without any. */
    boolean watched() {
        if (world.events().now() < orphanedUntil) {
            return false;
        }
        return guards.living() > 0 || agentRuns() && !nobodyLooked;
    }

    boolean unfencedByPause() {
        return unfencedByPause;
    }
}
