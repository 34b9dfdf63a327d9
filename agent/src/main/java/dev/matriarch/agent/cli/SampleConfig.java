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
        template.binDir(programs());
        template.overlay(environment);
        return template.text();
    }

    /** Empty: PostgreSQL comes later, or the file is for another host. */
    private static String programs() {
        try {
            return Binaries.find(Optional.empty()).directory().toString();
        } catch (PostgresException e) {
            return "";
        }
    }
}
