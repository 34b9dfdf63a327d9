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
        return TestLinks.page("docs/feature-matrix.md");
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
            TestLinks tests = TestLinks.in(row.group(5), page);
            tests.missing().forEach(missing -> problems.add(name + ": " + missing));
            if ((tests.count() == 0) != row.group(5).strip().equals("no test yet")) {
                problems.add(name + ": '" + row.group(5) + "' names neither a test nor says that there is none");
            }
        }
        assertEquals(List.of(), problems);
    }
}
