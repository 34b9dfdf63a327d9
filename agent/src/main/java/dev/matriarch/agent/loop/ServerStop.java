package dev.matriarch.agent.loop;

import dev.matriarch.agent.callbacks.Callbacks;
import dev.matriarch.agent.callbacks.Hook;
import dev.matriarch.agent.config.ScriptsConfig;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.agent.postgres.StopMode;
import dev.matriarch.agent.sharding.Sharding;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How the local server is stopped: each means that fails is followed by a harder one. On the thread of a long action. */
final class ServerStop {
    private static final Logger LOG = LoggerFactory.getLogger(ServerStop.class);
    private static final Duration IMMEDIATE = Duration.ofMillis(500);

    private final PostgresServer server;
    private final SettingsSource settings;
    private final Callbacks callbacks;
    private final Sharding sharding;

    ServerStop(PostgresServer server, SettingsSource settings, Callbacks callbacks, Sharding sharding) {
        this.server = server;
        this.settings = settings;
        this.callbacks = callbacks;
        this.sharding = sharding;
    }

    /** As it was decided; the operator's programs hear of it if the server ran. */
    void run(Decision.StopMode mode) throws PostgresException, InterruptedException {
        boolean ran = server.postmasterPid().isPresent();
        if (ran) {
            beforeStop(mode == Decision.StopMode.IMMEDIATE);
        }
        switch (mode) {
            case GRACEFUL -> {
                checkpointQuietly();
                sharding.beforeDemote();
                stopFast();
            }
            case FAST -> {
                sharding.beforeDemote();
                stopFast();
            }
            case IMMEDIATE -> stopNow();
        }
        if (ran) {
            callbacks.stopped();
        }
    }

    /** In order to start it again at once, in the same role. */
    void forRestart() throws PostgresException, InterruptedException {
        beforeStop(false);
        checkpointQuietly();
        sharding.beforeDemote();
        stopFast();
    }

    /** Of a standby that is to be started again. */
    void ofStandby() throws PostgresException, InterruptedException {
        beforeStop(false);
        stopFast();
    }

    private Duration startStop() {
        return settings.postgres().startStopTimeout();
    }

    /** A stop that fences waits for nobody. */
    private void beforeStop(boolean urgent) throws InterruptedException {
        ScriptsConfig scripts = settings.postgres().scripts();
        if (urgent) {
            Hook.begin("before_stop", scripts.beforeStop());
        } else {
            Hook.run("before_stop", scripts.beforeStop(), startStop());
        }
    }

    /** What is on disk before the shutdown need not be written during it, while nobody can write. */
    private void checkpointQuietly() {
        try {
            server.checkpoint(startStop());
        } catch (PostgresException e) {
            LOG.warn("The checkpoint before the shutdown failed: {}", e.getMessage());
        }
    }

    private void stopFast() throws PostgresException {
        try {
            server.stop(StopMode.FAST, longest());
        } catch (PostgresException e) {
            LOG.warn("{}; stopping it immediately", e.getMessage());
            stopNow();
        }
    }

    /** Where commits wait for standbys, an immediate stop loses nothing: it need not be put off for long. */
    private Duration longest() {
        Duration configured = settings.current().dynamic().primaryStopTimeout();
        boolean synchronous = !settings.current().settings().synchronous().isOff();
        return synchronous && configured.isPositive() ? configured : startStop();
    }

    private void stopNow() throws PostgresException {
        try {
            server.stop(StopMode.IMMEDIATE, IMMEDIATE);
        } catch (PostgresException e) {
            LOG.warn("{}; killing it", e.getMessage());
            server.kill();
        }
    }
}
