package dev.matriarch.agent;

import dev.matriarch.agent.certificates.OwnTls;
import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.NodeConfig;
import dev.matriarch.agent.config.StorePin;
import dev.matriarch.agent.log.Logging;
import dev.matriarch.agent.loop.Agent;
import dev.matriarch.agent.move.Begin;
import dev.matriarch.agent.move.MoveEndpoint;
import dev.matriarch.agent.move.Moves;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.service.ServiceNotes;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.raft.StoreStartException;
import dev.matriarch.tls.LiveTls;
import io.grpc.BindableService;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The lives of the agent in this process: one, and another one after each move to another store. PostgreSQL outlives them. */
final class Lives {
    private static final Logger LOG = LoggerFactory.getLogger(Lives.class);

    private final ServiceNotes service;
    private final AtomicReference<Agent> running;
    private final AtomicBoolean stopping;
    private final Moves moves = new Moves();
    private ConfigSource source;
    /** The present life has all its parts. */
    private boolean begun;

    /**
     * @param running takes the agent of the present life
     * @param stopping the process is to end; set before the agent in {@code running} is told
     */
    Lives(ConfigSource first, ServiceNotes service, AtomicReference<Agent> running, AtomicBoolean stopping) {
        this.source = first;
        this.service = service;
        this.running = running;
        this.stopping = stopping;
    }

    /**
     * Returns the exit code of the last one.
     *
     * @throws ConfigProblems if the files were changed so that no further life can begin
     */
    int run() throws StoreStartException, IOException, PostgresException, ConfigProblems, InterruptedException {
        StorePin pin = noted();
        Optional<StorePin> before = Optional.empty();
        while (true) {
            int code;
            begun = false;
            try {
                code = live(pin);
            } catch (StoreStartException | IOException | PostgresException e) {
                if (begun || before.isEmpty() || stopping.get()) {
                    throw e;
                }
                LOG.error("The agent cannot begin anew with the store {}: {}", pin.store(), e.getMessage());
                moves.failed(e.getMessage());
                pin = backTo(before.get());
                before = Optional.empty();
                continue;
            }
            Optional<Moves.Order> order = moves.take();
            if (order.isEmpty() || code != 0 || stopping.get()) {
                return code;
            }
            before = Optional.of(pin);
            try {
                Begin.with(order.get(), source.with(order.get().store()));
                source = source.anew();
                pin = noted();
            } catch (IOException | ConfigProblems e) {
                LOG.error(
                        "The move to the store {} could not be noted: {}",
                        order.get().store(),
                        e.getMessage());
                moves.failed(e.getMessage());
                pin = backTo(before.get());
            }
        }
    }

    private StorePin backTo(StorePin before) throws IOException, ConfigProblems {
        LOG.warn("This agent goes on with the store {}", before.store());
        before.write(source.current().config().stateDir());
        source = source.anew();
        return before;
    }

    private int live(StorePin pin) throws StoreStartException, IOException, PostgresException, InterruptedException {
        AgentConfig config = source.current().config();
        String file = source.file().map(Path::toString).orElse("the environment");
        Optional<LiveTls> tls = Certificates.open(config.tls(), OwnTls.of(NodeConfig.of(config)), LOG);
        MoveEndpoint moving = new MoveEndpoint(source, moves, pin, Lives::other);
        try (Store store = Store.open(config, file, tls, LOG);
                Agent agent = new Agent(
                        source,
                        moving.guard(store.dcs()),
                        tls,
                        changed -> {
                            Logging.change(changed.log());
                            store.reconfigure(changed.store());
                        },
                        with(store.services(), moving),
                        store.joining(),
                        store.peers())) {
            begun = true;
            moving.leaving(agent::leave);
            AskedBySignal.calls("HUP", () -> service.reload(agent::reload), "use matriarchctl reload");
            AskedBySignal.calls("USR1", agent::leave, "restart with SIGKILL to keep PostgreSQL running");
            running.set(agent);
            if (stopping.get()) {
                agent.shutDown();
            }
            return agent.run((nextWithin, doing) -> {
                service.beat(nextWithin, doing);
                moving.beat();
            });
        } finally {
            running.set(null);
        }
    }

    /** A store that is not in use. */
    private static Dcs other(AgentConfig config) throws IOException {
        try {
            return Store.open(config, "", Optional.empty(), LOG).dcs();
        } catch (StoreStartException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    private static List<BindableService> with(List<BindableService> services, BindableService one) {
        List<BindableService> all = new ArrayList<>(services);
        all.add(one);
        return all;
    }

    /** What is known of the store that is in use now, noted for the next start. */
    private StorePin noted() {
        AgentConfig config = source.current().config();
        String store = config.store().section();
        List<String> sections = source.current().stores();
        Path file = config.stateDir().resolve(StorePin.FILE);
        try {
            StorePin pin = StorePin.read(config.stateDir(), config.scope())
                    .filter(p -> p.store().equals(store))
                    .orElse(null);
            if (pin != null && !store.equals(sections.getFirst())) {
                LOG.info(
                        "The store {} is used, although {} comes first in {}: the cluster is kept there, see {}",
                        store,
                        sections.getFirst(),
                        source.file().map(Path::toString).orElse("the environment"),
                        file);
            }
            boolean alone = pin != null && pin.ordered() && !pin.isUnderWay() && sections.size() == 1;
            if (alone) {
                LOG.info(
                        "The store {} is the only one in the configuration: the note of the move to it is over", store);
            }
            if (pin == null || alone) {
                pin = StorePin.noted(config.scope(), store);
                pin.write(config.stateDir());
            }
            return pin;
        } catch (IOException e) {
            LOG.warn(
                    "That the store {} is in use could not be noted in {}: {}. Before another store's section is added to the"
                            + " configuration, see to it that it can",
                    store,
                    file,
                    e.toString());
            return StorePin.noted(config.scope(), store);
        }
    }
}
