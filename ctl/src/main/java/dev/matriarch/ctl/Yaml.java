package dev.matriarch.ctl;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.YAMLException;

/** YAML in and out. Only plain values: no tags, no objects. */
final class Yaml {
    private Yaml() {}

    /** @throws CtlException naming {@code where} if the text is not YAML */
    static Object value(String text, String where) {
        try {
            return new org.yaml.snakeyaml.Yaml(new SafeConstructor(new LoaderOptions())).load(text);
        } catch (YAMLException e) {
            throw CtlException.refused(where + " is not valid YAML: " + e.getMessage());
        }
    }

    /** Empty for an empty document. */
    static Map<?, ?> map(String text, String where) {
        Object value = value(text, where);
        if (value == null) {
            return Map.of();
        }
        // Every command comes here, and the first switch over types takes a JVM milliseconds to prepare.
        if (value instanceof Map<?, ?> map) {
            return map;
        }
        throw CtlException.refused(where + " must hold a mapping of keys to values");
    }

    /** In block style, keys sorted, as the seeds print configurations. */
    static String sorted(Object value) {
        return dump(sort(value));
    }

    /** In block style, keys in their order. */
    static String dump(Object value) {
        DumperOptions options = new DumperOptions();
        options.setDefaultFlowStyle(DumperOptions.FlowStyle.BLOCK);
        options.setWidth(200);
        options.setAllowUnicode(true);
        return new org.yaml.snakeyaml.Yaml(options).dump(value);
    }

    private static Object sort(Object value) {
        return switch (value) {
            case Map<?, ?> map -> {
                Map<String, Object> sorted = new TreeMap<>();
                map.forEach((k, v) -> sorted.put(String.valueOf(k), sort(v)));
                yield new LinkedHashMap<>(sorted);
            }
            case List<?> list -> list.stream().map(Yaml::sort).toList();
            case null, default -> value;
        };
    }
}
