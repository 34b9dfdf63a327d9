package dev.matriarch.agent.postgres;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/**
 * Runs a test as another user when the build runs as root, because PostgreSQL refuses root: the method runs in a second
 * JVM as {@code postgres} (or {@code nobody}), with a readable copy of the classpath. Such test classes have no set-up
 * methods and keep their files in {@link #directory}.
 */
public final class Unprivileged implements InvocationInterceptor {
    private static Path copiedClasspath;

    @Override
    public void interceptTestMethod(
            Invocation<Void> invocation, ReflectiveInvocationContext<Method> context, ExtensionContext extension)
            throws Throwable {
        if (!isRoot()) {
            invocation.proceed();
            return;
        }
        invocation.skip();
        Method method = context.getExecutable();
        List<String> command = new ArrayList<>(List.of(
                "setpriv",
                "--reuid=" + user()[1],
                "--regid=" + user()[2],
                "--clear-groups",
                "--no-new-privs",
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx256m",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                classpath() + "/*" + File.pathSeparator + classpath() + "/classes",
                Unprivileged.class.getName(),
                method.getDeclaringClass().getName(),
                method.getName()));
        Path output = Files.createTempFile("unprivileged-", ".log");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .directory(new File("/"))
                .start();
        boolean ended = process.waitFor(120, TimeUnit.SECONDS);
        if (!ended) {
            process.destroyForcibly();
        }
        String text = Files.readString(output);
        Files.delete(output);
        if (!ended || process.exitValue() != 0) {
            Assertions.fail(
                    method.getName() + " failed as user " + user()[0] + (ended ? "" : " (did not end)") + ":\n" + text);
        }
    }

    /** Runs one method; the exit code tells. */
    public static void main(String[] arguments) throws Exception {
        int code = 0;
        try {
            Class<?> type = Class.forName(arguments[0]);
            var constructor = type.getDeclaredConstructor();
            constructor.setAccessible(true);
            Method method = type.getDeclaredMethod(arguments[1]);
            method.setAccessible(true);
            method.invoke(constructor.newInstance());
        } catch (InvocationTargetException e) {
            e.getCause().printStackTrace();
            code = 1;
        }
        System.exit(code);
    }

    /** A new empty directory with a short path, for sockets. */
    public static Path directory() throws IOException {
        return Files.createTempDirectory("matriarch-");
    }

    private static boolean isRoot() throws IOException {
        return Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
    }

    /** Name, uid and gid. */
    private static String[] user() throws IOException {
        String[] found = {"nobody", "65534", "65534"};
        for (String line : Files.readAllLines(Path.of("/etc/passwd"))) {
            String[] fields = line.split(":");
            if (fields[0].equals("postgres")) {
                found = new String[] {fields[0], fields[2], fields[3]};
            }
        }
        return found;
    }

    private static synchronized Path classpath() throws IOException {
        if (copiedClasspath != null) {
            return copiedClasspath;
        }
        Path target = Files.createTempDirectory("classpath-");
        Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rwxr-xr-x"));
        String all = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        for (String entry : all.split(File.pathSeparator)) {
            Path path = Path.of(entry);
            if (Files.isDirectory(path)) {
                copy(path, target.resolve("classes"));
            } else if (Files.exists(path)) {
                open(Files.copy(path, target.resolve(path.getFileName())));
            }
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                DataDirectory.deleteTree(target, false);
            } catch (IOException e) {
                System.err.println("left behind: " + target);
            }
        }));
        copiedClasspath = target;
        return target;
    }

    private static void copy(Path from, Path to) throws IOException {
        Files.walkFileTree(from, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
                    throws IOException {
                Path copy = to.resolve(from.relativize(directory).toString());
                Files.createDirectories(copy);
                Files.setPosixFilePermissions(copy, PosixFilePermissions.fromString("rwxr-xr-x"));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Path copy = to.resolve(from.relativize(file).toString());
                if (!Files.exists(copy)) {
                    open(Files.copy(file, copy));
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }

    private static void open(Path file) throws IOException {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    }
}
