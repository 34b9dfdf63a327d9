package dev.matriarch.agent;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The tests that a piece of documentation names, as {@code [FooTest.promise](path/FooTest.java)} or, for a whole class,
 * {@code [FooTest](path/FooTest.java)}.
 *
 * @param missing a sentence for each that does not exist
 */
record TestLinks(int count, List<String> missing) {
    private static final Pattern LINK = Pattern.compile("\\[(\\w+)(?:\\.(\\w+))?]\\(([^)]+\\.java)\\)");

    /** @param page that the text is of: the links begin there */
    static TestLinks in(String text, Path page) throws IOException {
        int count = 0;
        List<String> missing = new ArrayList<>();
        Matcher link = LINK.matcher(text);
        while (link.find()) {
            count++;
            Path file = page.resolveSibling(link.group(3)).normalize();
            boolean there = file.getFileName().toString().equals(link.group(1) + ".java")
                    && Files.exists(file)
                    && (link.group(2) == null || Files.readString(file).contains("void " + link.group(2) + "("));
            if (!there) {
                missing.add("there is no " + link.group(1) + (link.group(2) == null ? "" : "." + link.group(2)) + " in "
                        + file);
            }
        }
        return new TestLinks(count, List.copyOf(missing));
    }

    /** A page of the documentation, wherever in the source tree the tests run. */
    static Path page(String path) {
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            Path page = at.resolve(path);
            if (Files.exists(page)) {
                return page;
            }
        }
        throw new AssertionError(path + " is not in this folder or above it");
    }
}
