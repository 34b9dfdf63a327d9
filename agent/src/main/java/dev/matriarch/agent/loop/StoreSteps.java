package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.LeaderStatus;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Store;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.ha.Wishes;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries out what concerns the configuration store. */
final class StoreSteps {
    private static final Logger LOG = LoggerFactory.getLogger(StoreSteps.class);

    private static final Duration SHORTEST_CALL = Duration.ofMillis(50);
    /** The lock is handed over by then, and somebody waits for the process to end. */
    private static final Duration FAREWELL = Duration.ofSeconds(1);

    /** What the last read of the store gave. */
    record Seen(Store store) {
        Optional<ClusterView> view() {
            return store instanceof Store.Known(ClusterView view) ? Optional.of(view) : Optional.empty();
        }

        /** 0 if the store could not be read. */
        long revision() {
            return view().map(ClusterView::revision).orElse(0L);
        }
    }

    private final Heartbeat.Parts parts;
    private final NameCheck names;
    private long leaderEpoch;
    private Optional<String> nameTaken = Optional.empty();

    StoreSteps(Heartbeat.Parts parts) {
        this.parts = parts;
        this.names = new NameCheck(parts.me(), parts.peers()::nameHolder);
    }

    /** Why this agent must end: another one lives under its name. */
    Optional<String> nameTaken() {
        return nameTaken;
    }

    private Dcs dcs() {
        return parts.dcs();
    }

    private Settings settings() {
        return parts.settings().current().settings();
    }

    /** No call may outlast the moment at which a primary has to begin to stop. */
    private Duration timeout() {
        Duration most = settings().retryTimeout();
        if (parts.lease().deadline().isEmpty() || settings().paused()) {
            return most;
        }
        long left = parts.lease().deadline().getAsLong()
                - settings().safetyMargin().toNanos()
                - parts.clock().nanos();
        return Duration.ofNanos(
                Math.clamp(left, SHORTEST_CALL.toNanos(), Math.max(most.toNanos(), SHORTEST_CALL.toNanos())));
    }

    long leaderEpoch() {
        return leaderEpoch;
    }

    Seen read() {
        try {
            ClusterView view = dcs().read(timeout());
            Optional<String> mustNotBeUsed = nameInUse(view);
            if (mustNotBeUsed.isPresent()) {
                return new Seen(new Store.Unreachable(mustNotBeUsed.get()));
            }
            leaderEpoch = view.leader().map(l -> l.epoch()).orElse(0L);
            return new Seen(new Store.Known(view));
        } catch (DcsException e) {
            return new Seen(new Store.Unreachable(e.getMessage()));
        }
    }

    /** What the store says under this member's name is not this agent's to act upon while another has the name. */
    private Optional<String> nameInUse(ClusterView view) {
        if (parts.lease().deadline().isPresent()) {
            // Who holds the lock has no doubts about its name; a paused twin that wakes up gives way.
            return Optional.empty();
        }
        NameCheck.Verdict verdict = names.of(
                view.member(parts.me()),
                MemberRecord.Addresses.of(parts.settings().local()),
                parts.settings().update(Optional.of(view)).settings().ttl(),
                parts.clock().nanos());
        return switch (verdict) {
            case NameCheck.Verdict.Free() -> Optional.empty();
            case NameCheck.Verdict.Wait(String why) -> Optional.of(why);
            case NameCheck.Verdict.Taken(String why) -> {
                nameTaken = Optional.of(why);
                yield nameTaken;
            }
        };
    }

    /** One short step; returns what the store looks like after it. */
    Seen carryOut(Decision decision, Seen before) throws DcsException {
        switch (decision) {
            case Decision.ReleaseLease release -> release(release, before);
            case Decision.WriteInitialize write ->
                dcs().writeInitialize(write.systemIdentifier(), write.expected(), timeout());
            case Decision.RemoveInitialize remove -> dcs().deleteInitialize(timeout());
            case Decision.WriteConfig write ->
                dcs().writeConfig(parts.settings().current().json(), Expected.absent(), timeout());
            case Decision.WriteHistory write -> writeHistory(write.timeline(), before);
            case Decision.WriteFailover write ->
                dcs().writeFailover(write.request(), Expected.revision(write.revision()), timeout());
            case Decision.WriteFailsafe write -> writeFailsafe(write);
            case Decision.WriteSync write -> writeSync(write, before);
            default -> throw new IllegalStateException("not a step of the store: " + decision);
        }
        return read();
    }

    private void release(Decision.ReleaseLease release, Seen before) throws DcsException {
        Optional<ClusterStatus> status = release.position()
                .filter(p -> !p.equals(Lsn.INVALID))
                .map(p -> parts.server().endBefore(p, SHORTEST_CALL.multipliedBy(10)))
                .map(p -> LeaderStatus.last(p, before.view()));
        long now = parts.clock().nanos();
        if (!parts.lease().release(release.epoch(), status, timeout())) {
            LOG.warn("The store did not take the leader lock back: it was renewed in between, or is another member's."
                    + " It is renewed once more to see, and then given back if it is still held");
            return;
        }
        parts.callbacks().gaveUp();
        boolean handedOver = parts.memory().situation(false).steppingDown();
        parts.memory().released(now);
        if (!handedOver) {
            parts.memory().standBack(now + settings().ttl().toNanos());
        }
    }

    private void writeSync(Decision.WriteSync write, Seen before) throws DcsException {
        Optional<SyncState> state = write.state()
                .map(s -> before.view().map(v -> s.spelledAs(v.members())).orElse(s));
        try {
            dcs().writeSync(parts.me(), parts.lease().epoch(), state, write.expected(), timeout());
        } catch (DcsException e) {
            throw outcomeUnknown(e);
        }
    }

    private void writeFailsafe(Decision.WriteFailsafe write) throws DcsException {
        try {
            dcs().writeFailsafe(parts.me(), parts.lease().epoch(), write.apiUrls(), timeout());
        } catch (DcsException e) {
            throw outcomeUnknown(e);
        }
    }

    /** Until the next renewal the write may still come about: nothing may be built on the key as it is shown. */
    private DcsException outcomeUnknown(DcsException e) {
        parts.lease().renewAgain();
        return e;
    }

    private void writeHistory(int timeline, Seen before) throws DcsException {
        HistoryFile file = new HistoryFile(parts.settings().local().postgres().dataDir());
        dcs().writeHistory(
                        file.read(
                                timeline,
                                before.view().flatMap(ClusterView::history),
                                parts.me(),
                                parts.clock().wall(),
                                settings().maxTimelinesHistory()),
                        timeout());
    }

    private String state(LocalPostgres postgres, Optional<Task> task) {
        boolean custom = parts.settings().local().bootstrap().method().isPresent();
        return ServerState.words(postgres, task, parts.memory().lastAction(), custom);
    }

    Member ownRecord(LocalPostgres postgres, boolean leaving) {
        return MemberRecord.of(
                parts.settings(),
                parts.lease().deadline().isPresent(),
                leaving,
                postgres,
                state(postgres, parts.tasks().current()),
                parts.actions().afterPromotion().pending(),
                parts.actions().cloneProgress(),
                parts.memory().wishes());
    }

    /** Tells the others about this member, at the end of each heartbeat. */
    void publish(LocalPostgres postgres, boolean leaving) {
        publish(ownRecord(postgres, leaving), timeout());
    }

    /** The last record of this agent: what it leaves behind, and nothing that ends with it. */
    void farewell(LocalPostgres postgres) {
        Member last = MemberRecord.of(
                parts.settings(),
                false,
                false,
                postgres,
                state(postgres, Optional.empty()),
                false,
                Optional.empty(),
                Wishes.NONE);
        publish(last, FAREWELL);
    }

    private void publish(Member record, Duration atMost) {
        try {
            dcs().touchMember(
                            record,
                            // Outlives an election of the store: members who cannot write for a moment still have
                            // votes.
                            settings().ttl().multipliedBy(2),
                            atMost);
        } catch (DcsException e) {
            LOG.debug("This member's record could not be published: {}", e.getMessage());
        }
    }
}
