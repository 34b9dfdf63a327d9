package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The rules for a dynamic configuration that somebody asks for. */
final class DynamicRules {
    private final Section section;
    private final Findings findings;

    DynamicRules(Section section, Findings findings) {
        this.section = section;
        this.findings = findings;
    }

    void check() {
        timing();
        synchronousMode();
        section.bytes("maximum_lag_on_failover", DynamicConfigJson.STANDARD.maximumLagOnFailover(), 0);
        section.bool("synchronous_mode_strict", false);
        section.bytes("maximum_lag_on_syncnode", DynamicConfigJson.STANDARD.maximumLagOnSyncnode(), -1);
        section.integer("synchronous_node_count", 1, 1, Integer.MAX_VALUE);
        section.bool("check_timeline", false);
        section.bool("failsafe_mode", false);
        if (Quantity.duration(section.node().path("primary_race_backoff"))
                .map(Duration::isNegative)
                .orElse(false)) {
            section.tolerate("primary_race_backoff");
        } else {
            section.duration("primary_race_backoff", Duration.ZERO, Duration.ZERO);
        }
        section.bool("pause", false);
        section.integer("max_timelines_history", 0, 0, Integer.MAX_VALUE);
        section.duration("primary_start_timeout", DynamicConfigJson.STANDARD.primaryStartTimeout(), Duration.ZERO);
        section.duration("master_start_timeout", DynamicConfigJson.STANDARD.primaryStartTimeout(), Duration.ZERO);
        for (String name : new String[] {"primary_stop_timeout", "master_stop_timeout"}) {
            boolean off =
                    Quantity.integer(section.node().path(name)).map(n -> n <= 0).orElse(false);
            if (off) {
                section.tolerate(name);
            } else {
                section.duration(name, Duration.ZERO, Duration.ZERO);
            }
        }
        section.duration("member_slots_ttl", DynamicConfigJson.STANDARD.memberSlotsTtl(), Duration.ZERO);
        section.section("postgresql").ifPresent(this::postgresql);
        SlotsSection.check(section, findings);
        StandbyClusterSection.check(section, findings);
        section.finish();
    }

    private void timing() {
        int before = findings.problems().size();
        Duration ttl = section.duration("ttl", DynamicConfigJson.STANDARD.ttl(), DynamicConfigJson.MIN_TTL);
        Duration loopWait =
                section.duration("loop_wait", DynamicConfigJson.STANDARD.loopWait(), DynamicConfigJson.MIN_LOOP_WAIT);
        Duration retry = section.duration(
                "retry_timeout", DynamicConfigJson.STANDARD.retryTimeout(), DynamicConfigJson.MIN_RETRY_TIMEOUT);
        if (findings.problems().size() > before) {
            return;
        }
        Duration needed = loopWait.plus(retry.multipliedBy(2));
        if (needed.compareTo(ttl) > 0) {
            findings.add(
                    section.key("ttl"),
                    Quantity.seconds(ttl),
                    "is less than loop_wait + 2 * retry_timeout (" + Quantity.seconds(loopWait) + " + 2 * "
                            + Quantity.seconds(retry) + " = " + Quantity.seconds(needed)
                            + " s); raise ttl or lower the others in the same change",
                    Optional.empty());
        }
    }

    private void synchronousMode() {
        Optional<JsonNode> value = section.describe("synchronous_mode", "text", "off", "off, on, quorum")
                .value("synchronous_mode");
        if (value.isEmpty() || value.get().asText().toLowerCase(Locale.ROOT).equals("quorum")) {
            return;
        }
        if (Quantity.bool(value.get()).isEmpty()) {
            section.problem("synchronous_mode", "is neither off, on nor quorum");
        }
    }

    private void postgresql(Section postgresql) {
        Map<String, String> parameters = postgresql.parameters("parameters");
        parameters.forEach((name, value) -> Parameters.problemOf(name, value)
                .ifPresent(problem ->
                        findings.add(postgresql.key("parameters") + "." + name, value, problem, Optional.empty())));
        postgresql.bool("use_slots", true);
        ServerFiles.read(postgresql, new ArrayList<>());
        new ReplicaMethodsSection(postgresql).read(false);
        ServerHandling.read(postgresql);
        postgresql.finish();
    }
}
