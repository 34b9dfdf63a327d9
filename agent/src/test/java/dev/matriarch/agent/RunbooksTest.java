package dev.matriarch.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Each page of {@code docs/runbooks} is in its index, and names at its end the tests that carry it out. */
class RunbooksTest {
    @Test
    void everyPageIsInTheIndexAndNamesTestsThatExist() throws IOException {
        Path index = TestLinks.page("docs/runbooks/README.md");
        String listed = Files.readString(index);
        List<String> problems = new ArrayList<>(TestLinks.in(listed, index).missing());
        List<Path> pages;
        try (Stream<Path> all = Files.list(index.getParent())) {
            pages = all.filter(page -> !page.equals(index)).sorted().toList();
        }
        for (Path page : pages) {
            String name = page.getFileName().toString();
            if (!listed.contains("| [" + name + "](" + name + ") |")) {
                problems.add(name + ": it is not in the index");
            }
            String last = Files.readAllLines(page).getLast();
            TestLinks tests = TestLinks.in(last, page);
            if (!last.startsWith("Carried out by ") || tests.count() == 0) {
                problems.add(name + ": its last line names no test that carries it out");
            }
            tests.missing().forEach(missing -> problems.add(name + ": " + missing));
        }
        assertEquals(List.of(), problems);
    }
}
