package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.GivenUp;
import dev.matriarch.proto.store.v1.ReformPlan;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Another store takes the place of this node's one: nobody acts by this one from now on. Any thread; returns at once. */
final class Supersession {
    private static final Logger LOG = LoggerFactory.getLogger(Supersession.class);

    private final StoreCondition condition;
    private final Supplier<ReplicaHost> host;

    Supersession(StoreCondition condition, Supplier<ReplicaHost> host) {
        this.condition = condition;
        this.host = host;
    }

    /** The store that this peer belongs to was given up. */
    void giveUp(GivenUp order) {
        boolean begins = condition.orderGivingUp(
                order,
                group -> host.get().belongsTo(group),
                "The store that this node is part of (" + order.getGroupId()
                        + ") lost its majority and was given up with matriarchctl recover. This node acts by it no"
                        + " more.");
        if (!begins) {
            return;
        }
        LOG.warn("{}", condition.problem());
        // At once, whatever the keeper is busy with: not another vote.
        Thread.ofVirtual().name("raft-store-fence").start(() -> host.get().leave(order.getGroupId()));
    }

    /** Another store took the place of the same old one, and this one is to end. */
    void stop(String why) {
        condition.stopped();
        if (!condition.problem().equals(why)) {
            LOG.error("{}", why);
            condition.broken(why);
        }
    }

    /** The plan is on the disk: it is to be carried out. */
    void reform(ReformPlan plan) {
        condition.broken("The store that this node was part of (" + plan.getGivenUp()
                + ") lost its majority; this node forms another one in its place.");
        condition.orderReform();
    }
}
