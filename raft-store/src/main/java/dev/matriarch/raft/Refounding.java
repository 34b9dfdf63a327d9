package dev.matriarch.raft;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.proto.store.v1.ChangeReply;
import dev.matriarch.proto.store.v1.ChangeRequest;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.ReformPlan;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries out what {@link Succession#reform} has written to the disk: this peer founds a store in place of the one that was
 * given up, fills it once no lease of the old one can be in force, and takes the other survivors in.
 */
final class Refounding {
    private static final Logger LOG = LoggerFactory.getLogger(Refounding.class);
    private static final long REPLY_MILLIS = 200;
    private static final long LOOK_AGAIN_MILLIS = 50;
    private static final long SEED_SECONDS = 5;
    private static final Duration ADMISSION = Duration.ofMinutes(2);
    private static final long ADMISSION_PAUSE_MILLIS = 1000;

    private final RaftStoreSettings settings;
    private final StoreCondition condition;
    private final ReplicaHost host;
    private final LeaseExpiry expiry;
    private final Rebuilding rebuilding;
    private final Herald herald;
    private final Proposals proposals;
    private final Proposals.Surroundings surroundings;
    private final Membership membership;
    private final Consumer<String> progress;

    Refounding(
            RaftStoreSettings settings,
            StoreCondition condition,
            ReplicaHost host,
            LeaseExpiry expiry,
            Rebuilding rebuilding,
            Herald herald,
            Proposals proposals,
            Proposals.Surroundings surroundings,
            Membership membership,
            Consumer<String> progress) {
        this.settings = settings;
        this.condition = condition;
        this.host = host;
        this.expiry = expiry;
        this.rebuilding = rebuilding;
        this.herald = herald;
        this.proposals = proposals;
        this.surroundings = surroundings;
        this.membership = membership;
        this.progress = progress;
    }

    /**
     * Does nothing without a plan; takes one up also after a restart in the middle of it. Returns when the new store is
     * there, or this one is closed or given up. The keeper's thread.
     */
    void run() throws StoreStartException, InterruptedException {
        Optional<ReformPlan> plan = host.plan();
        if (plan.isEmpty()) {
            herald.planned(plan);
            return;
        }
        if (condition.reformOrdered()) {
            // The answer goes out by the server that is about to stop.
            Thread.sleep(REPLY_MILLIS);
            expiry.lead(false);
            host.reform(plan.get());
            condition.reforming();
            plan = host.plan();
        }
        // Not before it is certain that the old store has not come back: whoever hears of it leaves that store.
        herald.planned(plan);
        if (plan.isEmpty()) {
            return;
        }
        // From here on nobody renews a lease with this peer's help. Who still answers as a part of the old store may.
        long begun = System.nanoTime();
        herald.tell();
        progress.accept("forms the store " + plan.get().getGroupId() + " in place of "
                + plan.get().getGivenUp()
                + ", which lost its majority; nobody may lead until a lease of the old leader has"
                + " ended (" + plan.get().getWaitMillis() / 1000 + " s)");
        LOG.warn("The built-in store on this node {}", condition.waiting());
        while (!condition.isClosed() && condition.givenUp().isEmpty()) {
            if (condition.rebuildOrdered()) {
                rebuilding.run();
                if (host.plan().isEmpty()) {
                    herald.planned(Optional.empty());
                    return;
                }
            }
            long now = System.nanoTime();
            if (isOver(begun, herald.oldOneSeen(), now, plan.get().getWaitMillis()) && seeded(plan.get())) {
                host.reformed();
                herald.planned(Optional.empty());
                LOG.warn(
                        "The store {} is there in place of {}. Whoever comes back from the old one waits to be taken in:"
                                + " matriarchctl raft add-peer HOST:PORT",
                        plan.get().getGroupId(),
                        plan.get().getGivenUp());
                ReformPlan done = plan.get();
                Thread.ofVirtual().name("raft-store-admit").start(() -> admit(done));
                return;
            }
            Thread.sleep(LOOK_AGAIN_MILLIS);
        }
    }

    /**
     * Whether a lease of the old store must have ended: nobody could renew it for that long.
     *
     * @param begun when this peer took part in the old store for the last time, as the others by {@link System#nanoTime()}
     * @param oldOneSeen when somebody last answered who still took part in it
     */
    static boolean isOver(long begun, long oldOneSeen, long now, long waitMillis) {
        long quiet = Math.min(now - begun, now - oldOneSeen);
        return quiet >= waitMillis * 1_000_000;
    }

    private boolean seeded(ReformPlan plan) throws InterruptedException {
        Optional<Proposals.Replica> replica = host.replica();
        if (replica.isEmpty() || !replica.get().division().getInfo().isLeaderReady()) {
            return false;
        }
        try {
            Command seed = Command.parseFrom(plan.getSeed());
            if (!replica.get().stateMachine().state().entries().isEmpty()) {
                // It was put in before this node was restarted.
                return true;
            }
            return proposals
                            .submitHere(replica.get(), seed)
                            .get(SEED_SECONDS, TimeUnit.SECONDS)
                            .isSuccess()
                    && !replica.get().stateMachine().state().entries().isEmpty();
        } catch (ExecutionException | TimeoutException | InvalidProtocolBufferException e) {
            LOG.warn("The new store cannot be filled yet: {}", e.toString());
            return false;
        }
    }

    /** Takes the other survivors into the new store, one after the other; they hear of it from the herald. */
    private void admit(ReformPlan plan) {
        for (String address : plan.getAdmitList()) {
            long end = System.nanoTime() + ADMISSION.toNanos();
            String last = "it was not tried";
            boolean done = false;
            while (!condition.isClosed() && !done && System.nanoTime() - end < 0) {
                try {
                    ChangeReply reply = membership.carryOut(
                            surroundings.replica(),
                            ChangeRequest.newBuilder()
                                    .setFormatVersion(Forming.FORMAT_VERSION)
                                    .setScope(settings.scope())
                                    .setAdd(address)
                                    .build());
                    done = reply.getDone();
                    last = reply.getMessage();
                } catch (DcsException e) {
                    last = String.valueOf(e.getMessage());
                }
                if (!done && !paused()) {
                    return;
                }
            }
            if (done) {
                LOG.info("The new store: {}", last);
            } else if (!condition.isClosed()) {
                LOG.warn(
                        "The survivor at {} could not be taken into the new store ({}). When it waits for it:"
                                + " matriarchctl raft add-peer {}",
                        address,
                        last,
                        address);
            }
        }
    }

    /** False: the store is closing. */
    private static boolean paused() {
        try {
            Thread.sleep(ADMISSION_PAUSE_MILLIS);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
