package dev.matriarch.sim;

import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/**
 * A fault made on purpose: a text in one source file replaced by another. The file is compiled to a folder of its own, and
 * the simulator is loaded once more with that folder in front.
 *
 * @param invariant that it breaks; empty: no schedule is known to notice
 * @param seed of a schedule that breaks it
 * @param test for a fault that the simulator does not notice: the unit test that does, {@code package.Class.method}, or empty
 * @param file below the top of the sources, beginning with the module
 * @param old white space in it stands for any
 */
record Mutation(String name, String invariant, long seed, String test, String file, String old, String replacement) {

    /** The first schedule that broke a promise, and how. */
    record Caught(String invariant, long seed, String what) {}

    /** Those of {@code mutations.txt}. */
    static List<Mutation> all() {
        try (InputStream in = Mutation.class.getResourceAsStream("mutations.txt")) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            List<Mutation> all = new ArrayList<>();
            for (String block : text.split("\n\n")) {
                if (!block.startsWith("#")) {
                    all.add(read(block.strip().lines().toList()));
                }
            }
            return all;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Mutation read(List<String> lines) {
        if (lines.size() != 5) {
            throw new IllegalStateException("a mutation has five lines: " + lines);
        }
        String[] by = lines.get(1).split(" ");
        boolean caught = by[0].equals("breaks");
        return new Mutation(
                lines.get(0),
                caught ? by[1] : "",
                caught ? Long.parseLong(by[2]) : 0,
                by[0].equals("tested") ? by[1] : "",
                lines.get(2),
                lines.get(3).substring(1).strip(),
                lines.get(4).substring(1).strip());
    }

    boolean isCaught() {
        return !invariant.isEmpty();
    }

    /** Its row in the table of docs/simulation.md. */
    String row() {
        String beginning = "| " + name + " | `" + className() + "` | ";
        return beginning
                + (isCaught()
                        ? "`" + invariant + "` | " + seed + " |"
                        : test.isEmpty() ? "nothing yet |" : "`" + simpleTest() + "` |");
    }

    /** A test of this module; those of the store are not on this class path. */
    boolean testIsHere() {
        return !test.isEmpty() && !test.startsWith("raft.");
    }

    String className() {
        return Path.of(file).getFileName().toString().replace(".java", "");
    }

    private String simpleTest() {
        return test.substring(test.indexOf('.') + 1);
    }

    /** The top of the sources that these classes were compiled from. */
    static Path sources() {
        try {
            Path at = Path.of(Mutation.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
            while (!Files.exists(at.resolve("simulate"))) {
                at = at.getParent();
            }
            return at;
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The source file with the fault in it. */
    String mutated(Path top) throws IOException {
        String text = Files.readString(top.resolve(file));
        String pattern = Stream.of(old.split("\\s+")).map(Pattern::quote).collect(Collectors.joining("\\s+"));
        Matcher found = Pattern.compile(pattern).matcher(text);
        if (!found.find()) {
            throw new IOException("'" + name + "': the text to replace is not in " + file);
        }
        return text.substring(0, found.start()) + replacement + text.substring(found.end());
    }

    /**
     * Plays schedules on the mutated sources until one breaks a promise that it does not break without the fault.
     *
     * @param work a folder for what is compiled
     * @return empty: none did
     */
    Optional<Caught> hunt(Path work, long first, long schedules, int threads)
            throws IOException, ReflectiveOperationException {
        try (URLClassLoader loader = withFault(work)) {
            var run =
                    loader.loadClass("dev.matriarch.sim.Simulate").getMethod("run", long.class, long.class, int.class);
            long from = first;
            while (from < first + schedules) {
                Object totals = run.invoke(null, from, first + schedules - from, threads);
                Object violation = totals.getClass().getMethod("violation").invoke(totals);
                if (violation == null) {
                    return Optional.empty();
                }
                long seed = (long) totals.getClass().getMethod("failedSeed").invoke(totals);
                if (isCleanWithoutFault(seed)) {
                    return Optional.of(new Caught(
                            (String) violation.getClass().getMethod("invariant").invoke(violation),
                            seed,
                            ((Throwable) violation).getMessage()));
                }
                from = seed + 1;
            }
            return Optional.empty();
        }
    }

    /** Runs {@link #test} on the sources as they are and on the mutated ones; true if it fails there only. */
    boolean failsItsTest(Path work) throws IOException, ReflectiveOperationException {
        int dot = test.lastIndexOf('.');
        OneTest one = new OneTest("dev.matriarch.agent." + test.substring(0, dot), test.substring(dot + 1), work);
        try (URLClassLoader loader = withFault(work)) {
            return one.passes(Mutation.class.getClassLoader()) && !one.passes(loader);
        }
    }

    /** All classes, one of them with the fault. */
    URLClassLoader withFault(Path work) throws IOException {
        return new Loader(compiled(work));
    }

    private static boolean isCleanWithoutFault(long seed) {
        try {
            Schedule.play(seed, false);
            return true;
        } catch (Violation e) {
            return false;
        }
    }

    private URL[] compiled(Path work) throws IOException {
        Path folder = Files.createDirectories(work.resolve(name.replaceAll("[^a-z]+", "-")));
        Path changed = Files.writeString(folder.resolve(Path.of(file).getFileName()), mutated(sources()));
        Path classes = Files.createDirectories(folder.resolve("classes"));
        String path = System.getProperty("java.class.path");
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        int result = compiler.run(
                null, null, null, "-nowarn", "-proc:none", "-cp", path, "-d", classes.toString(), changed.toString());
        if (result != 0) {
            throw new IOException("'" + name + "' does not compile");
        }
        List<URL> urls = new ArrayList<>();
        urls.add(classes.toUri().toURL());
        for (String entry : path.split(java.io.File.pathSeparator)) {
            urls.add(Path.of(entry).toUri().toURL());
        }
        return urls.toArray(URL[]::new);
    }

    /** Everything of this project but generated code is loaded anew. */
    private static final class Loader extends URLClassLoader {
        Loader(URL[] urls) {
            super(urls, Mutation.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            boolean own = name.startsWith("dev.matriarch.") && !name.startsWith("dev.matriarch.proto.");
            if (!own) {
                return super.loadClass(name, resolve);
            }
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                return loaded != null ? loaded : findClass(name);
            }
        }
    }
}
