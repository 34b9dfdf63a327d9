package dev.matriarch.rest;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes as PostgreSQL users write them: {@code 1048576}, {@code 16kB}, {@code 64MB}, {@code 1GB}. */
final class ByteSize {
    private static final Pattern FORM = Pattern.compile("\\s*(\\d{1,18}(?:\\.\\d{1,9})?)\\s*([A-Za-z]*)\\s*");

    private ByteSize() {}

    /** @return bytes; empty if the text is not a size */
    static OptionalLong parse(String text) {
        Matcher m = FORM.matcher(text);
        if (!m.matches()) {
            return OptionalLong.empty();
        }
        long unit = switch (m.group(2).toLowerCase(Locale.ROOT)) {
            case "", "b" -> 1L;
            case "kb" -> 1L << 10;
            case "mb" -> 1L << 20;
            case "gb" -> 1L << 30;
            case "tb" -> 1L << 40;
            default -> 0L;
        };
        if (unit == 0) {
            return OptionalLong.empty();
        }
        BigDecimal bytes = new BigDecimal(m.group(1)).multiply(BigDecimal.valueOf(unit));
        return OptionalLong.of(bytes.min(BigDecimal.valueOf(Long.MAX_VALUE)).longValue());
    }
}
