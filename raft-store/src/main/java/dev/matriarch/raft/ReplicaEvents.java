package dev.matriarch.raft;

import dev.matriarch.dcs.Change;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.nio.file.Path;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.ratis.protocol.RaftPeerId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What this node's store makes of what happens to its replica. Ratis' threads: everything that may wait goes elsewhere. */
final class ReplicaEvents implements StoreStateMachine.Observer {
    private static final Logger LOG = LoggerFactory.getLogger(ReplicaEvents.class);

    private final Path dataDir;
    private final FeatureLevel level;
    private final StoreCondition condition;
    private final Supplier<ReplicaHost> host;
    private final LeaseExpiry expiry;
    private final ChangeListeners listeners;
    private final Supplier<Roster> roster;
    private final Supplier<Removal> removal;
    private final Consumer<String> progress;

    ReplicaEvents(
            Path dataDir,
            FeatureLevel level,
            StoreCondition condition,
            Supplier<ReplicaHost> host,
            LeaseExpiry expiry,
            ChangeListeners listeners,
            Supplier<Roster> roster,
            Supplier<Removal> removal,
            Consumer<String> progress) {
        this.dataDir = dataDir;
        this.level = level;
        this.condition = condition;
        this.host = host;
        this.expiry = expiry;
        this.listeners = listeners;
        this.roster = roster;
        this.removal = removal;
        this.progress = progress;
    }

    @Override
    public void loaded(StoreState state) {
        expiry.loaded(state);
        checkLevel(state);
    }

    @Override
    public void applied(Apply.Applied applied) {
        expiry.applied(applied);
        checkLevel(applied.state());
    }

    /** Not another command: this peer might understand it otherwise than the others do. */
    private void checkLevel(StoreState state) {
        if (state.featureLevel() > level.known() && condition.isSound()) {
            String why = level.tooOldFor(state.featureLevel()).orElseThrow();
            condition.stopped();
            condition.broken(why);
            LOG.error("{}", why);
            progress.accept(why);
            expiry.lead(false);
            Thread.ofVirtual().name("raft-store-fence").start(() -> host.get().stopReplica());
        }
    }

    @Override
    public void changed(Set<Change> changes) {
        listeners.changed(changes);
    }

    @Override
    public void leaderReady() {
        LOG.info("This peer is the Raft leader now");
        expiry.lead(true);
    }

    @Override
    public void notLeader() {
        expiry.lead(false);
    }

    @Override
    public void leaderChanged(RaftPeerId leader) {
        if (!leader.toString().equals(host.get().marker().peerId())) {
            expiry.lead(false);
        }
    }

    @Override
    public void logFailed(Throwable cause) {
        if (condition.isClosed()) {
            return;
        }
        condition.broken("The built-in store's log in " + dataDir + " can no longer be written (" + cause
                + "). The store on this node is stopped; it starts again by itself once the disk has space.");
        LOG.error("{}", condition.problem(), cause);
        condition.orderRebuild(false);
    }

    @Override
    public void membersChanged() {
        // The file is written elsewhere: this is the thread that applies the log.
        Thread.ofVirtual().name("raft-store-members").start(() -> roster.get().note());
    }

    @Override
    public void removed() {
        removal.get().order();
    }
}
