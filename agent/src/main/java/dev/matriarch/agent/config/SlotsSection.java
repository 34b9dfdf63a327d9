package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.ha.SlotRules;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;

/** {@code slots}, {@code ignore_slots} and what the slots of members may cost, in the dynamic configuration. */
final class SlotsSection {
    /** The older names win, as in Patroni. */
    private static final List<String> SLOTS = List.of("permanent_replication_slots", "permanent_slots", "slots");

    private static final String IGNORED = "ignore_slots";
    private static final String MAX_WAL = "member_slots_max_wal";
    private static final String MAX_IDLE = "member_slots_max_idle";
    private static final Set<String> OF_SLOT = Set.of("type", "database", "plugin", "cluster_type");
    private static final Set<String> OF_MATCHER = Set.of("name", "type", "database", "plugin");

    /** Takes a key and what is wrong with it. */
    private final BiConsumer<String, String> problem;

    private final ObjectNode root;

    private SlotsSection(ObjectNode root, BiConsumer<String, String> problem) {
        this.root = root;
        this.problem = problem;
    }

    /** Reads what the store holds; what cannot be used is left out with a warning. */
    static SlotRules read(ObjectNode root, List<String> warnings) {
        return new SlotsSection(root, (key, sentence) -> warnings.add(key + " " + sentence + "; it is ignored")).read();
    }

    /** Finds every problem of a configuration that somebody asks for. */
    static void check(Section section, Findings findings) {
        SLOTS.forEach(name -> section.describe(name, "map of slots", "", "type, database, plugin, cluster_type")
                .value(name));
        section.describe(IGNORED, "list of maps", "", "name, type, database, plugin")
                .value(IGNORED);
        section.describe(MAX_WAL, "size", "auto", "auto, off, or a size").value(MAX_WAL);
        section.describe(MAX_IDLE, "time", "off", "off, or a time").value(MAX_IDLE);
        SlotRules rules =
                new SlotsSection(section.node(), (key, sentence) -> findings.add(section.key(key), sentence)).read();
        boolean logical = rules.permanent().values().stream().anyMatch(SlotRules.Permanent::logical);
        JsonNode parameters = section.node().path("postgresql").path("parameters");
        if (logical && !parameters.path("wal_level").asText().equalsIgnoreCase("logical")) {
            findings.add(
                    section.key("slots"),
                    "has logical slots, for which PostgreSQL needs postgresql.parameters.wal_level: logical; set it in the"
                            + " same change, and restart the members");
        }
    }

    private SlotRules read() {
        Map<String, SlotRules.Permanent> permanent = new TreeMap<>();
        for (String key : SLOTS) {
            JsonNode slots = root.path(key);
            if (slots instanceof ObjectNode all) {
                all.properties()
                        .forEach(slot -> slot(key + "." + slot.getKey(), slot.getKey(), slot.getValue())
                                .ifPresent(s -> permanent.put(slot.getKey(), s)));
                break;
            }
            if (!Section.asksForNothing(slots) && !slots.isMissingNode()) {
                problem.accept(key, "is not a map of slot names");
            }
        }
        List<SlotRules.Matcher> ignored = new ArrayList<>();
        JsonNode matchers = root.path(IGNORED);
        if (matchers.isArray()) {
            for (int i = 0; i < matchers.size(); i++) {
                matcher(IGNORED + "[" + i + "]", matchers.get(i)).ifPresent(ignored::add);
            }
        } else if (!Section.asksForNothing(matchers) && !matchers.isMissingNode()) {
            problem.accept(IGNORED, "is not a list");
        }
        return new SlotRules(permanent, ignored, new SlotRules.Budget(maxWal(), maxIdle()));
    }

    private Optional<SlotRules.Permanent> slot(String key, String name, JsonNode value) {
        if (!name.matches("[a-z0-9_]{1,63}")) {
            return wrong(key, "is no name of a replication slot: lower case letters, digits and _, 63 at most");
        }
        if (!value.isNull() && !value.isObject()) {
            return wrong(key, "is not a map such as {type: physical}");
        }
        unknown(key, value, OF_SLOT);
        Optional<String> database = text(key, value, "database");
        Optional<String> plugin = text(key, value, "plugin");
        Optional<Boolean> type = type(key, value);
        boolean logical = type.orElse(database.isPresent() && plugin.isPresent());
        String clusterType = value.path("cluster_type").asText("").toLowerCase(Locale.ROOT);
        if (logical) {
            if (database.isEmpty() || plugin.isEmpty()) {
                return wrong(key, "is logical and needs both database and plugin");
            }
            if (!clusterType.isEmpty() && !clusterType.equals("primary")) {
                return wrong(
                        key + ".cluster_type", "is only for physical slots: a standby cluster has no logical ones");
            }
            return Optional.of(SlotRules.Permanent.logical(database.get(), plugin.get()));
        }
        return switch (clusterType) {
            case "" -> Optional.of(SlotRules.Permanent.physical(Optional.empty()));
            case "primary" -> Optional.of(SlotRules.Permanent.physical(Optional.of(SlotRules.ClusterType.PRIMARY)));
            case "standby" -> Optional.of(SlotRules.Permanent.physical(Optional.of(SlotRules.ClusterType.STANDBY)));
            default -> wrong(key + ".cluster_type", "is neither primary nor standby");
        };
    }

    private Optional<SlotRules.Matcher> matcher(String key, JsonNode value) {
        if (!value.isObject() || value.isEmpty()) {
            return wrong(key, "is not a map with at least one of name, type, database and plugin");
        }
        int before = value.size();
        if (unknown(key, value, OF_MATCHER) == before) {
            return Optional.empty();
        }
        return Optional.of(new SlotRules.Matcher(
                text(key, value, "name"), type(key, value), text(key, value, "database"), text(key, value, "plugin")));
    }

    private int unknown(String key, JsonNode value, Set<String> known) {
        int unknown = 0;
        for (Map.Entry<String, JsonNode> entry : value.properties()) {
            if (!known.contains(entry.getKey())) {
                unknown++;
                problem.accept(key + "." + entry.getKey(), "is not a known setting of a slot");
            }
        }
        return unknown;
    }

    /** True for logical. */
    private Optional<Boolean> type(String key, JsonNode value) {
        String type = value.path("type").asText("").toLowerCase(Locale.ROOT);
        return switch (type) {
            case "", "null" -> Optional.empty();
            case "physical" -> Optional.of(false);
            case "logical" -> Optional.of(true);
            default -> wrong(key + ".type", "is neither physical nor logical");
        };
    }

    private Optional<String> text(String key, JsonNode value, String name) {
        JsonNode text = value.path(name);
        if (text.isMissingNode() || text.isNull()) {
            return Optional.empty();
        }
        return text.isContainerNode() || text.asText().isBlank()
                ? wrong(key + "." + name, "is not a text")
                : Optional.of(text.asText());
    }

    private long maxWal() {
        JsonNode value = root.path(MAX_WAL);
        if (value.isMissingNode() || value.isNull() || value.asText().equalsIgnoreCase("auto")) {
            return SlotRules.Budget.STANDARD.maxWal();
        }
        if (value.isBoolean() && !value.booleanValue() || value.asText().equalsIgnoreCase("off")) {
            return 0;
        }
        Optional<Long> bytes = Quantity.bytes(value).filter(n -> n >= 0);
        if (bytes.isEmpty()) {
            problem.accept(MAX_WAL, "is neither auto, off nor a size such as 50GB");
        }
        return bytes.orElse(SlotRules.Budget.STANDARD.maxWal());
    }

    private Duration maxIdle() {
        JsonNode value = root.path(MAX_IDLE);
        if (value.isMissingNode() || value.isNull()) {
            return SlotRules.Budget.STANDARD.maxIdle();
        }
        if (value.isBoolean() && !value.booleanValue() || value.asText().equalsIgnoreCase("off")) {
            return Duration.ZERO;
        }
        Optional<Duration> time = Quantity.duration(value).filter(d -> !d.isNegative());
        if (time.isEmpty()) {
            problem.accept(MAX_IDLE, "is neither off nor a time such as 6h");
        }
        return time.orElse(SlotRules.Budget.STANDARD.maxIdle());
    }

    private <T> Optional<T> wrong(String key, String sentence) {
        problem.accept(key, sentence);
        return Optional.empty();
    }
}
