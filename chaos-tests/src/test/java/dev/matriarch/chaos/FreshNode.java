package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Makes a host new again: its configuration is there, and nothing else. */
final class FreshNode {
    private static final Pattern PASSWORD = Pattern.compile("(?m)^ +password: (.*)$");

    private FreshNode() {}

    /** With all that is in it, if it is there. */
    static void remove(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    /** A configuration with another node's passwords, in the order in which they stand there. */
    static String withPasswordsOf(Node other, String text) throws IOException {
        Matcher theirs = PASSWORD.matcher(Files.readString(other.config()));
        return PASSWORD.matcher(text).replaceAll(mine -> {
            assertTrue(theirs.find());
            return Matcher.quoteReplacement(theirs.group());
        });
    }
}
