package dev.matriarch.ctl;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Changes to a configuration tree. Pure: what is given is never altered. */
final class ConfigChange {
    private static final String PARAMETERS = "postgresql.parameters.";

    private ConfigChange() {}

    /** Merges {@code patch} into {@code config}: null deletes, maps merge, everything else replaces. */
    static Map<String, Object> patch(Map<?, ?> config, Map<?, ?> patch) {
        Map<String, Object> result = new LinkedHashMap<>();
        config.forEach((k, v) -> result.put(String.valueOf(k), v));
        patch.forEach((key, value) -> {
            String name = String.valueOf(key);
            if (value == null) {
                result.remove(name);
            } else if (value instanceof Map<?, ?> map) {
                result.put(name, patch(result.get(name) instanceof Map<?, ?> old ? old : Map.of(), map));
            } else {
                result.put(name, value);
            }
        });
        return result;
    }

    /**
     * Applies {@code a.b.c=YAML}; null removes, and maps that become empty go too.
     *
     * @throws CtlException if there is no {@code =}
     */
    static Map<String, Object> set(Map<String, Object> config, String setting) {
        int equals = setting.indexOf('=');
        if (equals <= 0) {
            throw CtlException.refused("Invalid parameter setting " + setting);
        }
        String name = setting.substring(0, equals).strip();
        Object value = Yaml.value(setting.substring(equals + 1), "the value of " + name);
        return set(config, path(name), value);
    }

    private static List<String> path(String name) {
        if (name.startsWith(PARAMETERS)) {
            // PostgreSQL's own names may have dots.
            return List.of("postgresql", "parameters", name.substring(PARAMETERS.length()));
        }
        return List.of(name.split("\\."));
    }

    private static Map<String, Object> set(Map<?, ?> config, List<String> path, Object value) {
        Map<String, Object> result = new LinkedHashMap<>();
        config.forEach((k, v) -> result.put(String.valueOf(k), v));
        String first = path.getFirst();
        if (path.size() == 1) {
            if (value == null) {
                result.remove(first);
            } else {
                result.put(first, value);
            }
            return result;
        }
        Map<?, ?> inner = result.get(first) instanceof Map<?, ?> map ? map : Map.of();
        Map<String, Object> changed = set(inner, path.subList(1, path.size()), value);
        if (changed.isEmpty()) {
            result.remove(first);
        } else {
            result.put(first, changed);
        }
        return result;
    }

    /** A unified diff with three lines of context; empty if the texts are equal. */
    static List<String> diff(String before, String after) {
        List<String> a = before.lines().toList();
        List<String> b = after.lines().toList();
        int[][] common = new int[a.size() + 1][b.size() + 1];
        for (int i = a.size() - 1; i >= 0; i--) {
            for (int j = b.size() - 1; j >= 0; j--) {
                common[i][j] = a.get(i).equals(b.get(j))
                        ? common[i + 1][j + 1] + 1
                        : Math.max(common[i + 1][j], common[i][j + 1]);
            }
        }
        List<String> script = new ArrayList<>();
        int i = 0;
        int j = 0;
        while (i < a.size() || j < b.size()) {
            if (i < a.size() && j < b.size() && a.get(i).equals(b.get(j))) {
                script.add(" " + a.get(i++));
                j++;
            } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
                script.add("-" + a.get(i++));
            } else {
                script.add("+" + b.get(j++));
            }
        }
        return hunks(script);
    }

    private static List<String> hunks(List<String> script) {
        final int context = 3;
        List<String> lines = new ArrayList<>();
        int oldLine = 1;
        int newLine = 1;
        int at = 0;
        while (at < script.size()) {
            int change = at;
            while (change < script.size() && script.get(change).charAt(0) == ' ') {
                change++;
            }
            if (change == script.size()) {
                break;
            }
            int start = Math.max(at, change - context);
            int end = change;
            for (int k = change; k < script.size() && k <= end + 2 * context; k++) {
                if (script.get(k).charAt(0) != ' ') {
                    end = k;
                }
            }
            int stop = Math.min(script.size(), end + 1 + context);
            oldLine += start - at;
            newLine += start - at;
            List<String> hunk = script.subList(start, stop);
            int oldCount = (int) hunk.stream().filter(l -> l.charAt(0) != '+').count();
            int newCount = (int) hunk.stream().filter(l -> l.charAt(0) != '-').count();
            if (lines.isEmpty()) {
                lines.add("--- ");
                lines.add("+++ ");
            }
            lines.add("@@ -" + range(oldLine, oldCount) + " +" + range(newLine, newCount) + " @@");
            lines.addAll(hunk);
            oldLine += oldCount;
            newLine += newCount;
            at = stop;
        }
        return lines;
    }

    private static String range(int line, int count) {
        return count == 1 ? String.valueOf(line) : (count == 0 ? line - 1 : line) + "," + count;
    }
}
