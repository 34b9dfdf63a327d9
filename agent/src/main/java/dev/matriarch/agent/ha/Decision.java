package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineClaim;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** What to do next. {@link #because} is the sentence the log shows. */
public sealed interface Decision {
    String because();

    // --- Short steps: done at once, then the situation is looked at again. ---

    /** Renew the lock of this epoch; also how a restarted agent takes its own lock up again. */
    record RenewLease(long epoch, String because) implements Decision {}

    record AcquireLease(String because) implements Decision {}

    /** Before a promotion, with a renewal of the lock: nobody else opens a timeline of this number. */
    record ClaimTimeline(TimelineClaim claim, String because) implements Decision {}

    /** @param position published first, if known */
    record ReleaseLease(long epoch, Optional<Lsn> position, String because) implements Decision {}

    /** Failsafe mode: the lease lasts another ttl if all of {@code members} promise not to race. */
    record AskForPromises(Set<String> members, String because) implements Decision {}

    /** @param apiUrls the members that may race, to their API addresses */
    record WriteFailsafe(Map<String, String> apiUrls, String because) implements Decision {}

    /** Let the kernel reset this host if it stops being fed; before anything becomes writable. */
    record ActivateWatchdog(String because) implements Decision {}

    record AskPeers(Set<String> members, String because) implements Decision {}

    record WriteInitialize(String systemIdentifier, Expected expected, String because) implements Decision {}

    /** The cluster was not created after all: nobody is at it any more. */
    record RemoveInitialize(String because) implements Decision {}

    /** The store has no configuration: give it the one this member knows. */
    record WriteConfig(String because) implements Decision {}

    /** A new timeline is not in the store's history yet. */
    record WriteHistory(int timeline, String because) implements Decision {}

    record WriteFailover(Optional<FailoverRequest> request, long revision, String because) implements Decision {}

    record WriteSync(Optional<SyncState> state, Expected expected, String because) implements Decision {}

    /** @param setting the text of synchronous_standby_names; empty: commits wait for nobody */
    record SetStandbyNames(String setting, String because) implements Decision {}

    /** Move what is in the data directory out of the way; it is never deleted. */
    record SetAside(String because) implements Decision {}

    /** The scheduled restart is void: forget it. */
    record DropScheduledRestart(String because) implements Decision {}

    /** Interrupt the long action that runs. */
    record Cancel(String because) implements Decision {}

    /** Point a running standby at another upstream. */
    record Follow(Upstream upstream, String because) implements Decision {}

    record SyncSlots(List<SlotChange> changes, String because) implements Decision {
        public SyncSlots {
            changes = List.copyOf(changes);
        }

        /** Nothing but what happens again and again while the server is in use. */
        public boolean isRoutine() {
            return changes.stream().allMatch(SlotChange.Advance.class::isInstance);
        }
    }

    // --- Long actions: run beside the heartbeat. ---

    /** Create the cluster's first data directory and start it. */
    record Bootstrap(String because) implements Decision {}

    record Clone(Upstream.Of from, String because) implements Decision {}

    /** From the archive alone. */
    record CloneWithoutLeader(String because) implements Decision {}

    /** Makes the first data directory of a cluster that follows another one. */
    record CloneRemote(Upstream.Remote from, String because) implements Decision {}

    /** Stops this standby, puts the state of the leader's logical slots there, and starts it again. */
    record CopySlots(Upstream.Of leader, Upstream following, Set<String> slots, String because) implements Decision {
        public CopySlots {
            slots = Set.copyOf(slots);
        }
    }

    record StartReplica(Upstream upstream, String because) implements Decision {}

    /** @param names what commits wait for from the first one on */
    record StartPrimary(String names, String because) implements Decision {}

    /** Ask the operator's script whether this member may be promoted under the lock of this epoch. */
    record PrePromote(long epoch, String because) implements Decision {}

    /** Bring a crashed former primary to a clean shutdown without letting anybody in. */
    record CrashRecovery(String because) implements Decision {}

    /**
     * @param slotsFor members that will connect to the new primary
     * @param timeline the number that was claimed; 0: whatever PostgreSQL takes
     */
    record Promote(Set<String> slotsFor, int timeline, String because) implements Decision {}

    enum StopMode {
        /** Checkpoint, then a fast shutdown: standbys receive everything. */
        GRACEFUL,
        FAST,
        /** No shutdown checkpoint; nothing more is acknowledged from now on. */
        IMMEDIATE
    }

    /** @param handOver the lock is released once the server has stopped */
    record Stop(StopMode mode, boolean handOver, String because) implements Decision {}

    record CheckDivergence(Upstream.Of leader, long epoch, String because) implements Decision {}

    record Rewind(Upstream.Of leader, String because) implements Decision {}

    /** Move the data directory out of the way, so that a clone can take its place. */
    record Discard(String because) implements Decision {}

    /**
     * @param names what commits wait for after a restart as primary
     * @param timeout how long the start may take; empty: as usual
     */
    record Restart(boolean asPrimary, Upstream upstream, String names, Optional<Duration> timeout, String because)
            implements Decision {}

    // --- Ends of a heartbeat. ---

    /** @param atMost sleep no longer than this, even if nothing happens; empty: until the next heartbeat */
    record Wait(String because, Optional<Duration> atMost) implements Decision {}

    /** Nothing can be done here: say why and end the agent. */
    record Exit(int code, String because) implements Decision {}

    static Wait idle(String because) {
        return new Wait(because, Optional.empty());
    }

    static Wait soon(String because, Duration atMost) {
        return new Wait(because, Optional.of(atMost));
    }
}
