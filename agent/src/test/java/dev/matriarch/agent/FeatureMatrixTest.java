package dev.matriarch.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** {@code docs/feature-matrix.md} has every row, and the tests that it names exist. */
class FeatureMatrixTest {
    private static final Pattern ROW = Pattern.compile("^\\| ([A-M])(\\d+) \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\|$");
    private static final Pattern TEST = Pattern.compile("\\[(\\w+)\\.(\\w+)]\\(([^)]+)\\)");

    /** How many rows each area has. */
    private static final Map<String, Integer> AREAS = areas();

    private static Map<String, Integer> areas() {
        Map<String, Integer> rows = new LinkedHashMap<>();
        int[] counts = {40, 11, 16, 31, 10, 12, 41, 32, 24, 7, 20, 30, 11};
        for (int i = 0; i < counts.length; i++) {
            rows.put(String.valueOf((char) ('A' + i)), counts[i]);
        }
        return rows;
    }

    private static Path page() {
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            Path page = at.resolve("docs/feature-matrix.md");
            if (Files.exists(page)) {
                return page;
            }
        }
        throw new AssertionError("docs/feature-matrix.md is not in this folder or above it");
    }

    @Test
    void everyRowIsThereOnceAndInOrder() throws IOException {
        List<String> expected = new ArrayList<>();
        AREAS.forEach((area, count) -> {
            for (int i = 1; i <= count; i++) {
                expected.add(area + i);
            }
        });
        List<String> found = new ArrayList<>();
        for (String line : Files.readAllLines(page())) {
            Matcher row = ROW.matcher(line);
            if (row.matches()) {
                found.add(row.group(1) + row.group(2));
            }
        }
        assertEquals(expected, found);
    }

    @Test
    void everyRowSaysItsStateAndNamesTestsThatExistOrThatThereIsNone() throws IOException {
        List<String> problems = new ArrayList<>();
        Path page = page();
        for (String line : Files.readAllLines(page)) {
            Matcher row = ROW.matcher(line);
            if (!row.matches()) {
                continue;
            }
            String name = row.group(1) + row.group(2);
            String state = row.group(4);
            if (!state.matches("(works|partly|planned in a later issue)(: .+)?")) {
                problems.add(name + ": '" + state + "' is no state");
            }
            Matcher test = TEST.matcher(row.group(5));
            int tests = 0;
            while (test.find()) {
                tests++;
                Path file = page.resolveSibling(test.group(3)).normalize();
                boolean there = file.getFileName().toString().equals(test.group(1) + ".java")
                        && Files.exists(file)
                        && Files.readString(file).contains("void " + test.group(2) + "(");
                if (!there) {
                    problems.add(name + ": there is no " + test.group(1) + "." + test.group(2) + " in " + file);
                }
            }
            if ((tests == 0) != row.group(5).strip().equals("no test yet")) {
                problems.add(name + ": '" + row.group(5) + "' names neither a test nor says that there is none");
            }
        }
        assertEquals(List.of(), problems);
    }
}
