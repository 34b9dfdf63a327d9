package dev.matriarch.agent.move;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.RaftConfig;
import dev.matriarch.agent.config.StorePin;
import java.io.IOException;
import java.time.Instant;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The change of the store, between two lives of an agent: nothing of it runs. */
public final class Begin {
    private static final Logger LOG = LoggerFactory.getLogger(Begin.class);

    private Begin() {}

    /**
     * Makes the next life of this agent use the other store.
     *
     * @param config of the life that has ended, with the other store
     * @throws IOException if it could not be noted: the next life uses the store that this one did
     */
    public static void with(Moves.Order order, AgentConfig config) throws IOException {
        if (config.store() instanceof RaftConfig raft && !order.back()) {
            OldStore.putAside(raft, config.stateDir(), Instant.now())
                    .ifPresent(aside -> LOG.info(
                            "What an earlier time with the built-in store left in {} is in {} now",
                            raft.dataDir(),
                            aside));
        }
        StorePin pin = order.back()
                ? new StorePin(config.scope(), order.store(), false, "", true, order.resume(), order.members())
                : new StorePin(
                        config.scope(), order.store(), true, order.from(), false, order.resume(), order.members());
        pin.write(config.stateDir());
        LOG.info(
                "The cluster moves {} the store {} (matriarchctl migrate): this agent begins anew with it, PostgreSQL stays"
                        + " as it is. Noted in {}",
                order.back() ? "back to" : "from the store " + order.from() + " to",
                order.store(),
                config.stateDir().resolve(StorePin.FILE));
    }
}
