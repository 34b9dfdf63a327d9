package dev.matriarch.agent.ha;

import java.time.Duration;

/** {@code watchdog.safety_margin}: how long before the end of the lease the host is reset. */
public sealed interface SafetyMargin {
    /** As late as whole seconds allow. */
    record Narrowest() implements SafetyMargin {}

    /** Patroni's -1: the time-out is half the ttl. */
    record HalfTheTtl() implements SafetyMargin {}

    record Of(Duration time) implements SafetyMargin {}
}
