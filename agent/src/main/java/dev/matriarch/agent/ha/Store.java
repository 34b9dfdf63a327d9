package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;

/** What this heartbeat got from the configuration store. */
public sealed interface Store {
    record Known(ClusterView view) implements Store {}

    record Unreachable(String why) implements Store {}
}
