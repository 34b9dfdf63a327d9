package dev.matriarch.agent.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/** Writes the generated part of docs/configuration.md. */
final class SettingsPage {
    static final Path FILE = Path.of("../docs/configuration.md");
    static final String MARK = "<!-- Everything below is generated: see CONTRIBUTING.md, \"A new setting\". -->\n";
    private static final String DYNAMIC = "bootstrap.dcs.";

    private static final Map<String, String> TITLES = new LinkedHashMap<>();

    static {
        TITLES.put("", "The member");
        TITLES.put("restapi", "`restapi`");
        TITLES.put("control", "`control`");
        TITLES.put("ctl", "`ctl`");
        TITLES.put("raft", "`raft`");
        TITLES.put("postgresql", "`postgresql`");
        TITLES.put("tags", "`tags`");
        TITLES.put("watchdog", "`watchdog`");
        TITLES.put("log", "`log`");
        TITLES.put("flight_recorder", "`flight_recorder`");
        TITLES.put("bootstrap", "`bootstrap`");
        TITLES.put("bootstrap.dcs", "The whole cluster: `bootstrap.dcs`, later `matriarchctl edit-config`");
    }

    private SettingsPage() {}

    /** Sentences for those who add a setting; empty if every key has its line and every line its key. */
    static List<String> gaps(Declared declared, Catalogue catalogue) {
        List<String> gaps = new ArrayList<>();
        declared.settings().forEach((key, setting) -> {
            Optional<Catalogue.Entry> entry =
                    Optional.ofNullable(catalogue.entries().get(key));
            if (entry.isEmpty()) {
                gaps.add(key + " is read, but settings.txt has no line for it");
            } else if (setting.type().isEmpty() && entry.get().type().isEmpty()) {
                gaps.add(key + " is read without a type: call describe() before value(), or add 'type: …' to its line");
            }
        });
        catalogue.entries().keySet().stream()
                .filter(key -> !declared.settings().containsKey(key))
                .map(key -> key + " has a line in settings.txt, but nothing reads it; if something does when others are"
                        + " given, add it to every-setting.yml")
                .forEach(gaps::add);
        return gaps;
    }

    /** The whole page: its hand-written head is kept. */
    static String of(Declared declared, Catalogue catalogue) throws IOException {
        String old = Files.readString(FILE);
        StringBuilder page = new StringBuilder(old.substring(0, old.indexOf(MARK)) + MARK);
        TITLES.forEach((section, title) -> {
            page.append("\n## ").append(title).append("\n\n");
            boolean dynamic = section.equals("bootstrap.dcs");
            page.append(
                    dynamic
                            ? "| key | type | default | range | what |\n|---|---|---|---|---|\n"
                            : "| key | type | default | range | change | environment | what |\n|---|---|---|---|---|---|---|\n");
            catalogue.entries().values().stream()
                    .filter(e -> sectionOf(e.key()).equals(section))
                    .forEach(e -> page.append(row(e, declared, dynamic)));
        });
        page.append("\n## What is refused\n\n");
        page.append(
                "These are keys of Patroni. A value that asks for nothing (`false`, `off`, empty) is accepted, and so is"
                        + " the one in brackets, because it is what holds anyway.\n\n");
        Map<String, TreeSet<String>> bySentence = new TreeMap<>();
        declared.refused()
                .forEach((key, refused) -> bySentence
                        .computeIfAbsent(refused.sentence(), s -> new TreeSet<>())
                        .add("`" + key + "`" + (refused.except().isEmpty() ? "" : " (`" + refused.except() + "`)")));
        bySentence.forEach((sentence, keys) -> {
            page.append("\n… ").append(sentence).append(":\n\n");
            // A line for each: two changes at a time seldom meet.
            keys.forEach(key -> page.append("- ").append(key).append("\n"));
        });
        return page.toString();
    }

    private static String sectionOf(String key) {
        if (key.startsWith(DYNAMIC)) {
            return "bootstrap.dcs";
        }
        String first = key.contains(".") ? key.substring(0, key.indexOf('.')) : key;
        return TITLES.containsKey(first) ? first : "";
    }

    private static String row(Catalogue.Entry entry, Declared declared, boolean dynamic) {
        Setting setting = declared.settings().get(entry.key());
        String key = dynamic ? entry.key().substring(DYNAMIC.length()) : entry.key();
        String standard =
                declared.required().contains(entry.key()) ? "required" : first(entry.standard(), setting.standard());
        List<String> cells = new ArrayList<>(List.of(
                "`" + key + "`", first(entry.type(), setting.type()), standard, first(entry.range(), setting.range())));
        if (!dynamic) {
            cells.add(
                    switch (entry.effect()) {
                        case RELOAD -> "reload";
                        case RESTART -> "restart";
                        case ONCE -> "none";
                        case CALL -> "next call";
                        case CLUSTER -> throw new AssertionError(entry);
                    });
            cells.add(
                    setting.isMap()
                            ? ""
                            : Environment.variableFor(entry.key())
                                    .map(v -> "`" + v + "`")
                                    .orElse(""));
        }
        cells.add(entry.description());
        return "| " + String.join(" | ", cells) + " |\n";
    }

    private static String first(String a, String b) {
        return a.isEmpty() ? b : a;
    }
}
