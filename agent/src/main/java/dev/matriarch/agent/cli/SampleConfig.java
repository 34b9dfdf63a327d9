package dev.matriarch.agent.cli;

import dev.matriarch.agent.config.ConfigTemplate;
import dev.matriarch.agent.postgres.Binaries;
import dev.matriarch.agent.postgres.PostgresException;
import java.util.Map;
import java.util.Optional;

/** A configuration to start from, for this host. */
final class SampleConfig {
    private SampleConfig() {}

    static String text(Map<String, String> environment) {
        ConfigTemplate template = new ConfigTemplate(ThisHost.name(), ThisHost.address());
        try {
            template.binDir(Binaries.find(Optional.empty()).directory().toString());
        } catch (PostgresException e) {
            // PostgreSQL comes later, or the file is for another host: found in the usual places then.
            return finished(template, environment);
        }
        return finished(template, environment);
    }

    private static String finished(ConfigTemplate template, Map<String, String> environment) {
        template.overlay(environment);
        return template.text();
    }
}
