package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import dev.matriarch.agent.ha.SafetyMargin;
import dev.matriarch.agent.ha.WatchdogTiming;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;

/** Reads {@code watchdog}. */
final class WatchdogSection {
    private static final Path DEVICE = Path.of("/dev/watchdog");

    private WatchdogSection() {}

    /** @param dcsJson bootstrap.dcs: its ttl and loop_wait must leave room for a required watchdog */
    static WatchdogConfig read(Section s, String dcsJson, Findings findings) {
        WatchdogConfig.Mode mode = mode(s);
        Path device = s.file("device").orElse(DEVICE);
        SafetyMargin margin = margin(s);
        s.notYetExcept("driver", "default").finish();
        WatchdogConfig config = new WatchdogConfig(mode, device, margin);
        if (findings.problems().isEmpty()) {
            problem(config, DynamicConfigJson.parse(dcsJson))
                    .ifPresent(why -> findings.add(
                            s.key("mode"), "is required, and the timing of bootstrap.dcs does not allow it. " + why));
        }
        return config;
    }

    /** Why a required watchdog cannot work with this timing. */
    static Optional<String> problem(WatchdogConfig config, DynamicConfig timing) {
        return config.mode() == WatchdogConfig.Mode.REQUIRED
                        && WatchdogTiming.plan(timing.ttl(), timing.loopWait(), config.margin())
                                instanceof WatchdogTiming.Plan.Impossible(String why)
                ? Optional.of(why)
                : Optional.empty();
    }

    private static WatchdogConfig.Mode mode(Section s) {
        Optional<JsonNode> value = s.describe("mode", "text", "automatic", "off, automatic, required")
                .value("mode");
        if (value.isEmpty()) {
            return WatchdogConfig.Mode.AUTOMATIC;
        }
        return switch (value.get().asText().toLowerCase(Locale.ROOT)) {
            case "off", "disable", "disabled", "false" -> WatchdogConfig.Mode.OFF;
            case "automatic", "auto" -> WatchdogConfig.Mode.AUTOMATIC;
            case "required", "require" -> WatchdogConfig.Mode.REQUIRED;
            default -> {
                s.problem("mode", "is none of off, automatic and required");
                yield WatchdogConfig.Mode.OFF;
            }
        };
    }

    private static SafetyMargin margin(Section s) {
        Optional<JsonNode> value =
                s.describe("safety_margin", "time", "", "-1: half the ttl").value("safety_margin");
        if (value.isEmpty()) {
            return new SafetyMargin.Narrowest();
        }
        if (Quantity.integer(value.get()).filter(n -> n == -1).isPresent()) {
            return new SafetyMargin.HalfTheTtl();
        }
        Optional<Duration> time = Quantity.duration(value.get()).filter(d -> !d.isNegative());
        if (time.isEmpty()) {
            s.problem("safety_margin", "is neither a number of seconds nor -1 (half the ttl)");
        }
        return time.<SafetyMargin>map(SafetyMargin.Of::new).orElse(new SafetyMargin.Narrowest());
    }
}
