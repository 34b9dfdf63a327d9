package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.postgres.FirstServer;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.agent.sharding.Sharding;
import java.time.Duration;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates the cluster, on the thread of the long action. What fails is moved aside; the heartbeat then ends the agent. */
final class Founding {
    private static final Logger LOG = LoggerFactory.getLogger(Founding.class);
    private static final Duration INITDB = Duration.ofMinutes(10);
    private static final Duration RESTORE = Duration.ofDays(7);

    /** How the first server is started as a primary, with its own settings. */
    interface Start {
        void run() throws PostgresException;
    }

    private final PostgresServer server;
    private final SettingsSource settings;
    private final LeaseKeeper lease;
    private final Memory memory;
    private final Sharding sharding;

    Founding(PostgresServer server, SettingsSource settings, LeaseKeeper lease, Memory memory, Sharding sharding) {
        this.server = server;
        this.settings = settings;
        this.lease = lease;
        this.memory = memory;
        this.sharding = sharding;
    }

    void run(Start start) throws PostgresException {
        BootstrapConfig bootstrap = settings.local().bootstrap();
        FirstServer first = server.firstServer();
        if (server.postmasterPid().isPresent()) {
            // Begun by an earlier agent, or interrupted: what it may not have come to is done again.
            first.fill(bootstrap, RESTORE);
            sharding.founded();
            done();
            return;
        }
        first.requireEmpty();
        long epoch = lease.epoch();
        try {
            Map<String, String> parameters = settings.current().parameters();
            first.make(
                    bootstrap,
                    parameters,
                    lease::startNotAfterCentis,
                    bootstrap.method().isPresent() ? RESTORE : INITDB);
            start.run();
            first.fill(bootstrap, RESTORE);
            sharding.founded();
            done();
        } catch (PostgresException e) {
            failed(first, epoch, e.getMessage());
            throw e;
        } catch (RuntimeException e) {
            failed(first, epoch, e.toString());
            throw e;
        }
    }

    private void done() {
        memory.bootstrapped();
        memory.succeeded();
    }

    private void failed(FirstServer first, long epoch, String why) {
        boolean cancelled = Thread.interrupted();
        boolean ledThroughout = lease.deadline().isPresent() && lease.epoch() == epoch;
        LOG.error("The bootstrap failed: {}", why);
        String where = first.giveUp("the bootstrap failed");
        if (cancelled) {
            LOG.warn("{}", where);
            Thread.currentThread().interrupt();
        } else if (ledThroughout) {
            memory.bootstrapFailed(why + (why.endsWith(".") ? " " : ". ") + where);
        } else {
            // The guard stops a server whose lease has run out: that says nothing about the method.
            LOG.warn("{} It is tried again.", where);
        }
    }
}
