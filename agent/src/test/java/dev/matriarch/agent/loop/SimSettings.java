package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.AgentConfig;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Settings as the agent's own reader reads them. Schedules share few of them, and thousands of agents start with them. The
 * members' files differ in addresses only, which the simulator does not ask the settings for.
 */
final class SimSettings {
    private static final int MOST = 20_000;

    private record Texts(boolean mayDiscard, String json) {}

    private static final Map<Texts, SettingsSource.InForce> READ = new ConcurrentHashMap<>();

    private SimSettings() {}

    static SettingsSource.InForce read(AgentConfig config, String json) {
        Texts texts = new Texts(config.postgres().removeOnDivergence(), json);
        SettingsSource.InForce known = READ.get(texts);
        if (known != null) {
            return known;
        }
        if (READ.size() >= MOST) {
            READ.clear();
        }
        SettingsSource.InForce fresh = SettingsSource.read(config, json);
        READ.put(texts, fresh);
        return fresh;
    }
}
