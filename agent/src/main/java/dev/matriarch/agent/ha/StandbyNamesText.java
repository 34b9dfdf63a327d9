package dev.matriarch.agent.ha;

import dev.matriarch.agent.ha.StandbyNames.Kind;
import java.util.Locale;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Reads the grammar of {@code synchronous_standby_names}, {@code syncrep_scanner.l} and {@code syncrep_gram.y} of
 * PostgreSQL, except for a {@code *} that is not quoted. By hand: a leader does it in every heartbeat.
 */
final class StandbyNamesText {
    private static final int LONGEST_COUNT = 6;

    private final String text;
    private int at;
    private boolean wellFormed;
    private boolean reserved;
    private Kind kind = Kind.FIRST;
    private int count = 1;
    private final SortedSet<String> names = new TreeSet<>();

    private StandbyNamesText(String text) {
        this.text = text;
    }

    /** Never fails: see {@link #isWellFormed}. */
    static StandbyNamesText read(String text) {
        StandbyNamesText form = new StandbyNamesText(text);
        form.wellFormed = form.all();
        return form;
    }

    /** True for a name that reads the same with quotes and without. */
    static boolean needsNoQuotes(String name) {
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (!(c >= 'a' && c <= 'z' || c == '_' || i > 0 && (isDigit(c) || c == '$'))) {
                return false;
            }
        }
        return !name.isEmpty() && !isReserved(name);
    }

    boolean isWellFormed() {
        return wellFormed;
    }

    /** {@code FIRST} or {@code ANY} stands where a name should: PostgreSQL takes them for names only in quotes. */
    boolean namesReservedWord() {
        return reserved;
    }

    Kind kind() {
        return kind;
    }

    /** {@link Integer#MAX_VALUE} for whatever has more than six digits. */
    int count() {
        return count;
    }

    /** In lower case, without quotes. */
    SortedSet<String> names() {
        return names;
    }

    private boolean all() {
        if (!hasCount()) {
            at = 0;
            return list() && isAtEnd();
        }
        return list() && passed(')') && isAtEnd();
    }

    /** Passes {@code FIRST n (}, {@code ANY n (} or {@code n (}, if the text begins so. */
    private boolean hasCount() {
        String word = word();
        boolean any = word.equals("any");
        if (isReserved(word)) {
            word = word();
        }
        if (!isNumber(word) || !passed('(')) {
            return false;
        }
        kind = any ? Kind.ANY : Kind.FIRST;
        count = word.length() > LONGEST_COUNT ? Integer.MAX_VALUE : Integer.parseInt(word);
        return true;
    }

    private boolean list() {
        do {
            String name = passed('"') ? quoted() : unquoted();
            if (name.isEmpty()) {
                return false;
            }
            names.add(name);
        } while (passed(','));
        return true;
    }

    private String unquoted() {
        String word = word();
        reserved |= isReserved(word);
        return word;
    }

    /** After the opening quote; a doubled one stands for itself. Empty if there is no name or no end. */
    private String quoted() {
        int start = at;
        while (at < text.length()) {
            if (text.charAt(at++) != '"') {
                continue;
            }
            if (at == text.length() || text.charAt(at) != '"') {
                return lower(text.substring(start, at - 1)).replace("\"\"", "\"");
            }
            at++;
        }
        return "";
    }

    /** A number is a word too; empty if there is none. */
    private String word() {
        skipSpace();
        int start = at;
        while (at < text.length() && (isWord(text.charAt(at)) || at > start && text.charAt(at) == '$')) {
            at++;
        }
        return lower(text.substring(start, at));
    }

    private boolean passed(char c) {
        skipSpace();
        boolean here = at < text.length() && text.charAt(at) == c;
        at += here ? 1 : 0;
        return here;
    }

    private boolean isAtEnd() {
        skipSpace();
        return at == text.length();
    }

    private void skipSpace() {
        while (at < text.length() && isSpace(text.charAt(at))) {
            at++;
        }
    }

    private static boolean isSpace(char c) {
        return c == ' ' || c >= '\t' && c <= '\r';
    }

    private static boolean isWord(char c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c >= 0x80;
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    private static boolean isNumber(String word) {
        for (int i = 0; i < word.length(); i++) {
            if (!isDigit(word.charAt(i))) {
                return false;
            }
        }
        return !word.isEmpty();
    }

    private static boolean isReserved(String word) {
        return word.equals("first") || word.equals("any");
    }

    private static String lower(String name) {
        return name.toLowerCase(Locale.ROOT);
    }
}
