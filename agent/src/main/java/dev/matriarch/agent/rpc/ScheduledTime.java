package dev.matriarch.agent.rpc;

import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.time.temporal.TemporalAccessor;

/** A moment that a person gave for something to happen. Pure. */
sealed interface ScheduledTime {
    record At(Instant instant) implements ScheduledTime {}

    record Refused(Outcome outcome) implements ScheduledTime {}

    /**
     * @param text ISO 8601 with a zone
     * @param what {@code switchover} or {@code restart}
     */
    static ScheduledTime of(String text, String what, Instant now) {
        TemporalAccessor time = parse(text);
        if (time == null) {
            return new Refused(new Outcome(
                    422, "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"));
        }
        if (!(time instanceof OffsetDateTime zoned)) {
            return new Refused(new Outcome(400, "Timezone information is mandatory for the scheduled " + what));
        }
        return zoned.toInstant().isBefore(now)
                ? new Refused(new Outcome(422, "Cannot schedule " + what + " in the past"))
                : new At(zoned.toInstant());
    }

    /** An OffsetDateTime, something without a zone, or null if it is no time at all. */
    private static TemporalAccessor parse(String text) {
        String iso = text.strip().replaceFirst("^(\\d{4}-\\d{2}-\\d{2})[ ](\\d)", "$1T$2");
        // Patroni's users write +00 and +0000 too.
        iso = iso.replaceFirst("(T\\S*?)\\s*([+-]\\d{2})(\\d{2})?$", "$1$2:$3").replaceFirst(":$", ":00");
        try {
            TemporalAccessor time =
                    DateTimeFormatter.ISO_DATE_TIME.parseBest(iso, ZonedDateTime::from, LocalDateTime::from);
            return time instanceof ZonedDateTime zoned ? zoned.toOffsetDateTime() : time;
        } catch (DateTimeParseException e) {
            return null;
        }
    }
}
