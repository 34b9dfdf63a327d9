package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.fail;

import clojure.java.api.Clojure;
import clojure.lang.IFn;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Every {@code deftest} below src/test/clojure, as a test of its own. */
final class ClojureTest {
    private static final Path SOURCES = Path.of("src/test/clojure");
    private static final String ENDING = "_test.clj";

    @TestFactory
    Stream<DynamicNode> namespaces() throws IOException {
        List<String> names;
        try (Stream<Path> files = Files.walk(SOURCES)) {
            names = files.map(f -> SOURCES.relativize(f).toString())
                    .filter(f -> f.endsWith(ENDING))
                    .map(f -> f.substring(0, f.length() - ".clj".length())
                            .replace('/', '.')
                            .replace('_', '-'))
                    .sorted()
                    .toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        assertFalse(names.isEmpty(), "no tests below " + SOURCES.toAbsolutePath());
        IFn require = Clojure.var("clojure.core", "require");
        require.invoke(Clojure.read("matriarch.chaos.junit"));
        IFn tests = Clojure.var("matriarch.chaos.junit", "tests");
        return names.stream().map(name -> {
            require.invoke(Clojure.read(name));
            Map<?, ?> found = (Map<?, ?>) tests.invoke(name);
            assertFalse(found.isEmpty(), name + " has no tests");
            return DynamicContainer.dynamicContainer(
                    name,
                    found.entrySet().stream()
                            .map(e -> DynamicTest.dynamicTest(e.getKey().toString(), () -> run((IFn) e.getValue()))));
        });
    }

    private static void run(IFn test) {
        String problems = (String) test.invoke();
        if (!problems.isEmpty()) {
            fail(problems);
        }
    }
}
