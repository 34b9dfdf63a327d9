package dev.matriarch.rest;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The fields of a JSON object that a client sent. A field that is {@code null} counts as not given; of a repeated one the
 * last counts.
 */
final class Fields {
    private static final Pattern TIME = Pattern.compile("\\s*(-?\\d{1,9}(?:\\.\\d{1,6})?)\\s*(ms|s|min|h|d|)\\s*");
    private static final int LONGEST_NUMBER = 30;
    private static final Object NESTED = new Object();

    private final Map<String, Object> values;

    private Fields(Map<String, Object> values) {
        this.values = values;
    }

    /** Something in the body is not as it should be; the message says what, and what is expected. */
    static final class BadBody extends Exception {
        private static final long serialVersionUID = 1L;

        BadBody(String sentence) {
            super(sentence);
        }
    }

    static Fields none() {
        return new Fields(Map.of());
    }

    static Fields parse(byte[] text) throws BadBody {
        Optional<String> problem = Json.problemOfObject(text);
        if (problem.isPresent()) {
            throw new BadBody(problem.get());
        }
        Map<String, Object> values = new LinkedHashMap<>();
        try (JsonParser parser = Json.parser(text)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                switch (parser.nextToken()) {
                    case VALUE_STRING -> values.put(name, parser.getText());
                    case VALUE_TRUE -> values.put(name, true);
                    case VALUE_FALSE -> values.put(name, false);
                    case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> values.put(name, number(name, parser.getText()));
                    case VALUE_NULL -> values.remove(name);
                    default -> {
                        parser.skipChildren();
                        values.put(name, NESTED);
                    }
                }
            }
        } catch (JacksonException e) {
            throw new BadBody(e.getOriginalMessage());
        } catch (IOException | NumberFormatException e) {
            throw new BadBody("the body cannot be read: " + e.getMessage());
        }
        return new Fields(values);
    }

    /** Written out, 1e999999999 would take a gigabyte. */
    private static BigDecimal number(String name, String text) throws BadBody {
        BigDecimal number = text.length() > LONGEST_NUMBER ? null : new BigDecimal(text);
        if (number == null || Math.abs(number.scale()) > LONGEST_NUMBER) {
            throw new BadBody(name + " is not a number of a usable size");
        }
        return number;
    }

    Set<String> names() {
        return values.keySet();
    }

    boolean has(String name) {
        return values.containsKey(name);
    }

    Optional<String> text(String name) throws BadBody {
        Object value = values.get(name);
        if (value == null) {
            return Optional.empty();
        }
        if (value instanceof String text) {
            return Optional.of(text);
        }
        throw new BadBody(name + " is not a text");
    }

    /** A text, or a number written without quotes. */
    Optional<String> textOrNumber(String name) throws BadBody {
        return values.get(name) instanceof BigDecimal number ? Optional.of(number.toPlainString()) : text(name);
    }

    boolean flag(String name) throws BadBody {
        Object value = values.getOrDefault(name, false);
        if (value instanceof Boolean flag) {
            return flag;
        }
        throw new BadBody(name + " is neither true nor false");
    }

    /** Seconds, or a text with a unit such as {@code 90s} or {@code 2min}; empty if it is none. */
    static Optional<Duration> time(String text) {
        Matcher m = TIME.matcher(text);
        if (!m.matches()) {
            return Optional.empty();
        }
        long unit = switch (m.group(2)) {
            case "ms" -> 1;
            case "min" -> 60_000;
            case "h" -> 3_600_000;
            case "d" -> 86_400_000;
            default -> 1000;
        };
        return Optional.of(Duration.ofMillis(
                new BigDecimal(m.group(1)).multiply(BigDecimal.valueOf(unit)).longValue()));
    }
}
