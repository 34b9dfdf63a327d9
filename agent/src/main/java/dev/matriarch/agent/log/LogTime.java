package dev.matriarch.agent.log;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.util.Locale;

/**
 * How a line's time is written: the codes of C's {@code strftime}, in English whatever the locale, in the time zone of
 * the process.
 */
public final class LogTime {
    /** {@code 2026-02-03 10:00:00,123}, as Python's logging has it. */
    public static final LogTime STANDARD = new LogTime("", DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss,SSS"));

    private final String codes;
    private final DateTimeFormatter formatter;

    private LogTime(String codes, DateTimeFormatter formatter) {
        this.codes = codes;
        this.formatter = formatter.withLocale(Locale.ENGLISH);
    }

    /** @throws IllegalArgumentException with a sentence, if a code is not known */
    public static LogTime of(String codes) {
        DateTimeFormatterBuilder to = new DateTimeFormatterBuilder();
        for (int i = 0; i < codes.length(); i++) {
            char c = codes.charAt(i);
            if (c != '%') {
                to.appendLiteral(c);
                continue;
            }
            if (++i == codes.length()) {
                throw new IllegalArgumentException("ends with a single %; write %% for a percent sign");
            }
            append(to, codes.charAt(i));
        }
        return new LogTime(codes, to.toFormatter(Locale.ENGLISH));
    }

    private static void append(DateTimeFormatterBuilder to, char code) {
        switch (code) {
            case 'Y' -> to.appendPattern("uuuu");
            case 'y' -> to.appendPattern("uu");
            case 'm' -> to.appendPattern("MM");
            case 'd' -> to.appendPattern("dd");
            case 'e' -> to.padNext(2).appendValue(ChronoField.DAY_OF_MONTH);
            case 'H' -> to.appendPattern("HH");
            case 'I' -> to.appendPattern("hh");
            case 'M' -> to.appendPattern("mm");
            case 'S' -> to.appendPattern("ss");
            case 'f' -> to.appendPattern("SSSSSS");
            case 'p' -> to.appendPattern("a");
            case 'j' -> to.appendPattern("DDD");
            case 'b', 'h' -> to.appendText(ChronoField.MONTH_OF_YEAR, TextStyle.SHORT);
            case 'B' -> to.appendText(ChronoField.MONTH_OF_YEAR, TextStyle.FULL);
            case 'a' -> to.appendText(ChronoField.DAY_OF_WEEK, TextStyle.SHORT);
            case 'A' -> to.appendText(ChronoField.DAY_OF_WEEK, TextStyle.FULL);
            case 'z' -> to.appendPattern("xx");
            case 'Z' -> to.appendPattern("zzz");
            case 'F' -> to.appendPattern("uuuu-MM-dd");
            case 'T' -> to.appendPattern("HH:mm:ss");
            case 'R' -> to.appendPattern("HH:mm");
            case 'D' -> to.appendPattern("MM/dd/uu");
            case 's' -> to.appendValue(ChronoField.INSTANT_SECONDS);
            case '%' -> to.appendLiteral('%');
            default ->
                throw new IllegalArgumentException(
                        "has %" + code
                                + ", which is not known here; use %Y %m %d %H %M %S %f %y %e %I %p %j %a %A %b %B %z %Z %s %F %T %R %D");
        }
    }

    /** @param millis since 1970 */
    String text(long millis, ZoneId zone) {
        return formatter.format(Instant.ofEpochMilli(millis).atZone(zone));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LogTime time && time.codes.equals(codes);
    }

    @Override
    public int hashCode() {
        return codes.hashCode();
    }

    @Override
    public String toString() {
        return codes;
    }
}
