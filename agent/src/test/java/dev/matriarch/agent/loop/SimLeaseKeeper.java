package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.sim.SimHost;
import java.time.Duration;
import java.util.OptionalLong;

/** The counterpart of {@link LeaseKeeper}: keeps the guards' deadline in step with the lease. */
final class SimLeaseKeeper {
    private final SimHost host;
    private final SettingsSource settings;
    private final Grip grip = new Grip();
    private boolean armed;
    /** The guards may hold the deadline of an earlier agent. */
    private boolean adopted;
    /** In this heartbeat. */
    private boolean renewed;

    /** When a request was sent, on both clocks of the host. */
    record Sent(long nanos, long centis) {}

    SimLeaseKeeper(SimHost host, SettingsSource settings) {
        this.host = host;
        this.settings = settings;
    }

    /** An agent starts: an earlier one may have told the guards something. */
    void open() {
        armed = host.guards().armed();
        adopted = armed;
    }

    void heartbeatBegins() {
        renewed = false;
    }

    Sent now() {
        return new Sent(host.nanos(), host.uptimeCentis());
    }

    Lease lease(Settings inForce) {
        Duration fresh = renewed ? inForce.ttl() : inForce.loopWait().dividedBy(2);
        Lease lease = grip.lease(host.nanos(), fresh);
        if (lease instanceof Lease.NotHeld && grip.held()) {
            grip.drop();
        }
        return lease;
    }

    boolean held() {
        return grip.held();
    }

    boolean lasts() {
        return grip.held() && grip.lasts(host.nanos());
    }

    OptionalLong deadline() {
        return grip.deadline();
    }

    long epoch() {
        return grip.epoch();
    }

    long startNotAfterCentis() {
        return grip.startNotAfterCentis();
    }

    long renewalTimeout(Sent sent, Settings inForce) {
        return grip.renewalTimeout(sent.nanos(), inForce).toNanos();
    }

    void renewAgain() {
        grip.renewAgain();
    }

    void drop() {
        grip.drop();
    }

    /** A renewal is about to be sent: what it would shorten is shortened first. */
    void renewing(Sent sent, Settings inForce) {
        if (grip.renewing(sent.nanos(), sent.centis(), inForce, Duration.ZERO)) {
            host.leaseConfirmed(grip.deadline().getAsLong());
            arm(sent, inForce);
        }
    }

    /** What the store answered; false if another member holds the lock. */
    boolean confirm(Reply reply, Sent sent, Settings inForce) {
        if (!reply.getApplied()) {
            grip.lost(reply.getOperations(reply.getOperationsCount() - 1).getHolder(), host.nanos());
            return false;
        }
        renewed = true;
        grip.confirmed(reply.getOperations(0).getLeaseEpoch(), sent.nanos(), sent.centis(), inForce);
        host.leaseConfirmed(grip.deadline().getAsLong());
        arm(sent, inForce);
        return true;
    }

    /** Failsafe mode: all have promised. */
    void promised(Sent sent, Settings inForce) {
        if (grip.promised(host.nanos(), sent.nanos(), sent.centis(), inForce)) {
            host.leaseExtended(grip.deadline().getAsLong());
            arm(sent, inForce);
        }
    }

    // --- The guards ---

    /** Replaces guards that are dead; true if they hold a deadline. */
    boolean guarded() {
        host.guards().ensure();
        return armed;
    }

    boolean guardAccepted() {
        return settings.current().settings().paused() || armed && host.guards().living() == 2;
    }

    private void arm(Sent sent, Settings inForce) {
        if (inForce.paused()) {
            disarm();
            host.noteFencing(false, true);
        } else {
            Grip.GuardTimes times = Grip.guardTimes(sent.centis(), inForce.ttl());
            host.guards().arm(times.quitAtCentis(), times.killAtCentis());
            armed = true;
            adopted = false;
            host.noteFencing(true, false);
        }
    }

    void disarm() {
        if (armed) {
            host.guards().disarm();
            armed = false;
            adopted = false;
        }
    }

    /** The end of a heartbeat: guards that nobody needs are disarmed. */
    void settle(LocalPostgres postgres, boolean busy) {
        boolean paused = settings.current().settings().paused();
        boolean writable = postgres.process() != LocalPostgres.Process.STOPPED && !postgres.isReplica();
        boolean calm = !busy && !writable || postgres.isSealed();
        boolean promoting = adopted && postgres.isReplica();
        if (paused || calm && !promoting && grip.deadline().isEmpty()) {
            disarm();
        }
        host.noteFencing(armed, paused);
    }
}
