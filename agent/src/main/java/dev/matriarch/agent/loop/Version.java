package dev.matriarch.agent.loop;

import java.util.Optional;

/** The agent's own version, from the jar's manifest. */
public final class Version {
    public static final String TEXT = Optional.ofNullable(
                    Version.class.getPackage().getImplementationVersion())
            .orElse("0.1.0");

    private Version() {}
}
