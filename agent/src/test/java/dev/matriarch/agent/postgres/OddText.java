package dev.matriarch.agent.postgres;

import java.util.Random;

/** Texts made of the characters that are hard to write into files. Same seed, same texts. */
final class OddText {
    private static final String[] PIECES = {
        "'", "''", "\\", "\\\\", "\"", "$", "%", "#", "=", ":", ";", ",", " ", "  ", "{", "}", "(", ")", "*", "@", "+",
                "-", "\\n",
        "\\'", "é", "漢", "😀", "a", "B", "7", "_", "\t", "${x}", "on", "--", "/*", "`", "|", "&", "~", "?", "!", "<",
                ">", "[", "]"
    };

    private final Random random;

    OddText(long seed) {
        random = new Random(seed);
    }

    /** At most so many pieces, maybe none. */
    String next(int most) {
        StringBuilder text = new StringBuilder();
        int pieces = random.nextInt(most + 1);
        for (int i = 0; i < pieces; i++) {
            text.append(PIECES[random.nextInt(PIECES.length)]);
        }
        return text.toString();
    }

    /** With line breaks too. */
    String nextWithLines(int most) {
        String text = next(most);
        return random.nextInt(3) > 0 ? text : text + "\n" + next(3) + "\r\n" + next(2);
    }

    /**
     * Not empty, and short enough for the name of a role. In ASCII where the JVM gives programs nothing else: in the POSIX
     * locale.
     */
    String name() {
        boolean unicode = "UTF-8".equalsIgnoreCase(System.getProperty("sun.jnu.encoding"));
        String any = next(8).strip();
        String text = unicode ? any : any.replaceAll("[^\\x00-\\x7F]", "n");
        return text.isEmpty()
                ? "x" + random.nextInt(1000)
                : text.length() > 15 ? text.substring(0, 14).strip() : text;
    }
}
