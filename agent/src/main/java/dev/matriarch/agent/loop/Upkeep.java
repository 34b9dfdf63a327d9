package dev.matriarch.agent.loop;

import dev.matriarch.agent.callbacks.Action;
import dev.matriarch.agent.callbacks.Role;
import dev.matriarch.agent.ha.HostReset;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Order;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.postgres.PostgresException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is kept in order after each heartbeat, whatever was decided: guards and watchdog, the server's files, what is published
 * and noted. The heartbeat's thread only.
 */
final class Upkeep {
    private static final Logger LOG = LoggerFactory.getLogger(Upkeep.class);

    private final Heartbeat.Parts parts;
    private final StoreSteps store;
    private final OrderSlot order;
    private final Narration narration;
    private final RecoveryWatch recovery;
    private String appliedParameters = "";

    /** @param soon lets the next heartbeat begin when a server has had the time to read its files */
    Upkeep(Heartbeat.Parts parts, StoreSteps store, OrderSlot order, Narration narration, Runnable soon) {
        this.parts = parts;
        this.store = store;
        this.order = order;
        this.narration = narration;
        this.recovery = new RecoveryWatch(parts.server().configuration(), soon, order::give);
    }

    /** @param lastSeen what the last decision was taken from */
    void after(StoreSteps.Seen seen, LocalPostgres postgres, Optional<Observation> lastSeen) {
        if (parts.lease().deadline().isPresent()) {
            order.leads();
        }
        Settings settings = parts.settings().current().settings();
        parts.lease().restGuards(settings, postgres, parts.tasks().current().isPresent());
        restWatchdog(settings, postgres);
        if (postgres.status().isPresent() && parts.tasks().current().isEmpty()) {
            // A server that was found running, or that somebody else promoted.
            parts.callbacks().happened(Action.SEEN, role(settings, postgres));
        }
        applyParameters(postgres);
        watchRecovery(settings, postgres);
        lastSeen.ifPresent(narration::slots);
        parts.copy()
                .keep(
                        parts.settings().current(),
                        postgres,
                        parts.tasks().current().isPresent());
        lastSeen.ifPresent(parts.logicalSlots()::seen);
        seen.view().ifPresent(view -> {
            store.publish(postgres, order.current() != null && postgres.isReplica());
            parts.peers().getToKnow(view, parts.me());
            parts.sharding().seen(view, parts.lease().deadline().isPresent() && postgres.isPrimary());
        });
    }

    private Role role(Settings settings, LocalPostgres postgres) {
        boolean leads = settings.standbyCluster().isPresent()
                && parts.lease().deadline().isPresent();
        return postgres.isPrimary() ? Role.PRIMARY : leads ? Role.STANDBY_LEADER : Role.REPLICA;
    }

    private void restWatchdog(Settings settings, LocalPostgres postgres) {
        boolean leads = parts.lease().deadline().isPresent();
        boolean needed = switch (HostReset.of(settings, postgres, parts.tasks().current(), leads)) {
            case NEEDED -> true;
            case NEEDED_FOR_CLIENTS -> parts.server().hasUserBackends();
            case NEEDLESS -> false;
        };
        if (!needed) {
            parts.lease().watchdog().disarm();
        }
    }

    /** A changed configuration reaches a running server at once. */
    private void applyParameters(LocalPostgres postgres) {
        // A reload reaches the server even if its parameters are the same: other files of it may have changed.
        String wanted = parts.settings().reloads()
                + parts.settings().current().parameters().toString()
                + parts.settings().current().files();
        if (wanted.equals(appliedParameters)
                || postgres.status().isEmpty()
                || parts.tasks().current().isPresent()) {
            return;
        }
        LocalPostgres.Status status = postgres.status().get();
        if (status.inRecovery() && parts.memory().situation(false).following().isEmpty()) {
            // An adopted standby streams from somebody: its files stay until it is known from whom.
            return;
        }
        try {
            // Whom a primary's commits wait for is changed step by step, by decisions only.
            parts.actions()
                    .applyParameters(!status.inRecovery(), status.inRecovery() ? "" : status.synchronousStandbyNames());
            appliedParameters = wanted;
        } catch (PostgresException e) {
            LOG.error("The configuration could not be applied: {}", e.getMessage());
        }
    }

    /** In a paused cluster an operator may have reasons to change what a standby goes by. */
    private void watchRecovery(Settings settings, LocalPostgres postgres) {
        boolean standby = postgres.isReplica()
                && parts.tasks().current().isEmpty()
                && parts.server().configuration().isWritten()
                && !settings.paused();
        if (order.current() instanceof Order.RestartStandby late && !standby) {
            order.withdraw(late);
        }
        if (standby && order.current() == null) {
            recovery.standbySeen(postgres.status().orElseThrow());
        }
    }
}
