package dev.matriarch.agent.diagnosis;

import dev.matriarch.agent.diagnosis.Finding.Severity;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What one check finds. */
final class Notes {
    private final String area;
    private final List<Finding> findings = new ArrayList<>();

    Notes(String area) {
        this.area = area;
    }

    void error(String check, String member, String found, String fix) {
        findings.add(new Finding(Severity.ERROR, area, check, member, found, fix));
    }

    void warning(String check, String member, String found, String fix) {
        findings.add(new Finding(Severity.WARNING, area, check, member, found, fix));
    }

    void note(boolean severe, String check, String member, String found, String fix) {
        if (severe) {
            error(check, member, found, fix);
        } else {
            warning(check, member, found, fix);
        }
    }

    /** Unless something else was found by this check. */
    void otherwise(String check, String found) {
        if (findings.stream().noneMatch(f -> f.check().equals(check))) {
            findings.add(new Finding(Severity.OK, area, check, "", found, ""));
        }
    }

    List<Finding> findings() {
        return List.copyOf(findings);
    }

    /** The members by what they say, in words: {@code 15.4 (n1, n2), 15.6 (n3)}. */
    static String byValue(Map<String, String> valueOfMember) {
        Map<String, List<String>> members = new TreeMap<>();
        new TreeMap<>(valueOfMember)
                .forEach((member, value) ->
                        members.computeIfAbsent(value, v -> new ArrayList<>()).add(member));
        return String.join(
                ", ",
                members.entrySet().stream()
                        .map(e -> (e.getKey().isEmpty() ? "nothing" : e.getKey()) + " ("
                                + String.join(", ", e.getValue()) + ")")
                        .toList());
    }

    static boolean differ(Collection<String> values) {
        return values.stream().distinct().count() > 1;
    }

    static String bytes(long bytes) {
        String[] units = {"kB", "MB", "GB", "TB"};
        double size = bytes / 1024.0;
        int unit = 0;
        while (size >= 1024 && unit < units.length - 1) {
            size /= 1024;
            unit++;
        }
        return String.format(java.util.Locale.ROOT, size < 10 ? "%.1f %s" : "%.0f %s", size, units[unit]);
    }

    static String count(int number, String one, String many) {
        return number + " " + (number == 1 ? one : many);
    }
}
