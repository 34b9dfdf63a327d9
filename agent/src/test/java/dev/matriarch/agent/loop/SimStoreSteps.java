package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.LeaderStatus;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Store;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.ClusterCommands;
import dev.matriarch.raft.Confirmed;
import dev.matriarch.raft.state.StoreState;
import dev.matriarch.sim.SimHost;
import dev.matriarch.sim.World;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The counterpart of {@link StoreSteps}: what a heartbeat reads from the log and writes to it. Each step goes on with
 * {@code then} when its outcome is known, or is known to stay unknown; {@link #seen} shows the store after it.
 */
final class SimStoreSteps {
    private static final long SHORTEST_CALL = 50_000_000L;
    private static final long LOOK_AGAIN = 250_000_000L;

    private final SimHost host;
    private final World world;
    private final SimAgent agent;
    private final String me;
    private final SettingsSource settings;
    private final SimLeaseKeeper lease;
    private Store seen = new Store.Unreachable("not asked yet");
    private Confirmed confirmed = Confirmed.NOTHING;
    private long leaderEpoch;
    private Member lastMember;
    private String lastJson = "";
    private String touchedJson = "";
    private long touchedAt;

    SimStoreSteps(SimHost host, SimAgent agent, SettingsSource settings, SimLeaseKeeper lease) {
        this.host = host;
        this.world = host.world();
        this.agent = agent;
        this.me = host.name();
        this.settings = settings;
        this.lease = lease;
    }

    private Settings settings() {
        return settings.current().settings();
    }

    private StoreState local() {
        return world.raft().local(host.index());
    }

    private long timeout() {
        long most = settings().retryTimeout().toNanos();
        if (lease.deadline().isEmpty() || settings().paused()) {
            return most;
        }
        long left = lease.deadline().getAsLong() - settings().safetyMargin().toNanos() - host.nanos();
        return Math.clamp(left, SHORTEST_CALL, Math.max(most, SHORTEST_CALL));
    }

    // --- Reading ---

    Store seen() {
        return seen;
    }

    Optional<ClusterView> view() {
        return seen instanceof Store.Known(ClusterView view) ? Optional.of(view) : Optional.empty();
    }

    long revision() {
        return view().map(ClusterView::revision).orElse(0L);
    }

    /** Of the leader in the last view that could be read. */
    long leaderEpoch() {
        return leaderEpoch;
    }

    void read(Runnable then) {
        readUntil(world.events().now() + timeout(), then);
    }

    private void readUntil(long deadline, Runnable then) {
        long limit = world.plan().retryTimeout();
        if (world.raft().age(host.index()) <= limit) {
            if (world.raft().isCaughtUp(host.index())) {
                known();
                then.run();
            } else {
                world.raft()
                        .catchUp(
                                host.index(),
                                Math.max(0, deadline - world.events().now()),
                                done -> agent.run(() -> {
                                    if (done) {
                                        known();
                                    } else {
                                        seen = new Store.Unreachable("the local copy has not caught up");
                                    }
                                    then.run();
                                }));
            }
            return;
        }
        if (world.events().now() >= deadline) {
            seen = new Store.Unreachable("the local copy of the built-in store is out of touch");
            then.run();
            return;
        }
        long again = Math.min(deadline, world.events().now() + LOOK_AGAIN);
        world.events().at(again, () -> agent.run(() -> readUntil(deadline, then)));
    }

    private void known() {
        if (!confirmed.shownBy(local(), host.nanos())) {
            seen = new Store.Unreachable("the local copy does not show yet what was confirmed");
            return;
        }
        ClusterView view = world.raft().view(host.index());
        leaderEpoch = view.leader().map(l -> l.epoch()).orElse(0L);
        seen = new Store.Known(view);
    }

    // --- Writing ---

    /** One short step that concerns nothing but the store. */
    void carryOut(Decision decision, Runnable then) {
        switch (decision) {
            case Decision.ReleaseLease release -> release(release, then);
            case Decision.WriteInitialize write ->
                write(ClusterCommands.write(ClusterKeys.INITIALIZE, write.systemIdentifier(), write.expected()), then);
            case Decision.RemoveInitialize remove ->
                write(ClusterCommands.remove(ClusterKeys.INITIALIZE, Expected.anything()), then);
            case Decision.WriteConfig write ->
                write(
                        ClusterCommands.write(
                                ClusterKeys.CONFIG, settings.current().json(), Expected.absent()),
                        then);
            case Decision.WriteHistory write -> {
                String json = ClusterJson.writeHistory(host.postgres().data().history());
                write(ClusterCommands.write(ClusterKeys.HISTORY, json, Expected.anything()), then);
            }
            case Decision.WriteFailover write -> {
                Expected expected = Expected.revision(write.revision());
                write(
                        write.request().isPresent()
                                ? ClusterCommands.write(
                                        ClusterKeys.FAILOVER, ClusterJson.writeFailover(write.request()), expected)
                                : ClusterCommands.remove(ClusterKeys.FAILOVER, expected),
                        then);
            }
            case Decision.WriteFailsafe write ->
                writeAsLeader(ClusterCommands.writeFailsafe(local(), me, lease.epoch(), write.apiUrls()), then);
            case Decision.WriteSync write ->
                writeAsLeader(
                        ClusterCommands.writeSync(local(), me, lease.epoch(), write.state(), write.expected()), then);
            default -> throw new IllegalStateException("the simulator does not know " + decision);
        }
    }

    private void submit(Command command, long timeout, Consumer<Optional<Reply>> then) {
        world.raft()
                .propose(
                        host.index(),
                        command,
                        timeout,
                        reply -> agent.run(() -> then.accept(Optional.ofNullable(reply))));
    }

    private void lost(Runnable then) {
        seen = new Store.Unreachable("the built-in store did not answer");
        then.run();
    }

    private void write(Command command, Runnable then) {
        submit(command, timeout(), reply -> {
            if (reply.isEmpty()) {
                lost(then);
            } else {
                read(then);
            }
        });
    }

    private void writeAsLeader(Command command, Runnable then) {
        submit(command, timeout(), reply -> {
            if (reply.isEmpty()) {
                lease.renewAgain();
                lost(then);
            } else {
                confirmed = confirmed.with(reply.get().getRevision());
                read(then);
            }
        });
    }

    // --- The lock ---

    /** @param decidedOn the revision of the view by which this member may lead */
    void acquire(Settings inForce, long decidedOn, Runnable then) {
        boolean taken = view().flatMap(ClusterView::pendingFailover)
                .map(Versioned::value)
                .filter(f -> !f.isSwitchover() && f.candidate().equals(Optional.of(me)))
                .isPresent();
        if (taken || inForce.paused()) {
            world.judge().forced(host.index());
        }
        SimLeaseKeeper.Sent sent = lease.now();
        submit(
                ClusterCommands.acquireLeader(local(), me, inForce.ttl(), decidedOn),
                lease.renewalTimeout(sent, inForce),
                reply -> {
                    if (reply.isEmpty()) {
                        lost(then);
                        return;
                    }
                    if (confirm(reply.get(), sent, inForce)) {
                        agent.memory().lockTaken();
                    } else {
                        world.judge().notForced(host.index());
                    }
                    read(then);
                });
    }

    void renew(long epoch, Settings inForce, Optional<ClusterStatus> status, Runnable then) {
        SimLeaseKeeper.Sent sent = lease.now();
        lease.renewing(sent, inForce);
        submit(
                ClusterCommands.renewLeader(local(), me, epoch, inForce.ttl(), status),
                lease.renewalTimeout(sent, inForce),
                reply -> {
                    if (reply.isEmpty()) {
                        lost(then);
                        return;
                    }
                    confirm(reply.get(), sent, inForce);
                    read(then);
                });
    }

    private boolean confirm(Reply reply, SimLeaseKeeper.Sent sent, Settings inForce) {
        boolean held = lease.confirm(reply, sent, inForce);
        if (held) {
            confirmed = new Confirmed(
                    reply.getRevision(), host.nanos() + inForce.ttl().toNanos());
        }
        return held;
    }

    private void release(Decision.ReleaseLease release, Runnable then) {
        Optional<ClusterStatus> status =
                release.position().filter(p -> !p.equals(Lsn.INVALID)).map(p -> LeaderStatus.last(p, view()));
        long now = host.nanos();
        submit(ClusterCommands.releaseLeader(local(), me, release.epoch(), status), timeout(), reply -> {
            if (reply.isPresent() && !reply.get().getApplied()) {
                lease.renewAgain();
                read(then);
                return;
            }
            lease.drop();
            if (reply.isEmpty()) {
                lost(then);
                return;
            }
            Memory memory = agent.memory();
            boolean handedOver = memory.situation(false).steppingDown();
            memory.released(now);
            if (!handedOver) {
                memory.standBack(now + settings().ttl().toNanos());
            }
            read(then);
        });
    }

    // --- This member's record ---

    /** Tells the others about this member, unless they have just been told the same. */
    void publish(Member member, Runnable then) {
        if (!member.equals(lastMember)) {
            lastMember = member;
            lastJson = ClusterJson.writeMember(member);
        }
        long ttl = settings().ttl().toNanos() * 2;
        long now = host.nanos();
        if (lastJson.equals(touchedJson)
                && now - touchedAt < ttl / 2
                && local().entry(ClusterKeys.member(me)).isPresent()) {
            then.run();
            return;
        }
        String json = lastJson;
        submit(ClusterCommands.touchMember(local(), me, json, Duration.ofNanos(ttl)), timeout(), reply -> {
            if (reply.isPresent() && reply.get().getApplied()) {
                touchedJson = json;
                touchedAt = now;
            }
            then.run();
        });
    }
}
