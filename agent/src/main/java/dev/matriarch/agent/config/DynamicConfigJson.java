package dev.matriarch.agent.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.agent.ha.SlotRules;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * The cluster-wide configuration as JSON. What somebody else put into the store is read as well as it can be; what is
 * asked for here is held to the rules.
 */
public final class DynamicConfigJson {
    static final Duration MIN_TTL = Duration.ofSeconds(3);
    static final Duration MIN_LOOP_WAIT = Duration.ofMillis(500);
    static final Duration MIN_RETRY_TIMEOUT = Duration.ofMillis(500);

    /** What holds where the store says nothing. */
    public static final DynamicConfig STANDARD = new DynamicConfig(
            Duration.ofSeconds(30),
            Duration.ofSeconds(10),
            Duration.ofSeconds(10),
            1048576,
            SynchronousMode.OFF,
            false,
            1,
            -1,
            false,
            false,
            0,
            Duration.ofSeconds(300),
            Duration.ZERO,
            Duration.ofMinutes(30),
            true,
            Duration.ZERO,
            false,
            SlotRules.NONE,
            Optional.empty(),
            Map.of(),
            ServerFiles.NONE,
            ReplicaMaking.USUAL,
            ServerHandling.NONE);

    private static final ObjectMapper JSON = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

    private DynamicConfigJson() {}

    /** @param warnings one sentence for each value that was adjusted or ignored */
    public record Parsed(DynamicConfig config, List<String> warnings) {
        public Parsed {
            warnings = List.copyOf(warnings);
        }
    }

    /** As {@link #read(String, DynamicConfig)} with the standard values to fall back on. */
    public static DynamicConfig parse(String json) {
        return read(json, STANDARD).config();
    }

    /**
     * Reads what the store holds. Values out of range are adjusted in memory, unknown keys ignored.
     *
     * @param previous returned if the text is no JSON object at all
     */
    public static Parsed read(String json, DynamicConfig previous) {
        Optional<ObjectNode> root = object(json);
        if (root.isEmpty()) {
            return new Parsed(
                    previous,
                    List.of("the configuration in the store is not a JSON object; the previous one stays in force:"
                            + " repair it with matriarchctl edit-config"));
        }
        return new Lenient(root.get()).read();
    }

    /** What is wrong with a configuration that somebody asks for; empty if nothing is. */
    public static List<Problem> validate(String json) {
        Findings findings = new Findings(key -> "dynamic configuration");
        findProblems(json, "", findings);
        return findings.problems();
    }

    /**
     * What a change would make wrong. Problems that the stored configuration had before do not stand in its way.
     *
     * @param json the stored configuration
     * @param patchJson see {@link #merge}
     */
    public static List<Problem> validateChange(String json, String patchJson) {
        if (!isObject(patchJson)) {
            return validate(patchJson);
        }
        List<Problem> old = isObject(json) ? validate(json) : List.of();
        return validate(merge(json, patchJson)).stream()
                .filter(p -> !old.contains(p))
                .toList();
    }

    /**
     * Lays a patch over a configuration: maps are merged, other values replaced, {@code null} deletes.
     *
     * @throws IllegalArgumentException if either is not a JSON object
     */
    public static String merge(String json, String patchJson) {
        ObjectNode root = object(json)
                .orElseThrow(() -> new IllegalArgumentException("the stored configuration is not a JSON object"));
        ObjectNode patch =
                object(patchJson).orElseThrow(() -> new IllegalArgumentException("the change is not a JSON object"));
        merge(root, patch);
        return root.toString();
    }

    /** Anything else in the store changes nothing. */
    public static boolean isObject(String json) {
        return object(json).isPresent();
    }

    static void findProblems(String json, String path, Findings findings) {
        Optional<ObjectNode> root = object(json);
        if (root.isPresent()) {
            new DynamicRules(new Section(findings, path, root.get()), findings).check();
        } else {
            findings.add(path.isEmpty() ? "configuration" : path, "is not a JSON object, such as {\"ttl\": 30}");
        }
    }

    private static Optional<ObjectNode> object(String json) {
        try {
            return JSON.readTree(json) instanceof ObjectNode o ? Optional.of(o) : Optional.empty();
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }

    private static void merge(ObjectNode into, ObjectNode patch) {
        for (Map.Entry<String, JsonNode> entry : patch.properties()) {
            if (entry.getValue().isNull()) {
                into.remove(entry.getKey());
            } else if (entry.getValue() instanceof ObjectNode section) {
                ObjectNode target = into.get(entry.getKey()) instanceof ObjectNode existing
                        ? existing
                        : into.putObject(entry.getKey());
                merge(target, section);
            } else {
                into.set(entry.getKey(), entry.getValue());
            }
        }
    }

    /** One lenient reading. */
    private static final class Lenient {
        private final ObjectNode root;
        private final List<String> warnings = new ArrayList<>();

        Lenient(ObjectNode root) {
            this.root = root;
        }

        Parsed read() {
            Duration ttl = atLeast("ttl", MIN_TTL, duration("ttl", STANDARD.ttl()));
            Duration loopWait = atLeast("loop_wait", MIN_LOOP_WAIT, duration("loop_wait", STANDARD.loopWait()));
            Duration retry =
                    atLeast("retry_timeout", MIN_RETRY_TIMEOUT, duration("retry_timeout", STANDARD.retryTimeout()));
            if (loopWait.plus(retry.multipliedBy(2)).compareTo(ttl) > 0) {
                loopWait = ttl.minus(retry.multipliedBy(2));
                if (loopWait.compareTo(MIN_LOOP_WAIT) < 0) {
                    loopWait = MIN_LOOP_WAIT;
                    retry = ttl.minus(loopWait).dividedBy(2);
                }
                warnings.add("loop_wait + 2 * retry_timeout is more than ttl (" + Quantity.seconds(ttl)
                        + " s); loop_wait " + Quantity.seconds(loopWait) + " s and retry_timeout "
                        + Quantity.seconds(retry) + " s are used instead");
            }
            JsonNode postgresql = root.path("postgresql");
            DynamicConfig config = new DynamicConfig(
                    ttl,
                    loopWait,
                    retry,
                    get(root, "maximum_lag_on_failover", Quantity::bytes, n -> n >= 0, STANDARD.maximumLagOnFailover()),
                    synchronousMode(),
                    get(root, "synchronous_mode_strict", Quantity::bool, b -> true, false),
                    get(root, "synchronous_node_count", Quantity::integer, n -> n >= 1, 1),
                    get(root, "maximum_lag_on_syncnode", Quantity::bytes, n -> true, STANDARD.maximumLagOnSyncnode()),
                    get(root, "check_timeline", Quantity::bool, b -> true, false),
                    get(root, "pause", Quantity::bool, b -> true, false),
                    get(root, "max_timelines_history", Quantity::integer, n -> n >= 0, 0),
                    duration(
                            root.hasNonNull("primary_start_timeout") ? "primary_start_timeout" : "master_start_timeout",
                            STANDARD.primaryStartTimeout()),
                    stopTimeout(),
                    duration("member_slots_ttl", STANDARD.memberSlotsTtl()),
                    get(postgresql, "use_slots", Quantity::bool, b -> true, true),
                    // A negative number is one of the ways to say off.
                    get(root, "primary_race_backoff", Quantity::duration, d -> true, STANDARD.primaryRaceBackoff()),
                    get(root, "failsafe_mode", Quantity::bool, b -> true, false),
                    SlotsSection.read(root, warnings),
                    StandbyClusterSection.read(root, warnings),
                    parameters(postgresql.path("parameters")),
                    files(postgresql),
                    replicas(postgresql),
                    handling(postgresql));
            return new Parsed(config, warnings);
        }

        private Duration stopTimeout() {
            String key = root.hasNonNull("primary_stop_timeout") ? "primary_stop_timeout" : "master_stop_timeout";
            Duration value = get(root, key, Quantity::duration, d -> true, STANDARD.primaryStopTimeout());
            return value.isNegative() ? Duration.ZERO : value;
        }

        private Duration duration(String key, Duration standard) {
            return get(root, key, Quantity::duration, d -> !d.isNegative(), standard);
        }

        private Duration atLeast(String key, Duration min, Duration value) {
            if (value.compareTo(min) >= 0) {
                return value;
            }
            warnings.add(key + " " + Quantity.seconds(value) + " s is too short; " + Quantity.seconds(min)
                    + " s is used instead");
            return min;
        }

        private <T> T get(
                JsonNode section, String key, Function<JsonNode, Optional<T>> read, Predicate<T> good, T standard) {
            JsonNode value = section.path(key);
            if (value.isMissingNode() || value.isNull()) {
                return standard;
            }
            Optional<T> result = read.apply(value).filter(good);
            if (result.isEmpty()) {
                warnings.add(key + " '" + value.asText() + "' cannot be used; the default is used instead");
            }
            return result.orElse(standard);
        }

        private SynchronousMode synchronousMode() {
            JsonNode value = root.path("synchronous_mode");
            if (value.isMissingNode() || value.isNull()) {
                return SynchronousMode.OFF;
            }
            if (value.asText().toLowerCase(Locale.ROOT).equals("quorum")) {
                return SynchronousMode.QUORUM;
            }
            Optional<Boolean> on = Quantity.bool(value);
            if (on.isPresent()) {
                return on.get() ? SynchronousMode.ON : SynchronousMode.OFF;
            }
            // Never less than what was asked for: no acknowledged commit may be lost.
            warnings.add(
                    "synchronous_mode '" + value.asText() + "' is neither off, on nor quorum; quorum is used instead");
            return SynchronousMode.QUORUM;
        }

        private ServerFiles files(JsonNode postgresql) {
            return part(postgresql, ServerFiles.NONE, section -> ServerFiles.read(section, warnings));
        }

        private ReplicaMaking replicas(JsonNode postgresql) {
            return part(postgresql, ReplicaMaking.USUAL, section -> new ReplicaMethodsSection(section).read(false));
        }

        private ServerHandling handling(JsonNode postgresql) {
            return part(postgresql, ServerHandling.NONE, ServerHandling::read);
        }

        private <T> T part(JsonNode postgresql, T nothing, Function<Section, T> read) {
            if (!(postgresql instanceof ObjectNode map)) {
                return nothing;
            }
            Findings findings = new Findings(key -> "");
            T part = read.apply(new Section(findings, "postgresql", map));
            findings.problems().forEach(p -> warnings.add(p.key() + " " + p.sentence() + " and is ignored"));
            return part;
        }

        private Map<String, String> parameters(JsonNode node) {
            Map<String, String> parameters = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> p : node.properties()) {
                if (p.getValue().isContainerNode()) {
                    warnings.add("the PostgreSQL parameter " + p.getKey() + " has no single value and is ignored");
                } else if (!p.getValue().isNull()) {
                    parameters.put(p.getKey().toLowerCase(Locale.ROOT), Section.parameterText(p.getValue()));
                }
            }
            return java.util.Collections.unmodifiableMap(parameters);
        }
    }
}
