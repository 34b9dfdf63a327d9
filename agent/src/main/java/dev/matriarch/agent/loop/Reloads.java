package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.EffectiveConfig;
import dev.matriarch.agent.rpc.Outcome;
import dev.matriarch.agent.rpc.Progress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Takes up a changed local configuration, whoever asked for it. Any thread, one at a time. */
final class Reloads {
    private static final Logger LOG = LoggerFactory.getLogger(Reloads.class);

    private final ConfigSource source;
    private final SettingsSource settings;
    private final Runnable wake;
    private final List<Consumer<AgentConfig>> parts = new CopyOnWriteArrayList<>();

    Reloads(ConfigSource source, SettingsSource settings, Runnable wake) {
        this.source = source;
        this.settings = settings;
        this.wake = wake;
    }

    /** From now on this part is told of each configuration that is read, changed or not. It must return soon. */
    void tell(Consumer<AgentConfig> part) {
        parts.add(part);
    }

    /** Every value in force. */
    List<EffectiveConfig.Row> effective() {
        SettingsSource.InForce now = settings.current();
        return EffectiveConfig.of(source.current(), now.json(), now.parameters());
    }

    /** A configuration with problems changes nothing. PostgreSQL reads its files again even if nothing has changed. */
    synchronized Outcome reload(Progress progress) {
        ConfigSource.Reload reload;
        try {
            reload = source.reload();
        } catch (ConfigProblems problems) {
            LOG.error("The changed configuration is not taken up: {}", problems.getMessage());
            return new Outcome(400, "the changed configuration is not taken up: " + problems.getMessage());
        }
        AgentConfig config = source.current().config();
        parts.forEach(part -> part.accept(config));
        settings.local(config);
        String taken = "the configuration was read again; "
                + (reload.taken().isEmpty() ? "nothing has changed" : "changed: " + String.join(", ", reload.taken()));
        LOG.info("{}", taken);
        progress.step(taken);
        reload.needRestart().forEach(key -> warn(key + " needs a restart: the old value stays in force", progress));
        reload.tooLate()
                .forEach(key -> warn(
                        key + " is read only when a cluster is created; matriarchctl edit-config changes an existing"
                                + " one",
                        progress));
        wake.run();
        return new Outcome(202, "reload scheduled");
    }

    private static void warn(String sentence, Progress progress) {
        LOG.warn("{}", sentence);
        progress.step(sentence);
    }
}
