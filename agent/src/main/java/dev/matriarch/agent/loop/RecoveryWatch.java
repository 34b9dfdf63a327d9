package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Order;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.ServerConfiguration;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps a standby's settings of recovery the agent's own. Asks for a restart where nothing less helps. */
final class RecoveryWatch {
    private static final Logger LOG = LoggerFactory.getLogger(RecoveryWatch.class);

    private final ServerConfiguration configuration;
    private final Runnable soon;
    private final Consumer<Order> order;

    /** @param soon lets the next heartbeat begin in a moment */
    RecoveryWatch(ServerConfiguration configuration, Runnable soon, Consumer<Order> order) {
        this.configuration = configuration;
        this.soon = soon;
        this.order = order;
    }

    void standbySeen(LocalPostgres.Status status) {
        try {
            Optional<String> restart = configuration.checkRecovery(status.postmasterStartTime(), soon);
            restart.ifPresent(because -> {
                LOG.warn("The standby is restarted: {}", because);
                order.accept(new Order.RestartStandby(because));
            });
        } catch (PostgresException e) {
            LOG.warn("It could not be seen whether the standby goes by what is written: {}", e.getMessage());
        }
    }
}
