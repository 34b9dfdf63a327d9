package dev.matriarch.agent.config;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Every value that a member goes by, and where it came from. */
public final class EffectiveConfig {
    private static final String CLUSTER = "cluster-wide configuration";
    private static final String DEFAULT = "default";
    private static final String PARAMETERS = "postgresql.parameters.";

    /**
     * @param key as in docs/configuration.md; that of a cluster-wide setting as {@code edit-config} knows it
     * @param value on one line; a secret is hidden
     * @param source {@code default}, {@code cluster-wide configuration}, a file with its line, an environment variable
     */
    public record Row(String key, String value, String source) {}

    private final List<Row> rows = new ArrayList<>();

    private EffectiveConfig() {}

    /**
     * @param dynamicJson of the store, or what holds in its place
     * @param parameters of PostgreSQL, merged
     */
    public static List<Row> of(LocalConfig local, String dynamicJson, Map<String, String> parameters) {
        EffectiveConfig effective = new EffectiveConfig();
        effective.local(local);
        effective.dynamic(dynamicJson);
        effective.parameters(local, dynamicJson, parameters);
        return List.copyOf(effective.rows);
    }

    private void local(LocalConfig local) {
        Catalogue catalogue = Catalogue.read();
        Set<String> given = new HashSet<>();
        for (Setting setting : local.settings()) {
            boolean shown = catalogue
                    .of(setting.key())
                    .filter(EffectiveConfig::isInForce)
                    .isPresent();
            if (shown && setting.isGiven()) {
                given.add(setting.key());
                if (!setting.isMap() && !setting.key().equals("postgresql.parameters")) {
                    rows.add(new Row(setting.key(), setting.given(), local.origin(setting.key())));
                }
            } else if (shown && !setting.standard().isEmpty()) {
                given.add(setting.key());
                rows.add(new Row(setting.key(), setting.standard(), DEFAULT));
            }
        }
        // What depends on others is known to the catalogue only; some of it is not even asked for.
        catalogue.entries().values().stream()
                .filter(e -> isInForce(e) && !e.standard().isEmpty() && !given.contains(e.key()))
                .forEach(e -> rows.add(new Row(e.key(), e.standard(), DEFAULT)));
    }

    private static boolean isInForce(Catalogue.Entry entry) {
        return switch (entry.effect()) {
            case RELOAD, RESTART -> true;
            case ONCE, CLUSTER, CALL -> false;
        };
    }

    private void dynamic(String json) {
        Findings findings = new Findings(key -> CLUSTER);
        DynamicConfigJson.findProblems(json, "", findings);
        DynamicConfig used = DynamicConfigJson.parse(json);
        Map<String, Duration> timing =
                Map.of("ttl", used.ttl(), "loop_wait", used.loopWait(), "retry_timeout", used.retryTimeout());
        for (Setting setting : findings.declared()) {
            boolean olderName = setting.key().startsWith("master_") && !setting.isGiven();
            if (setting.isMap() || olderName || setting.key().equals("postgresql.parameters")) {
                continue;
            }
            // What a member and the cluster may both say: the member's word counts, the default only if neither speaks.
            Optional<Row> ofTheMember =
                    rows.stream().filter(r -> r.key().equals(setting.key())).findFirst();
            if (ofTheMember.isPresent()
                    && (!setting.isGiven() || !ofTheMember.get().source().equals(DEFAULT))) {
                continue;
            }
            ofTheMember.ifPresent(rows::remove);
            Optional<String> seconds =
                    Optional.ofNullable(timing.get(setting.key())).map(Quantity::seconds);
            if (setting.isGiven() && seconds.filter(s -> !same(setting, s)).isPresent()) {
                rows.add(new Row(setting.key(), seconds.get(), CLUSTER + ", adjusted: it says " + setting.given()));
            } else if (setting.isGiven()) {
                rows.add(new Row(setting.key(), setting.given(), CLUSTER));
            } else if (!setting.standard().isEmpty()) {
                rows.add(new Row(setting.key(), setting.standard(), DEFAULT));
            }
        }
    }

    private static boolean same(Setting setting, String seconds) {
        return Quantity.duration(com.fasterxml.jackson.databind.node.TextNode.valueOf(setting.given()))
                .map(Quantity::seconds)
                .equals(Optional.of(seconds));
    }

    private void parameters(LocalConfig local, String json, Map<String, String> parameters) {
        Map<String, String> ofThisMember = local.config().postgres().parameters();
        Map<String, String> ofAll = DynamicConfigJson.parse(json).parameters();
        parameters.entrySet().stream().sorted(Map.Entry.comparingByKey()).forEach(p -> {
            String name = p.getKey();
            String source;
            if (p.getValue().equals(ofThisMember.get(name))) {
                source = local.origin(PARAMETERS + name);
            } else if (p.getValue().equals(ofAll.get(name))) {
                source = CLUSTER;
            } else {
                source = switch (name) {
                    case "listen_addresses", "port" -> "postgresql.listen";
                    case "cluster_name" -> "scope";
                    default -> DEFAULT;
                };
            }
            rows.add(new Row(PARAMETERS + name, Findings.isSecret(name) ? LocalConfig.HIDDEN : p.getValue(), source));
        });
    }
}
