package dev.matriarch.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The tests that {@code docs/external-stores.md} says break something exist. */
class StoresPageTest {
    private static final Pattern TEST = Pattern.compile("\\[(\\w+)\\.(\\w+)]\\(([^)]+\\.java)\\)");

    private static Path page() {
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            Path page = at.resolve("docs/external-stores.md");
            if (Files.exists(page)) {
                return page;
            }
        }
        throw new AssertionError("docs/external-stores.md is not in this folder or above it");
    }

    @Test
    void theTestsThatItNamesExist() throws IOException {
        List<String> problems = new ArrayList<>();
        int tests = 0;
        Matcher test = TEST.matcher(Files.readString(page()));
        while (test.find()) {
            tests++;
            Path file = page().resolveSibling(test.group(3)).normalize();
            boolean there = file.getFileName().toString().equals(test.group(1) + ".java")
                    && Files.exists(file)
                    && Files.readString(file).contains("void " + test.group(2) + "(");
            if (!there) {
                problems.add("there is no " + test.group(1) + "." + test.group(2) + " in " + file);
            }
        }
        assertEquals(List.of(), problems);
        assertTrue(tests > 40, "the table is found: " + tests);
    }
}
