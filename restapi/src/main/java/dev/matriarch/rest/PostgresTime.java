package dev.matriarch.rest;

import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.OptionalDouble;

/** Times as PostgreSQL prints them: {@code 2026-02-03 10:00:01.123+00}. */
final class PostgresTime {
    private PostgresTime() {}

    /** With minutes in its offset, as clients of Patroni read it. */
    static String withMinutes(String text) {
        return text.matches(".*[+-]\\d\\d") ? text + ":00" : text;
    }

    static OptionalDouble epochSeconds(String text) {
        try {
            OffsetDateTime time = OffsetDateTime.parse(withMinutes(text).replace(' ', 'T'));
            return OptionalDouble.of(time.toEpochSecond() + time.getNano() / 1e9);
        } catch (DateTimeParseException e) {
            return OptionalDouble.empty();
        }
    }
}
