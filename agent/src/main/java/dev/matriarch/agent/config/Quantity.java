package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Values as users of PostgreSQL write them: {@code 30}, {@code 0.5}, {@code 500ms}, {@code 30min}, {@code 1MB}, {@code on}. */
final class Quantity {
    private static final int MOST_DIGITS = 400;
    private static final Pattern FORM = Pattern.compile("([+-]?\\d{1,18}(?:\\.\\d{1,9})?)\\s*([A-Za-z]*)");
    private static final BigDecimal LONGEST = BigDecimal.valueOf(Integer.MAX_VALUE);

    private Quantity() {}

    /** A plain number is in seconds. Empty: not a duration. */
    static Optional<Duration> duration(JsonNode value) {
        return parse(value, unit -> switch (unit) {
                    case "us" -> new BigDecimal("0.000001");
                    case "ms" -> new BigDecimal("0.001");
                    case "", "s" -> BigDecimal.ONE;
                    case "min" -> BigDecimal.valueOf(60);
                    case "h" -> BigDecimal.valueOf(3600);
                    case "d" -> BigDecimal.valueOf(86400);
                    default -> BigDecimal.ZERO;
                })
                .filter(seconds -> seconds.abs().compareTo(LONGEST) <= 0)
                .map(seconds -> Duration.ofNanos(seconds.movePointRight(9).longValue()));
    }

    /** A plain number is in bytes. Empty: not a size. */
    static Optional<Long> bytes(JsonNode value) {
        return parse(value, unit -> switch (unit) {
                    case "", "b" -> BigDecimal.ONE;
                    case "kb" -> BigDecimal.valueOf(1L << 10);
                    case "mb" -> BigDecimal.valueOf(1L << 20);
                    case "gb" -> BigDecimal.valueOf(1L << 30);
                    case "tb" -> BigDecimal.valueOf(1L << 40);
                    default -> BigDecimal.ZERO;
                })
                .filter(bytes -> bytes.abs().compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) <= 0)
                .map(BigDecimal::longValue);
    }

    /** Empty: not a whole number. */
    static Optional<Integer> integer(JsonNode value) {
        return parse(value, unit -> unit.isEmpty() ? BigDecimal.ONE : BigDecimal.ZERO)
                .filter(n -> n.stripTrailingZeros().scale() <= 0 && n.abs().compareTo(LONGEST) <= 0)
                .map(BigDecimal::intValue);
    }

    /** {@code on/true/yes/1} and {@code off/false/no/0}. Empty: neither. */
    static Optional<Boolean> bool(JsonNode value) {
        if (value.isBoolean()) {
            return Optional.of(value.booleanValue());
        }
        return switch (value.asText().toLowerCase(Locale.ROOT)) {
            case "on", "true", "yes", "1" -> Optional.of(true);
            case "off", "false", "no", "0" -> Optional.of(false);
            default -> Optional.empty();
        };
    }

    /** Seconds without needless zeros, as in {@code 0.5}. */
    static String seconds(Duration d) {
        BigDecimal s = BigDecimal.valueOf(d.toNanos(), 9).stripTrailingZeros();
        return s.scale() < 0 ? s.setScale(0).toPlainString() : s.toPlainString();
    }

    /** Without an exponent, unless that were longer than anybody means: 1e999999999 written out takes a gigabyte. */
    static String plain(JsonNode number) {
        BigDecimal value = number.decimalValue();
        return Math.abs((long) value.scale()) > MOST_DIGITS ? value.toString() : value.toPlainString();
    }

    private interface Unit {
        BigDecimal factor(String unit);
    }

    private static Optional<BigDecimal> parse(JsonNode value, Unit units) {
        if (!value.isNumber() && !value.isTextual()) {
            return Optional.empty();
        }
        String text = value.isNumber() ? plain(value) : value.asText();
        Matcher m = FORM.matcher(text.strip());
        if (!m.matches()) {
            return Optional.empty();
        }
        BigDecimal factor = units.factor(m.group(2).toLowerCase(Locale.ROOT));
        return factor.signum() == 0 ? Optional.empty() : Optional.of(new BigDecimal(m.group(1)).multiply(factor));
    }
}
